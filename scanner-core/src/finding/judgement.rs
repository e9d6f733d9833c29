//! What waivers and thresholds make of findings.

use serde::{Deserialize, Serialize};

use super::{CheckResult, CheckStatus, Severity};

/// A waiver that applies to a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Waiver {
    /// Why the failure is accepted, and by whom.
    pub justification: String,
    /// First day on which it does not apply any more, as `YYYY-MM-DD` in UTC.
    pub expires: String,
    /// Whether the check was not looked at (`run: false`).
    pub skipped: bool,
}

/// What came of a waiver file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct WaiverSummary {
    /// File that they came from.
    pub source: String,
    /// Ids of checks whose waiver applies.
    pub applied: Vec<String>,
    /// Waivers that have expired and do not apply, with the day.
    pub expired: Vec<String>,
    /// Waivers that covered nothing, with the reason.
    pub unused: Vec<String>,
}

/// What came of thresholds in the format of the SAF CLI.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ThresholdOutcome {
    /// File that they came from, or `inline`.
    pub source: String,
    /// Percentage of passed checks among those that are passed, failed, skipped or in error.
    pub compliance: u32,
    /// Limits that hold.
    pub met: usize,
    /// Limits that do not hold; one sentence each.
    pub breaches: Vec<String>,
    /// Limits that the SAF CLI reads and never applies, so neither does this.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<String>,
    /// Severity that was named beside them, from which a failed check is a finding as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_on: Option<Severity>,
}

/// How the OHDF (Heimdall) family of tools counts a result; thresholds count the same.
///
/// Source: `inspecjs`, `compute_status` and `convertImpactToSeverity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HdfStatus {
    /// `Passed`.
    Passed,
    /// `Failed`.
    Failed,
    /// `Not Reviewed`; no check of ours is.
    Skipped,
    /// `Profile Error`.
    Error,
    /// `Not Applicable`: impact 0, or `waiver_data.skipped_due_to_waiver`.
    NoImpact,
}

impl CheckResult {
    /// How OHDF counts it: a failure that a waiver covers is not applicable, as in Heimdall.
    pub fn hdf_status(&self) -> HdfStatus {
        match self.status {
            CheckStatus::Error => HdfStatus::Error,
            _ if self.is_waived() => HdfStatus::NoImpact,
            CheckStatus::Pass => HdfStatus::Passed,
            CheckStatus::Fail => HdfStatus::Failed,
            CheckStatus::NotApplicable => HdfStatus::NoImpact,
        }
    }

    /// Its severity in OHDF's words: `none` for what does not apply (impact 0), and `low` for `info`,
    /// as OHDF has nothing between.
    pub fn hdf_severity(&self) -> &'static str {
        match (self.status, self.severity) {
            (CheckStatus::NotApplicable, _) if !self.is_waived() => "none",
            (_, Severity::Info) => "low",
            (_, severity) => severity.name(),
        }
    }

    /// Whether a waiver keeps it from being looked at (`run: false`).
    pub fn is_unseen(&self) -> bool {
        self.waiver.as_ref().is_some_and(|w| w.skipped)
    }

    /// Whether a waiver applies to it.
    pub fn is_waived(&self) -> bool {
        self.waiver.is_some()
    }
}
