//! What proves a stage of a control, and what the post-scan audit shows.

use serde::{Deserialize, Serialize};

/// What proves that a stage of a control was done; one sentence each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Evidence(pub Vec<String>);

impl Evidence {
    /// Evidence of one sentence.
    pub fn of(text: impl Into<String>) -> Self {
        Self(vec![text.into()])
    }

    /// No evidence, for a stage that has nothing to do.
    pub const fn none() -> Self {
        Self(Vec::new())
    }
}

/// The post-scan audit, with its own verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct PostScanAudit {
    /// Whether everything that must be verified was verified.
    #[serde(alias = "shown")]
    pub verified: bool,
    /// What was verified, and what could not be.
    pub checks: Vec<AuditCheck>,
}

/// One thing that the post-scan audit verifies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct AuditCheck {
    /// Stable identifier.
    pub id: String,
    /// Its outcome.
    pub outcome: AuditOutcome,
    /// What was compared with what, one sentence each.
    pub evidence: Vec<String>,
}

impl PostScanAudit {
    /// An audit of these checks, which is verified unless one of them is not.
    pub fn new(checks: Vec<AuditCheck>) -> Self {
        let shown = |check: &AuditCheck| {
            matches!(
                check.outcome,
                AuditOutcome::Verified | AuditOutcome::Reported
            )
        };
        Self {
            verified: checks.iter().all(shown),
            checks,
        }
    }
}

impl AuditCheck {
    /// The outcome of a check.
    pub fn new(id: impl Into<String>, outcome: AuditOutcome, evidence: Vec<String>) -> Self {
        Self {
            id: id.into(),
            outcome,
            evidence,
        }
    }
}

/// The outcome of one check of the post-scan audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AuditOutcome {
    /// It is verified.
    #[serde(alias = "shown")]
    Verified,
    /// Something differs that the scan did not cause, or that is known to stay; it is reported.
    #[serde(alias = "told")]
    Reported,
    /// It could not be verified, and so the cleanup is not.
    #[serde(alias = "not_shown")]
    NotVerified,
    /// An outcome of a later version.
    #[serde(other)]
    Unknown,
}
