//! `secure-scan audit verify` and `reconcile`, and the log that a scan writes.

use std::{
    fmt::Write as _,
    fs::{File, OpenOptions},
    io::{BufRead as _, BufReader, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::{Args, Subcommand};
use secure_scan::{
    ScanReport,
    audit::{
        AuditKey, AuditLog, PublicKey, Verified,
        reconcile::{Begins, Reconciler, Reconciliation},
        verify,
    },
    escape::visible,
};

use crate::{
    output,
    problem::{CLEANUP, NOT_DONE, Problem},
};

/// Exit code of a log that was changed, and of a call that is an alarm.
const ALARM: u8 = 1;
/// Largest log that is read, in bytes.
const MAX_LOG: u64 = 128 << 20;
/// Longest line of the API server's log that is read, in bytes.
const MAX_LINE: u64 = 4 << 20;
/// Lines of each kind that are shown.
const SHOWN: usize = 50;

#[derive(Debug, Default, Args)]
pub(crate) struct AuditArgs {
    /// Write everything that the scan decides and does to this file, as a signed hash chain
    #[arg(long, value_name = "FILE")]
    pub(crate) audit_log: Option<PathBuf>,
    /// Key that signs the head of the log (ed25519: PKCS #8, or 32 raw bytes) [default: a new one]
    #[arg(long, value_name = "FILE")]
    pub(crate) audit_key: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Show that nothing in an audit log was changed, dropped, moved or cut off
    ///
    /// Exit codes: 0 it is as it was written, 1 it is not, 2 a file cannot be read.
    Verify(VerifyArgs),
    /// Match an audit log with the API server's own, both ways
    ///
    /// A call by the scan's identity that the scan did not log is an alarm: somebody else had its
    /// token. Exit codes: 0 they agree, 1 alarm, 2 a file cannot be read, 3 the server's log does not have
    /// all of it.
    Reconcile(ReconcileArgs),
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Audit log of a scan
    file: PathBuf,
    /// Public key that must have signed its head (PEM, DER or 32 raw bytes)
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Report (JSON) of a scan that this log must be of
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ReconcileArgs {
    #[command(flatten)]
    log: VerifyArgs,
    /// Audit log of the API server (JSON lines); may be repeated for rotated files
    #[arg(long, value_name = "FILE", required = true)]
    apiserver_log: Vec<PathBuf>,
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

pub(crate) fn run(command: &AuditCommand) -> Result<u8, Problem> {
    match command {
        AuditCommand::Verify(args) => {
            let verified = verified(args)?;
            output::print(&format!(
                "whole: {} entries, closed {}\nhead {}\nsigned by key {}{}\n",
                verified.checkpoint.entries,
                visible(&verified.closed, 40),
                verified.checkpoint.head,
                verified.key.id(),
                match (&args.key, &args.report) {
                    (Some(_), _) => ", the one that was given",
                    (None, Some(_)) => ", the one that the report names",
                    (None, None) =>
                        "\nnot verified: whose key that is; give --key, or --report with the report of the scan",
                }
            ))?;
            Ok(0)
        }
        AuditCommand::Reconcile(args) => reconcile(args),
    }
}

fn verified(args: &VerifyArgs) -> Result<Verified, Problem> {
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
    let changed = |why: String| Problem {
        code: ALARM,
        message: format!("{} is not as it was written: {why}", args.file.display()),
        hint: Some("do not trust it; compare with the API server's own audit log".into()),
    };
    let verified = verify(&log, key.as_ref()).map_err(|broken| changed(broken.to_string()))?;
    if let Some(path) = &args.report {
        let report: ScanReport =
            serde_json::from_slice(&read(path, "the report")?).map_err(|error| {
                Problem::usage(
                    format!("{} is not a report: {error}", path.display()),
                    "give the report that was written with: -o json=FILE",
                )
            })?;
        let audit = report.audit.ok_or_else(|| {
            Problem::usage("the report names no audit log", "give a newer report")
        })?;
        if !verified.passed_through(&audit.at) {
            return Err(changed("the report is of another log".into()));
        }
        if audit.public_key != verified.key.to_pem() {
            return Err(changed("the report names another key".into()));
        }
    }
    Ok(verified)
}

fn reconcile(args: &ReconcileArgs) -> Result<u8, Problem> {
    let verified = verified(&args.log)?;
    let mut reconciler = Reconciler::new(&verified);
    for path in &args.apiserver_log {
        each_line(path, |line| reconciler.line(line)).map_err(|error| {
            Problem::usage(
                format!("cannot read {}: {error}", path.display()),
                "give the file that kube-apiserver's --audit-log-path names",
            )
        })?;
    }
    let found = reconciler.finish();
    output::print(&described(&found))?;
    Ok(match (found.alarms.is_empty(), found.missing.is_empty()) {
        (false, _) => ALARM,
        (true, true) if found.unreadable == 0 => 0,
        _ => NOT_DONE,
    })
}

fn described(found: &Reconciliation) -> String {
    let mut text = format!("{} calls are in both logs and agree\n", found.matched);
    if found.lent > 0 {
        let _ = writeln!(
            text,
            "{} calls by the program that was given the token, within what it was given for",
            found.lent
        );
    }
    for (title, lines) in [
        ("ALARMS:", &found.alarms),
        ("answered, but not in the server's log:", &found.missing),
        (
            "without an answer, and not in the server's log (they may never have arrived):",
            &found.never_arrived,
        ),
    ] {
        if lines.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{} {title}", lines.len());
        for line in lines.iter().take(SHOWN) {
            let _ = writeln!(text, "  {}", visible(line, 1000));
        }
        if lines.len() > SHOWN {
            let _ = writeln!(text, "  and {} more", lines.len() - SHOWN);
        }
    }
    if found.unreadable > 0 {
        let _ = writeln!(
            text,
            "{} lines of the server's log cannot be read",
            found.unreadable
        );
    }
    if let (Some(late), Some(from)) = (found.begins_late(), &found.first_event) {
        let (first, last) = found.calls.clone().unwrap_or_default();
        let _ = writeln!(
            text,
            "the server's log begins at {}, {}: give its rotated files too, each with --apiserver-log",
            visible(from, 60),
            match late {
                Begins::AfterScan => format!("after the scan, whose last call was at {last}"),
                Begins::DuringScan => format!("after the scan's first call at {first}"),
            }
        );
    } else if found.first_event.is_none() {
        text.push_str("the server's log has no event\n");
    }
    let until = found.last_event.as_deref().unwrap_or("nothing");
    let _ = writeln!(
        text,
        "the server's log ends with {}: what came later is not verified",
        visible(until, 60)
    );
    text
}

/// Reads line by line, in bounded memory; a longer line is handed over cut, and cannot be read. A
/// last line without an end is one that the server is still writing.
fn each_line(path: &Path, mut take: impl FnMut(&[u8])) -> std::io::Result<()> {
    let mut reader = BufReader::new(File::open(path)?);
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader
            .by_ref()
            .take(MAX_LINE)
            .read_until(b'\n', &mut line)?
            == 0
        {
            return Ok(());
        }
        if line.ends_with(b"\n") || line.len() as u64 == MAX_LINE {
            take(&line);
        }
    }
}

fn read(path: &Path, what: &str) -> Result<Vec<u8>, Problem> {
    let problem = |why: String| {
        Problem::usage(
            format!("cannot read {what} {}: {why}", path.display()),
            "name a file that can be read",
        )
    };
    let mut bytes = Vec::new();
    // One byte more than is read: a device has no length, and what is written to grows.
    let read = File::open(path).and_then(|file| file.take(MAX_LOG + 1).read_to_end(&mut bytes));
    read.map_err(|error| problem(error.to_string()))?;
    if bytes.len() as u64 > MAX_LOG {
        return Err(problem(format!("it is larger than {} MiB", MAX_LOG >> 20)));
    }
    Ok(bytes)
}
