//! Findings: what the checks of each engine say of one inventory.

mod hdf;
mod origin;
mod outcome;
mod result;
pub(crate) mod severity;

pub use hdf::HdfStatus;
pub use origin::EvidenceFrom;
pub use outcome::{ThresholdOutcome, Waiver, WaiverSummary};
pub use result::{CheckResult, CheckStatus};
pub use severity::{Severity, UnknownSeverity};

use std::collections::BTreeMap;

use scanner_inventory::Gaps;
use serde::{Deserialize, Serialize};

impl Findings {
    /// Whether at least one check ran or was skipped by a waiver. If none applies, nothing is known.
    pub fn looked(&self) -> bool {
        let looked = |r: &CheckResult| r.status != CheckStatus::NotApplicable || r.waiver.is_some();
        self.results.iter().any(looked)
    }
}

/// Which engine made findings: a profile, or an engine of a third party.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct EngineRef {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Title.
    pub title: String,
    /// SHA-256 of what it checks, in hexadecimal, such as the text of a profile and of those that it extends; empty
    /// where an engine does not say.
    #[serde(default)]
    pub digest: String,
    /// Values of its inputs that are not their defaults.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, String>,
    /// Why checks of it are not among the results, such as `--tag`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub selection: Vec<String>,
    /// Ids of the checks that it has and that were not selected. A report does not have them.
    #[serde(skip)]
    pub left_out: Vec<String>,
}

/// Everything that one engine says of an inventory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Findings {
    /// The engine.
    #[serde(alias = "profile")]
    pub engine: EngineRef,
    /// One result for each check, in the engine's order.
    pub results: Vec<CheckResult>,
    /// The effect of the waivers, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waivers: Option<WaiverSummary>,
    /// The result of the thresholds, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thresholds: Option<ThresholdOutcome>,
    /// Whether everything must have been read, see [`Findings::demand_complete`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub must_be_complete: bool,
    /// How many paths or items that passed checks ask for were not read. One that several checks ask for counts once.
    #[serde(default, skip_serializing_if = "result::is_zero")]
    pub not_read: u64,
}

impl EngineRef {
    /// An engine of that name and version; the title is the name.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            title: name.clone(),
            name,
            version: version.into(),
            ..Self::default()
        }
    }

    /// The same with a title.
    #[must_use]
    pub fn with_title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// The same with the digest of what it checks.
    #[must_use]
    pub fn with_digest(mut self, digest: impl Into<String>) -> Self {
        self.digest = digest.into();
        self
    }
}

impl std::fmt::Display for EngineRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

impl Findings {
    /// What an engine found.
    pub fn new(engine: EngineRef, mut results: Vec<CheckResult>) -> Self {
        let mut unread: BTreeMap<String, Gaps> = BTreeMap::new();
        for result in &mut results {
            let own = std::mem::take(&mut result.unread);
            if result.status == CheckStatus::Pass {
                for (section, gaps) in own {
                    unread.entry(section).or_default().unite(&gaps);
                }
            }
        }
        Self {
            engine,
            results,
            waivers: None,
            thresholds: None,
            must_be_complete: false,
            not_read: unread.values().map(Gaps::missing).sum(),
        }
    }

    /// Turns every pass that rests on only a part of what its check asks for, or on what may have changed since, into an
    /// error. A failure that rests on such data makes the verdict incomplete: there may be more than was found.
    pub fn demand_complete(&mut self) {
        self.must_be_complete = true;
        for result in &mut self.results {
            if result.status != CheckStatus::Pass || result.is_complete() {
                continue;
            }
            let why = if result.not_read > 0 {
                "some data could not be read"
            } else {
                "some data was read from the image alone and may have changed since in the container"
            };
            let limits = std::mem::take(&mut result.limits);
            result.status = CheckStatus::Error;
            result.message = format!(
                "no violation found, but the scan must be complete, and {why}: {}",
                limits.join("; ")
            );
        }
    }

    /// Whether everything had to be read, and something was not, or was read where it may have changed since.
    pub fn lacks_completeness(&self) -> bool {
        self.must_be_complete && self.results.iter().any(|r| !r.is_complete())
    }

    /// The findings of an engine that gave none: one check that was not done, so that the scan does not pass.
    pub fn failed(engine: EngineRef, why: &str) -> Self {
        let id = format!("{}-engine", engine.name);
        let title = format!("Engine {engine} ran");
        let check = CheckResult::new(id, title, Severity::High).error(why);
        Self::new(engine, vec![check])
    }

    /// Number of results with that status.
    pub fn count(&self, status: CheckStatus) -> usize {
        self.results.iter().filter(|r| r.status == status).count()
    }

    /// Number of failed checks that a waiver covers.
    pub fn waived(&self) -> usize {
        let covered = |r: &&CheckResult| r.status == CheckStatus::Fail && r.waiver.is_some();
        self.results.iter().filter(covered).count()
    }

    /// Lowest severity at which a failed check is a finding by itself: `without_thresholds` if there are no
    /// thresholds; none if they decide alone.
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

/// Severity from which a failed check is a finding, for a report of these engines: that of the engines without
/// thresholds, if there are any; else the lowest that was named beside thresholds.
pub(crate) fn fail_on(findings: &[Findings], threshold: Severity) -> Option<Severity> {
    if findings.iter().any(|found| found.thresholds.is_none()) {
        return Some(threshold);
    }
    let named = findings.iter().filter_map(|found| found.fail_on(threshold));
    named.min()
}
