//! `secure-scan local`: a directory, a process of this machine, or an image in a file.

use std::{sync::Arc, time::Duration};

use secure_scan::{
    Document, InventoryTap, LocalScan, WithPolicy, core::cause::chain, finding::Severity,
    inventory::Section, local::LocalError,
};

use crate::{
    args::LocalArgs,
    output, policy,
    problem::{NOT_DONE, Problem, USAGE},
    profile,
    remedy::remedy_words,
    sink::Sinks,
};

pub(crate) async fn run(args: &LocalArgs) -> Result<u8, Problem> {
    let profile = profile::load_with(&args.profile, &args.profile_options)?;
    let packages = profile::collects(&profile, Section::Packages);
    let rules = policy::finding_rules(&args.findings)?;
    let sinks = Sinks::open(&args.output)?;
    // Only an image can have a digest; whether this one has is known once its file is read.
    sinks.check(packages, args.oci_archive.is_some())?;
    let tap = Arc::new(InventoryTap::new(profile.clone()));
    let scan = match (args.pid, &args.oci_archive, &args.root) {
        (Some(pid), ..) => LocalScan::process(pid),
        (None, Some(file), _) => LocalScan::oci_archive(file),
        (None, None, root) => LocalScan::directory(root.clone().unwrap_or_default()),
    };
    let scan = match &args.profile_options.save_inventory {
        Some(_) => scan.engine(WithPolicy::new(Arc::clone(&tap), rules)),
        None => scan.engine(WithPolicy::new(profile, rules)),
    };
    let scan = scan
        .threshold(args.findings.fail_on.unwrap_or(Severity::FAIL_ON))
        .time_limit(Duration::from_secs(args.timeout));
    let scan = scan.prepare().await.map_err(Problem::from)?;
    sinks.check(packages, scan.image_digest().is_some())?;
    let report = scan.run().await;
    if let Some(failure) = &report.failure {
        return Err(Problem {
            code: NOT_DONE,
            message: failure.message.to_string(),
            hint: failure.remedy.as_ref().map(remedy_words),
        });
    }
    let recording = tap.take(report.subject.as_str());
    let document = Document::from(report);
    profile::save(&args.profile_options, recording)?;
    sinks.note_result(&document);
    output::completions(&document);
    sinks.write(&document, args.verbose, output::coloured(args.color))?;
    Ok(document.verdict().exit_code())
}

impl From<LocalError> for Problem {
    fn from(error: LocalError) -> Self {
        Self {
            code: if error.is_usage() { USAGE } else { NOT_DONE },
            message: chain(&error),
            hint: error.remedy().as_ref().map(remedy_words),
        }
    }
}
