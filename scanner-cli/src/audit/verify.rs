//! `secure-scan audit verify`.

use std::{fmt::Write as _, path::PathBuf};

use clap::Args;
use secure_scan::{
    audit::{Broken, PublicKey, ReportEntry, Verified, verify},
    escape::visible,
};

use super::file::read;
use crate::{output, problem::Problem};

/// Exit code of a log that is not as it was written, or not the log of the report.
const CHANGED: u8 = 1;

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Audit log of a scan
    file: PathBuf,
    /// Public key that must have signed the head of the log (PEM, DER or 32 raw bytes)
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// JSON report of the scan; the log must have its digest
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// A log that is intact since somebody closed it.
pub(super) struct Shown {
    pub(super) log: Verified,
    /// Its entry for the report, if one was given.
    report: Option<ReportEntry>,
}

pub(super) fn run(args: &VerifyArgs) -> Result<u8, Problem> {
    let Shown { log, report } = shown(args)?;
    let mut text = format!(
        "whole: {} entries, closed {}\nhead {}\nsigned by key {}{}\n",
        log.checkpoint.entries,
        visible(&log.closed, 40),
        log.checkpoint.head,
        log.key.id(),
        match (&args.key, &report) {
            (Some(_), _) => ", the one that was given",
            (None, Some(_)) => ", the one that the report names",
            (None, None) => "",
        }
    );
    if let Some(report) = report {
        let _ = writeln!(
            text,
            "of this report: verdict {}, target {}, profile {}\nplan sha256 {}\nreport sha256 {}",
            report.verdict,
            visible(&report.target, 400),
            visible(&report.profile, 400),
            visible(&report.plan, 64),
            visible(&report.sha256, 64),
        );
    }
    for line in left_open(args) {
        let _ = writeln!(text, "{line}");
    }
    output::print(&text)?;
    Ok(0)
}

/// What the verification leaves open without a key or a report.
pub(super) fn left_open(args: &VerifyArgs) -> Vec<&'static str> {
    let mut open = Vec::new();
    if args.key.is_none() && args.report.is_none() {
        open.push(
            "not verified: who closed the log. Anyone who can write the file can replace it with a log that omits calls, or has calls that no scan made; give --key with the public key, or --report with a report that you kept elsewhere",
        );
    } else if args.key.is_none() {
        open.push(
            "not verified: who made the report, which names the key of the log. Anyone who can write both files can replace both; give --key",
        );
    }
    if args.report.is_none() {
        open.push("not verified: that a report belongs to this log; give --report");
    }
    open
}

/// Verifies the log and, if a report was given, that the log belongs to it.
pub(super) fn shown(args: &VerifyArgs) -> Result<Shown, Problem> {
    let log = read(&args.file, "the audit log")?;
    let key = match &args.key {
        Some(path) => {
            let key = PublicKey::read(&read(path, "the public key")?);
            Some(key.map_err(|error| {
                Problem::usage(
                    format!("cannot use the public key {}: {error}", path.display()),
                    "make it with: openssl pkey -in KEY -pubout",
                )
            })?)
        }
        None => None,
    };
    let file = args.file.display();
    let log = verify(&log, key.as_ref()).map_err(|broken| match broken {
        Broken::NotALog => Problem::usage(
            format!("cannot use {file}: {broken}"),
            "give the file that was written with: --audit-log FILE",
        ),
        broken => Problem {
            code: CHANGED,
            message: format!("{file} is not intact: {broken}"),
            hint: Some("do not trust it; compare with the API server's own audit log".into()),
        },
    })?;
    let Some(path) = &args.report else {
        return Ok(Shown { log, report: None });
    };
    let report = read(path, "the report")?;
    let held = log.holds_report(&report).cloned().map_err(|why| {
        let why_not = visible(&why.to_string(), 600);
        let message = format!(
            "{} and {file} do not belong together: {why_not}",
            path.display()
        );
        if why.is_usage() {
            return Problem::usage(
                message,
                "give the report that was written with: -o json=FILE",
            );
        }
        Problem {
            code: CHANGED,
            message,
            hint: Some("one of the two was changed or replaced: trust neither".into()),
        }
    })?;
    Ok(Shown {
        log,
        report: Some(held),
    })
}
