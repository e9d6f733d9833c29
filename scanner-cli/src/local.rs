//! `secure-scan local`: the probe's own reading, in this process.

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
    process, thread,
    time::Duration,
};

use scanner_core::{
    ScanEngine as _,
    finding::Severity,
    inventory::{Section, parse},
    report::{LOCAL_SCHEMA, LocalReport, Packages, Verdict},
};
use scanner_probe::{Root, Subject, Tree, answer, archive};
use scanner_report::Document;

use crate::{NOT_DONE, Problem, args::LocalArgs, exit_code, output, policy, profile, sink::Sinks};

/// Longest answer in bytes. In a cluster it is a sixteenth of this: there it goes through the API server.
const MAX_ANSWER: usize = 256 << 20;

pub(crate) fn run(args: &LocalArgs) -> Result<u8, Problem> {
    let profile = profile::load_with(&args.profile, &args.profile_options)?;
    let judge = policy::judge(&args.judge, policy::Inherited::default())?;
    let sinks = Sinks::open(&args.output)?;
    let started = jiff::Timestamp::now().to_string();
    give_up_after(Duration::from_secs(args.timeout));
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
        container: cgroup(args.pid).map_err(|e| unusable("cannot tell the processes of", &e))?,
    };
    let mut bytes = Capped(Vec::new());
    answer(&looked_at, &request, "local", &mut bytes).map_err(|e| failed("cannot read", &e))?;
    let inventory = parse::inventory(scanner_probe::NAME, &bytes.0, "local", &request)
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
        fail_on: findings.fail_on(fail_on),
        profile: format!("{} {}", reference.name, reference.version),
        findings,
        agent: inventory.agent,
        coverage,
        started: Some(started),
        image_digest,
        packages,
    };
    let document = Document::from(report);
    sinks.write(&document, args.verbose, output::coloured(args.color))?;
    Ok(exit_code(document.verdict()))
}

/// Ends this program when it takes longer: a filesystem whose server hangs cannot be interrupted. What
/// was opened for writing is written only at the end, so nothing half-done stays.
fn give_up_after(limit: Duration) {
    thread::spawn(move || {
        thread::sleep(limit);
        let seconds = limit.as_secs();
        let _ = writeln!(
            io::stderr(),
            "error: the scan took longer than {seconds} s and was given up\n\
             hint: name a smaller directory or a profile that looks at less, or give it longer with --timeout"
        );
        #[expect(clippy::exit, reason = "no other thread can be told to end")]
        process::exit(NOT_DONE.into());
    });
}

/// An answer in memory, which what is scanned may not make as long as it likes.
struct Capped(Vec<u8>);

impl Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_ANSWER {
            return Err(io::Error::other(format!(
                "what the profile asks for is longer than {} MiB",
                MAX_ANSWER >> 20
            )));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The cgroups of a process, which its neighbours in a container share. Without them every process of this
/// machine would be taken for one of them.
fn cgroup(pid: Option<u32>) -> io::Result<String> {
    let Some(pid) = pid else {
        return Ok(String::new());
    };
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
    match text.trim() {
        "" => Err(io::Error::other("the kernel names no cgroup of it")),
        text => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_bounded() {
        let mut answer = Capped(vec![0; MAX_ANSWER - 1]);
        assert!(answer.write_all(b"x").is_ok());
        let error = answer.write_all(b"x").unwrap_err();
        assert!(error.to_string().contains("256 MiB"), "{error}");
    }

    #[test]
    fn a_process_without_a_cgroup_stands_for_no_others() {
        assert!(cgroup(Some(u32::MAX)).is_err());
        assert!(!cgroup(Some(process::id())).unwrap().is_empty());
        assert_eq!(cgroup(None).unwrap(), "");
    }
}
