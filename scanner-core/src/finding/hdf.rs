//! How the OHDF family of tools counts results.

use super::{
    result::{CheckResult, CheckStatus},
    severity::Severity,
};

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
}
