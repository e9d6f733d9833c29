//! What waivers and thresholds make of findings.

use serde::{Deserialize, Serialize};

use super::severity::Severity;

/// A waiver that applies to a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Waiver {
    /// Why the failure is accepted, and by whom.
    pub justification: String,
    /// First day on which it does not apply any more, as `YYYY-MM-DD` in UTC.
    pub expires: String,
    /// Whether the check was skipped (`run: false`).
    pub skipped: bool,
}

/// The effect of a waiver file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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

/// The result of thresholds in the format of the SAF CLI.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ThresholdOutcome {
    /// File that they came from, or `inline`.
    pub source: String,
    /// Percentage of passed checks among those that are passed, failed, skipped or in error.
    pub compliance: u32,
    /// Limits that hold.
    pub met: usize,
    /// Limits that do not hold; one sentence each.
    pub breaches: Vec<String>,
    /// Limits that the SAF CLI reads and never applies; secure-scan does not apply them either.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<String>,
    /// Severity that was named beside them, from which a failed check is a finding as well.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "super::severity::lowest_if_unknown"
    )]
    pub fail_on: Option<Severity>,
}

impl Waiver {
    /// A waiver of a check that ran, until that day (`YYYY-MM-DD`).
    pub fn new(justification: impl Into<String>, expires: impl Into<String>) -> Self {
        Self {
            justification: justification.into(),
            expires: expires.into(),
            skipped: false,
        }
    }

    /// The same of a check that is skipped.
    #[must_use]
    pub const fn skipping(mut self) -> Self {
        self.skipped = true;
        self
    }
}
