//! The result of a scan, in one word.

use serde::{Deserialize, Serialize};

use crate::finding::{CheckStatus, Findings, Severity};

/// The result of a scan, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verdict {
    /// Every applicable check ran, and none failed at the threshold.
    Passed,
    /// Every applicable check ran, and at least one failed at the threshold.
    Findings,
    /// At least one check was not done, none applies, or something that had to be read was not, whatever else
    /// failed.
    Incomplete,
    /// The scan could not be done.
    Failed,
    /// A gate refused the target.
    GateAborted,
    /// A control raised an alert that somebody must investigate, such as another holder of the scan's identity.
    SecurityAlert,
    /// Something that the scan made may be left, whatever else it found.
    CleanupUnverified,
    /// A verdict of a later version; never a pass.
    #[serde(other)]
    Unknown,
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
            Self::SecurityAlert => "security_alert",
            Self::CleanupUnverified => "cleanup_unverified",
            Self::Unknown => "unknown",
        }
    }

    /// The verdict of a scan that was done, over the findings of all its engines.
    ///
    /// If an engine has thresholds, they take the place of `threshold` for its findings, except for a severity that was
    /// named beside them. A check that was not done is never a pass, whatever they allow. It takes precedence over
    /// findings: there may be more than were found.
    pub fn of(findings: &[Findings], threshold: Severity) -> Self {
        let fails = |found: &Findings| {
            let breached = found
                .thresholds
                .as_ref()
                .is_some_and(|outcome| !outcome.breaches.is_empty());
            let from = found.fail_on(threshold);
            breached || from.is_some_and(|from| found.fails_at(from))
        };
        let unseen = |found: &Findings| {
            found.count(CheckStatus::Error) > 0 || !found.looked() || found.lacks_completeness()
        };
        if findings.is_empty() || findings.iter().any(unseen) {
            Self::Incomplete
        } else if findings.iter().any(fails) {
            Self::Findings
        } else {
            Self::Passed
        }
    }

    /// One line for a reader.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Passed => "passed: every applicable check ran, and none failed at the threshold",
            Self::Findings => "findings: at least one check failed",
            Self::Incomplete => "incomplete: something that had to be checked or read was not",
            Self::Failed => {
                "failed: the scan could not be done, so nothing is known about the target"
            }
            Self::GateAborted => "aborted: a gate refused the target, which was not touched",
            Self::SecurityAlert => {
                "security alert: a control raised an alert that somebody must investigate"
            }
            Self::CleanupUnverified => "cleanup not verified: something may be left behind",
            Self::Unknown => "a verdict of a later version, which does not count as passed",
        }
    }

    /// The exit code of a program that did the scan: 0 passed, 1 findings, 3 incomplete or failed, 4 refused by a gate
    /// or an alert, 5 cleanup not verified.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Findings => 1,
            Self::Incomplete | Self::Failed | Self::Unknown => 3,
            Self::GateAborted | Self::SecurityAlert => 4,
            Self::CleanupUnverified => 5,
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
