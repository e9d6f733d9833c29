//! `secure-scan local`: the probe's own reading, in this process.

use std::{io, path::PathBuf};

use scanner_core::{
    ScanEngine as _,
    finding::Severity,
    inventory::{Section, parse},
    report::{Document, LOCAL_SCHEMA, LocalReport, Packages, Verdict},
};
use scanner_probe::{Root, Subject, Tree, answer, archive};

use crate::{NOT_DONE, Problem, args::LocalArgs, exit_code, output, policy, profile, sink::Sinks};

pub(crate) fn run(args: &LocalArgs) -> Result<u8, Problem> {
    let profile = profile::load_with(&args.profile, &args.profile_options)?;
    let judge = policy::judge(&args.judge, policy::Inherited::default())?;
    let sinks = Sinks::open(&args.output)?;
    let started = jiff::Timestamp::now().to_string();
    let (subject, path) = match (args.pid, &args.oci_archive, &args.root) {
        (Some(pid), ..) => (
            format!("process {pid}"),
            PathBuf::from(format!("/proc/{pid}/root")),
        ),
        (None, Some(file), _) => (format!("image {}", file.display()), file.clone()),
        (None, None, root) => {
            let root = root.clone().unwrap_or_default();
            (format!("directory {}", root.display()), root)
        }
    };
    let hint = "name a directory, a process or an archive of an image that this user may read";
    let failed = |what: &str, error: &dyn std::fmt::Display| Problem {
        code: NOT_DONE,
        ..Problem::usage(format!("{what} {}: {error}", path.display()), hint)
    };
    // What was named is not there, or is something else; only what is in it can fail a scan.
    let unusable = |what: &str, error: &io::Error| match error.kind() {
        io::ErrorKind::InvalidData => failed(what, error),
        _ => Problem::usage(format!("{what} {}: {error}", path.display()), hint),
    };
    let request = profile.request();
    let mut image_digest = None;
    let root: Box<dyn Tree> = if args.oci_archive.is_some() {
        let layers = archive::open(&path, request.files.iter().any(|s| s.digest))
            .map_err(|e| unusable("cannot read the image", &e))?;
        image_digest = layers.manifest_digest().map(str::to_owned);
        Box::new(layers)
    } else {
        Box::new(Root::open(&path).map_err(|e| unusable("cannot open", &e))?)
    };
    sinks.check(
        request.sections.contains(&Section::Packages),
        image_digest.is_some(),
    )?;
    let looked_at = Subject {
        root,
        pid: args.pid,
        container: cgroup(args.pid),
    };
    let mut bytes = Vec::new();
    answer(&looked_at, &request, "local", &mut bytes).map_err(|e| failed("cannot read", &e))?;
    let inventory = parse::inventory(scanner_probe::NAME, &bytes, "local", &request)
        .map_err(|e| failed("cannot read", &e))?;
    let mut absent = vec![Section::Pod];
    if args.pid.is_none() {
        absent.extend(Section::OF_PROCESSES);
    }
    let findings = judge.apply(profile.evaluate_without(&inventory, &absent));
    if let Some(file) = &args.profile_options.save_inventory {
        let (request, inventory) = (request.clone(), inventory.clone());
        profile::save(file, &subject, request, inventory, &absent)?;
    }
    let packages = Packages::of(&inventory);
    let mut coverage = inventory.coverage();
    coverage.retain(|section, _| !absent.contains(section));
    let reference = profile.reference();
    let fail_on = args.judge.fail_on.unwrap_or(Severity::Low);
    let report = LocalReport {
        schema: LOCAL_SCHEMA.into(),
        tool_version: env!("CARGO_PKG_VERSION").into(),
        subject,
        verdict: Verdict::of(&findings, fail_on),
        profile: format!("{} {}", reference.name, reference.version),
        findings,
        agent: inventory.agent,
        coverage,
        started: Some(started),
        image_digest,
        fail_on: Some(fail_on),
        packages,
    };
    let document = Document::from(report);
    sinks.write(&document, args.verbose, output::coloured(args.color))?;
    Ok(exit_code(document.verdict()))
}

/// The cgroup of a process, which its neighbours in a container share.
fn cgroup(pid: Option<u32>) -> String {
    let text = pid.and_then(|pid| std::fs::read_to_string(format!("/proc/{pid}/cgroup")).ok());
    text.unwrap_or_default().trim().to_owned()
}
