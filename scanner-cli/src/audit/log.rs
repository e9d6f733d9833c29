//! The log that a scan writes.

use std::{fs::OpenOptions, os::unix::fs::OpenOptionsExt as _, path::PathBuf, sync::Arc};

use clap::Args;
use secure_scan::{
    ScanReport,
    audit::{AuditKey, AuditLog},
};

use super::file::read;
use crate::{
    output,
    problem::{CLEANUP, Problem},
    remedy::worded,
};

#[derive(Debug, Default, Args)]
pub(crate) struct AuditArgs {
    /// Write everything that the scan decides and does to this file, as a hash chain with a signed head
    /// [default: no file]
    #[arg(long, value_name = "FILE")]
    pub(crate) audit_log: Option<PathBuf>,
    /// Key that signs the head of the log (ed25519: PKCS #8, or 32 raw bytes) [default: a new key for this log]
    #[arg(long, value_name = "FILE")]
    pub(crate) audit_key: Option<PathBuf>,
}

/// An open log. It is closed with its signed head even if the scan is given up: otherwise its end would look cut off.
pub(crate) struct OpenLog {
    log: Arc<AuditLog>,
    /// Whether it goes to a file.
    written: bool,
    closed: bool,
}

/// Begins to write the log where the user wants it.
pub(crate) fn open(log: &Arc<AuditLog>, args: &AuditArgs) -> Result<OpenLog, Problem> {
    if let Some(path) = &args.audit_key {
        let key = AuditKey::read(&read(path, "the audit key")?);
        let key = key.map_err(|error| {
            Problem::usage(
                format!("cannot use the audit key {}: {error}", path.display()),
                "make one with: openssl genpkey -algorithm ed25519 -out FILE",
            )
        })?;
        log.sign_with(key);
    }
    if let Some(path) = &args.audit_log {
        let mut options = OpenOptions::new();
        // Never over the log of another scan.
        let file = options.write(true).create_new(true).mode(0o600).open(path);
        let file = file.map_err(|error| {
            Problem::usage(
                format!("cannot write the audit log to {}: {error}", path.display()),
                "name a file that does not exist yet, in a directory that can be written",
            )
        })?;
        log.write_to(Box::new(file));
    }
    Ok(OpenLog {
        log: Arc::clone(log),
        written: args.audit_log.is_some(),
        closed: false,
    })
}

impl OpenLog {
    /// The report with hints in this program's words. The log is bound anew to a report that this changes.
    pub(crate) fn in_our_words(&self, report: ScanReport) -> ScanReport {
        let before = hints(&report);
        let mut report = worded(report);
        if hints(&report) != before {
            self.log.bind(&mut report);
        }
        report
    }

    /// Closes it with its signed head.
    pub(crate) fn close(mut self) -> Result<(), Problem> {
        self.end()
    }

    fn end(&mut self) -> Result<(), Problem> {
        self.closed = true;
        match self.log.close() {
            Ok(_) => Ok(()),
            Err(_) if !self.written => Ok(()),
            Err(error) => Err(Problem {
                code: CLEANUP,
                message: error.to_string(),
                hint: Some(
                    "the record of what the scan did is incomplete; check the disk, and scan again"
                        .into(),
                ),
            }),
        }
    }
}

fn hints(report: &ScanReport) -> [Option<String>; 2] {
    let hint = |report: &ScanReport| {
        report
            .failure
            .as_ref()
            .and_then(|failure| failure.hint.clone())
    };
    [hint(report), report.image_scan.as_deref().and_then(hint)]
}

impl Drop for OpenLog {
    fn drop(&mut self) {
        if self.closed {
            return;
        }
        if let Err(problem) = self.end() {
            output::print_error(&problem);
        }
    }
}
