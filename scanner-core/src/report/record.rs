//! How a scan was done, as its report holds it: controls, times, calls and the audit log.

use serde::{Deserialize, Serialize};

use crate::{
    audit::{AuditLog, Checkpoint},
    evidence::Evidence,
    plan::PlannedControl,
    stage::Stage,
};

/// The life of one control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ControlRecord {
    /// Stable identifier.
    pub id: String,
    /// One line for a reader.
    pub title: String,
    /// What was planned.
    pub planned: Vec<String>,
    /// Put in place.
    pub enforced: ControlStage,
    /// Shown to hold.
    pub verified: ControlStage,
    /// Access given to the scan identity; most controls give none.
    #[serde(default)]
    pub granted: ControlStage,
    /// Withdrawn once all streams were open.
    #[serde(alias = "sealed")]
    pub revoked: ControlStage,
    /// Removed.
    pub released: ControlStage,
    /// Shown to be gone.
    pub release_verified: ControlStage,
}

/// The outcome of one stage of a control.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "state", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ControlStage {
    /// The scan did not get that far.
    #[default]
    NotReached,
    /// Done, with what proves it.
    Done {
        /// What proves it.
        evidence: Evidence,
    },
    /// The part of the cluster that the control needs is not installed, and the scan may go on without it.
    NotInstalled {
        /// How that was seen, and what limits the scan without it.
        reason: String,
    },
    /// Does not hold, or that could not be seen, and the scan may go on without it.
    NotHeld {
        /// `not enforced: ...` or `unknown: ...`.
        reason: String,
    },
    /// Failed, with the reason.
    Failed {
        /// Why.
        reason: String,
    },
    /// A state of a later version.
    #[serde(other)]
    Unknown,
}

impl ControlStage {
    /// Its word in a table. A stage is called done only if something was seen that proves it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::NotReached => "-",
            Self::Done { evidence } if evidence.0.is_empty() => "n/a",
            Self::Done { .. } => "yes",
            Self::NotInstalled { .. } => "not installed",
            Self::NotHeld { .. } => "NO",
            Self::Failed { .. } => "FAILED",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// Time spent in one stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Timing {
    /// The stage.
    pub stage: Stage,
    /// Seconds.
    pub seconds: f64,
}

/// Requests sent to the API server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ApiCalls {
    /// As the operator: set-up and cleanup.
    pub operator: u64,
    /// As the scan's own identity: everything that touches the target.
    pub scan: u64,
}

impl Timing {
    /// Time spent in that stage.
    pub const fn new(stage: Stage, seconds: f64) -> Self {
        Self { stage, seconds }
    }
}

impl ApiCalls {
    /// Requests as the operator and as the scan's own identity.
    pub const fn new(operator: u64, scan: u64) -> Self {
        Self { operator, scan }
    }
}

impl ControlRecord {
    /// The same as this version writes it: earlier ones had a missing admission guard as evidence that it was verified.
    #[must_use]
    pub(super) fn upgraded(mut self) -> Self {
        const BEGINNING: &str = "admission-guard: not installed";
        let ControlStage::Done { evidence } = &self.verified else {
            return self;
        };
        if let [reason] = evidence.0.as_slice()
            && self.id == "admission-guard"
            && reason.starts_with(BEGINNING)
        {
            let reason = reason.clone();
            self.verified = ControlStage::NotInstalled { reason };
        }
        self
    }

    /// The record of a control that was planned and has done nothing yet.
    pub fn of(plan: PlannedControl) -> Self {
        Self {
            id: plan.id,
            title: plan.title,
            planned: plan.planned,
            enforced: ControlStage::NotReached,
            verified: ControlStage::NotReached,
            granted: ControlStage::NotReached,
            revoked: ControlStage::NotReached,
            released: ControlStage::NotReached,
            release_verified: ControlStage::NotReached,
        }
    }
}

/// What a report says of the audit log, so that the one can be checked against the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct AuditSummary {
    /// Lines so far, and the hash of the last.
    pub at: Checkpoint,
    /// PEM of the ed25519 key that signs the head of the log.
    pub public_key: String,
}

impl AuditSummary {
    /// Where a log stood, and the key that signs its head.
    pub fn new(at: Checkpoint, public_key: impl Into<String>) -> Self {
        Self {
            at,
            public_key: public_key.into(),
        }
    }

    /// Where `log` stands now.
    pub fn of(log: &AuditLog) -> Self {
        Self {
            at: log.checkpoint(),
            public_key: log.public_key().map(|key| key.to_pem()).unwrap_or_default(),
        }
    }
}
