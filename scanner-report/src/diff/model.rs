//! The result of a comparison of two reports.

use scanner_core::{
    finding::{CheckStatus, Severity},
    report::Verdict,
};
use serde::Serialize;

/// The value of [`Diff::schema`].
pub const SCHEMA: &str = "secure-scan.io/report-diff/v1";

/// What changed between two reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Diff {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// The report that is compared with.
    pub old: Side,
    /// The report that is compared.
    pub new: Side,
    /// What it amounts to.
    pub outcome: Outcome,
    /// Checks that are findings now and were not, or that matter more than they did.
    pub new_findings: Vec<Change>,
    /// Checks that failed and now pass or are not applicable, having looked at no less.
    pub fixed: Vec<Change>,
    /// Checks that changed in another way, including those that could not be done any more.
    pub changed: Vec<Change>,
    /// Sections that are seen more or less completely.
    pub coverage: Vec<Turn>,
    /// Controls that are new, are gone, or have another state.
    pub controls: Vec<Turn>,
}

/// What a comparison amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// Nothing that was not there before, and nothing that could be seen before was not seen.
    NoNewFindings,
    /// At least one new finding.
    NewFindings,
    /// No new finding was seen, but the new report saw less than the old one.
    SeesLess,
}

/// One of the two reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Side {
    /// What was scanned.
    pub subject: String,
    /// When, where the report says.
    pub started: Option<String>,
    /// What it amounts to.
    pub verdict: Verdict,
}

/// A check in both reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Change {
    /// Identifier of the check.
    pub id: String,
    /// Title of the check: how it should be.
    pub title: String,
    /// What is wrong where it fails now, else the title.
    pub headline: String,
    /// Severity in the new report, or in the old one when it is not in the new one.
    pub severity: Severity,
    /// Before; absent when the check was not in the report.
    pub old: Option<CheckStatus>,
    /// Now; absent when the check is not in the report.
    pub new: Option<CheckStatus>,
    /// Whether a waiver covered it before.
    pub was_waived: bool,
    /// Whether a waiver covers it now.
    pub waived: bool,
    /// Whether it covers less than before: it was not done any more, or its pass has new limits.
    pub sees_less: bool,
    /// Evidence that is new.
    pub appeared: Vec<String>,
    /// Evidence that is gone.
    pub vanished: Vec<String>,
}

/// Something whose state changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Turn {
    /// What.
    pub name: String,
    /// Before.
    pub old: String,
    /// Now.
    pub new: String,
}
