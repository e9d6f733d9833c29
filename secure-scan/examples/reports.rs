//! A report format of your own, errors by kind, and a saved report: `reports REPORT.json`.

#![expect(clippy::print_stdout, reason = "an example talks to its user")]

use std::io::{self, Write};

use secure_scan::{
    Document, FailureKind, PrepareError, PrepareErrorKind, RefusedBy, ScanReport, format,
    report::{FormatError, ReportFormat, View},
};

/// A line for each failed check.
struct Csv;

impl ReportFormat for Csv {
    fn id(&self) -> &'static str {
        "acme-csv"
    }

    fn file_extension(&self) -> &'static str {
        "csv"
    }

    fn write(&self, view: &View<'_>, out: &mut dyn Write) -> Result<(), FormatError> {
        for findings in view.findings {
            for result in findings.results.iter().filter(|result| result.is_finding()) {
                writeln!(
                    out,
                    "{},{},{}",
                    findings.engine.name, result.id, result.severity
                )?;
            }
        }
        Ok(())
    }
}

/// What a program does about a scan that could not be prepared: nothing was created.
fn next_step(error: &PrepareError) -> &'static str {
    match error.kind() {
        PrepareErrorKind::NoTarget => "skip it: the pod is gone",
        PrepareErrorKind::Forbidden => "ask for the rights",
        PrepareErrorKind::Unreachable => "try again later",
        PrepareErrorKind::Strategy => "take another strategy",
        _ => "report it",
    }
}

/// What a program does about a scan that was not done: all that it created is gone, or the verdict says so.
fn what_failed(report: &ScanReport) -> &'static str {
    match report.failure.as_ref().map(|failure| &failure.kind) {
        None => "nothing",
        Some(FailureKind::NoShell) => "the target has no shell: bring the probe",
        Some(FailureKind::ExecForbidden {
            by: RefusedBy::Guard,
        }) => "the admission guard refused the exec",
        Some(FailureKind::TargetReplaced) => "another container took its place: scan that one",
        Some(_) => "see the report",
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _: fn(&PrepareError) -> &'static str = next_step;
    let file = std::env::args().nth(1).ok_or("expected a report")?;
    // Bounded, and of any version: what is read may be hostile.
    let document = Document::parse(&std::fs::read(file)?)?;
    document.write(&Csv, &mut io::stdout())?;
    let mut sarif = Vec::new();
    document.write(&format::SARIF, &mut sarif)?;
    println!("{} bytes of SARIF", sarif.len());
    if let Some(report) = document.scan() {
        println!("failed: {}", what_failed(report));
    }
    Ok(())
}
