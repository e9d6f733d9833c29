//! A gate's decision on a target.

use serde::{Deserialize, Serialize};

/// A gate's decision on a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "decision", rename_all = "snake_case")]
#[non_exhaustive]
pub enum GateDecision {
    /// The scan may go on.
    Allow {
        /// What was seen.
        evidence: String,
    },
    /// The scan may go on, but somebody should know.
    Warn {
        /// What was seen, or what could not be read.
        reason: String,
    },
    /// The scan may not touch the target.
    Abort {
        /// What was seen.
        reason: String,
    },
    /// A decision of a later version.
    #[serde(other)]
    Unknown,
}

/// The decision of one gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GateResult {
    /// Stable identifier of the gate.
    pub id: String,
    /// Its decision.
    pub decision: GateDecision,
}

impl GateResult {
    /// The decision of the gate of that identifier.
    pub fn new(id: impl Into<String>, decision: GateDecision) -> Self {
        Self {
            id: id.into(),
            decision,
        }
    }
}
