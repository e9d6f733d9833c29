//! What a scan amounts to, in one word.

use serde::{Deserialize, Serialize};

use crate::finding::{CheckStatus, Findings, Severity};

/// What a scan amounts to, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every check that applies was looked at, and none failed at the threshold.
    Passed,
    /// At least one check failed at the threshold.
    Findings,
    /// No check failed at the threshold, but at least one could not look, or none applies.
    Incomplete,
    /// The scan could not be done.
    Failed,
    /// A gate refused the target.
    GateAborted,
    /// Something that the scan made may be left, whatever else it found.
    CleanupUnverified,
}

impl Verdict {
    /// Its name, as in the JSON form.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Findings => "findings",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
            Self::GateAborted => "gate_aborted",
            Self::CleanupUnverified => "cleanup_unverified",
        }
    }

    /// The verdict of a scan that was done.
    ///
    /// Thresholds, where there are any, take the place of `threshold` but for a severity that was
    /// named beside them. A check that could not look is never a pass, whatever they allow.
    pub fn of(findings: &Findings, threshold: Severity) -> Self {
        let thresholds = findings.thresholds.as_ref();
        let from = findings.fail_on(threshold);
        if thresholds.is_some_and(|outcome| !outcome.breaches.is_empty())
            || from.is_some_and(|from| findings.fails_at(from))
        {
            Self::Findings
        } else if findings.count(CheckStatus::Error) > 0 || !findings.looked() {
            Self::Incomplete
        } else {
            Self::Passed
        }
    }

    /// One line for a reader.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Passed => {
                "passed: every check that applies was looked at, and none failed at the threshold"
            }
            Self::Findings => "findings: at least one check failed",
            Self::Incomplete => {
                "incomplete: no check failed at the threshold, but some could not look, or none applies"
            }
            Self::Failed => "failed: the scan could not be done, nothing is known of the target",
            Self::GateAborted => "aborted: a gate refused the target, it was not touched",
            Self::CleanupUnverified => "cleanup not verified: something may be left behind",
        }
    }
}
