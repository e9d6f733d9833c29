//! Findings: what the checks of a profile say of one inventory.

mod judgement;

pub use judgement::{HdfStatus, ThresholdOutcome, Waiver, WaiverSummary};

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// How much a failed check matters.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Hardening.
    Low,
    /// Helps an attacker who is already inside.
    Medium,
    /// Likely to be used by an attacker.
    High,
    /// A way in or out by itself.
    Critical,
}

impl Severity {
    /// Every severity, the worst first.
    pub const WORST_FIRST: [Self; 5] = [
        Self::Critical,
        Self::High,
        Self::Medium,
        Self::Low,
        Self::Info,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A word that names no severity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown severity; expected info, low, medium, high or critical")]
pub struct UnknownSeverity;

impl FromStr for Severity {
    type Err = UnknownSeverity;

    fn from_str(text: &str) -> Result<Self, UnknownSeverity> {
        Self::WORST_FIRST
            .into_iter()
            .find(|s| s.name() == text)
            .ok_or(UnknownSeverity)
    }
}

/// What a check says.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    /// Looked at, and as it should be.
    Pass,
    /// Looked at, and not as it should be.
    Fail,
    /// Could not be looked at; never a pass.
    Error,
    /// Does not apply to this target.
    NotApplicable,
}

/// The outcome of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CheckResult {
    /// Stable identifier in kebab case.
    pub id: String,
    /// One line for a reader.
    pub title: String,
    /// How much a failure matters.
    pub severity: Severity,
    /// What the check says.
    pub status: CheckStatus,
    /// Why; for an error, what could not be looked at.
    pub message: String,
    /// What was seen, at most a bounded number of items.
    pub evidence: Vec<String>,
    /// How many items of evidence there were.
    pub evidence_total: u64,
    /// Why it matters.
    pub rationale: String,
    /// What to do.
    pub fix: String,
    /// What a pass does not claim.
    pub limits: Vec<String>,
    /// Words by which checks are selected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Sections of benchmarks and standards, and addresses of pages, that ask for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<String>,
    /// The waiver that applies; the failure stays a failure, but is no finding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiver: Option<Waiver>,
}

impl Findings {
    /// Whether at least one check was looked at, or is waived from that: where none applies, nothing
    /// is known.
    pub fn looked(&self) -> bool {
        let looked = |r: &CheckResult| r.status != CheckStatus::NotApplicable || r.waiver.is_some();
        self.results.iter().any(looked)
    }
}

impl CheckResult {
    /// Whether it failed and no waiver covers that.
    pub fn is_finding(&self) -> bool {
        self.status == CheckStatus::Fail && self.waiver.is_none()
    }

    /// Whether anything was looked at: not where it could not be, or where the check is disabled,
    /// waived from being run, or about what is not there, which its message then says.
    pub fn looked(&self) -> bool {
        match self.status {
            CheckStatus::Pass | CheckStatus::Fail => true,
            CheckStatus::NotApplicable => self.waiver.is_none() && self.message.is_empty(),
            CheckStatus::Error => false,
        }
    }
}

/// Which profile made findings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
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
