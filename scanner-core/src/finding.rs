//! Findings: what the checks of a profile say of one inventory.

mod hdf;
mod judgement;
mod result;
mod severity;

pub use hdf::HdfStatus;
pub use judgement::{ThresholdOutcome, Waiver, WaiverSummary};
pub use result::{CheckResult, CheckStatus};
pub use severity::{Severity, UnknownSeverity};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

impl Findings {
    /// Whether at least one check was looked at, or is waived from that: where none applies, nothing
    /// is known.
    pub fn looked(&self) -> bool {
        let looked = |r: &CheckResult| r.status != CheckStatus::NotApplicable || r.waiver.is_some();
        self.results.iter().any(looked)
    }
}

/// Which profile made findings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProfileRef {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Title.
    pub title: String,
    /// SHA-256 of the profile's text, in hexadecimal; of the texts that it extends too, if any.
    pub digest: String,
    /// Values of its inputs that are not their defaults.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, String>,
    /// Why checks of the profile are not among the results, such as `--tag`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub selection: Vec<String>,
}

/// Everything that a profile says of an inventory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Findings {
    /// The profile.
    pub profile: ProfileRef,
    /// One result for each check, in the profile's order.
    pub results: Vec<CheckResult>,
    /// What came of the waivers, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waivers: Option<WaiverSummary>,
    /// What came of the thresholds, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thresholds: Option<ThresholdOutcome>,
}

impl Findings {
    /// Number of results with that status.
    pub fn count(&self, status: CheckStatus) -> usize {
        self.results.iter().filter(|r| r.status == status).count()
    }

    /// Number of failed checks that a waiver covers.
    pub fn waived(&self) -> usize {
        let covered = |r: &&CheckResult| r.status == CheckStatus::Fail && r.waiver.is_some();
        self.results.iter().filter(covered).count()
    }

    /// Severity from which a failed check is a finding by itself: `without_thresholds` where there
    /// are no thresholds; none where they decide alone.
    pub fn fail_on(&self, without_thresholds: Severity) -> Option<Severity> {
        match &self.thresholds {
            Some(outcome) => outcome.fail_on,
            None => Some(without_thresholds),
        }
    }

    /// Whether a check of that severity or worse failed, and no waiver covers that.
    pub fn fails_at(&self, threshold: Severity) -> bool {
        self.results
            .iter()
            .any(|r| r.is_finding() && r.severity >= threshold)
    }
}
