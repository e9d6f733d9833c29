//! Binds a report and a log to each other: the report names where the log stood, and the next line holds its digest.

use serde_json::Value;

use super::{
    model::{SCHEMA, SCHEMA_V1, ScanReport},
    record::AuditSummary,
};
use crate::audit::{AuditLog, Entry, ReportEntry, Verified, canonical};

impl AuditLog {
    /// Binds a finished report and this log to each other: the report gets the head of the log, and the next line of the log
    /// gets the digest of the report. A report that is changed after this is another one: bind it again.
    ///
    /// A report without a canonical form, or a log that is closed, is reported by [`AuditLog::close`] as a line that was lost.
    pub fn bind(&self, report: &mut ScanReport) {
        self.record_next(|at, key| {
            report.audit = Some(AuditSummary::new(at.clone(), key));
            entry(report).map(Entry::Report)
        });
    }
}

/// The entry of a log for a report, or why there can be none.
fn entry(report: &ScanReport) -> Result<ReportEntry, String> {
    let json = serde_json::to_vec(report).map_err(|error| error.to_string())?;
    let value = canonical::parse(&json).map_err(|error| format!("the report: {error}"))?;
    let digest = |value: &Value| canonical::digest(value).map_err(|error| error.to_string());
    Ok(ReportEntry {
        scan: report.plan.scan_id.clone(),
        sha256: digest(&value)?,
        verdict: report.verdict,
        target: report.plan.target.to_string(),
        plan: digest(&value["plan"])?,
        profile: report.plan.profile.clone(),
    })
}

/// Why a log is not the log of a report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unbound {
    /// The file is not a report of a scan in a cluster, or two readers can read it in two ways.
    #[error("it is not a report of a scan in a cluster: {0}")]
    NotAReport(String),
    /// The report names no log.
    #[error("it names no audit log")]
    NamesNoLog,
    /// The log never stood where the report says.
    #[error("the report is of another log")]
    OtherLog,
    /// The log is signed by another key than the report names.
    #[error("the report names another key than the one that signed the log")]
    OtherKey,
    /// The log has no digest where the report says that it begins.
    #[error("the log holds no digest of a report after the line that the report names")]
    NoDigest,
    /// The log holds the digest of another report; the value names what differs.
    #[error(
        "the report is not the one whose digest the log holds: another {}", .0.join(", ")
    )]
    Differs(Vec<&'static str>),
    /// The log has no plan of a scan with that id and target.
    #[error("the log has no scan with the id and the target of the report")]
    NoSuchScan,
}

impl Unbound {
    /// Whether the file itself is at fault, and not the log or the contents of the report.
    pub const fn is_usage(&self) -> bool {
        matches!(self, Self::NotAReport(_) | Self::NamesNoLog)
    }
}

impl Verified {
    /// Shows that `report`, the bytes of a report as JSON, is the one to which this log was bound.
    ///
    /// # Errors
    ///
    /// Says why it is not.
    pub fn holds_report(&self, report: &[u8]) -> Result<&ReportEntry, Unbound> {
        let invalid = |error: &dyn std::fmt::Display| Unbound::NotAReport(error.to_string());
        let value = canonical::parse(report).map_err(|error| invalid(&error))?;
        let schema = value.get("schema").and_then(Value::as_str);
        if !matches!(schema, Some(SCHEMA | SCHEMA_V1)) {
            return Err(Unbound::NotAReport("it names another schema".into()));
        }
        let read: ScanReport = serde_json::from_slice(report).map_err(|error| invalid(&error))?;
        let audit = read.audit.as_ref().ok_or(Unbound::NamesNoLog)?;
        if !self.passed_through(&audit.at) {
            return Err(Unbound::OtherLog);
        }
        if audit.public_key != self.key.to_pem() {
            return Err(Unbound::OtherKey);
        }
        let index = usize::try_from(audit.at.entries).map_err(|_| Unbound::NoDigest)?;
        let next = self.records.get(index).map(|record| &record.entry);
        let Some(Entry::Report(bound)) = next else {
            return Err(Unbound::NoDigest);
        };
        let digest = |value: &Value| canonical::digest(value).map_err(|error| invalid(&error));
        let plan = &read.plan;
        let differs: Vec<&'static str> = [
            ("scan id", bound.scan != plan.scan_id),
            ("verdict", bound.verdict != read.verdict),
            ("target", bound.target != plan.target.to_string()),
            ("plan", bound.plan != digest(&value["plan"])?),
            ("profile", bound.profile != plan.profile),
            ("content", bound.sha256 != digest(&value)?),
        ]
        .into_iter()
        .filter_map(|(what, differs)| differs.then_some(what))
        .collect();
        if !differs.is_empty() {
            return Err(Unbound::Differs(differs));
        }
        let mut before = self.records.iter().take(index);
        let planned = before.any(|record| match &record.entry {
            Entry::Planned { scan, target, .. } => *scan == bound.scan && *target == bound.target,
            _ => false,
        });
        planned.then_some(bound).ok_or(Unbound::NoSuchScan)
    }
}
