//! The outcome of one check.

use serde::{Deserialize, Serialize};

use super::{judgement::Waiver, severity::Severity};

/// What a check says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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

    /// Whether a waiver keeps it from being looked at (`run: false`).
    pub fn is_unseen(&self) -> bool {
        self.waiver.as_ref().is_some_and(|w| w.skipped)
    }

    /// Whether a waiver applies to it.
    pub fn is_waived(&self) -> bool {
        self.waiver.is_some()
    }
}
