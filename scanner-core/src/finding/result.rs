//! The outcome of one check.

use std::{borrow::Cow, collections::BTreeMap};

use scanner_inventory::Gaps;
use serde::{Deserialize, Serialize};

use super::{origin::EvidenceFrom, outcome::Waiver, severity::Severity};

/// What a check says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    /// Checked, and correct.
    Pass,
    /// Checked, and wrong.
    Fail,
    /// Does not apply to this target.
    NotApplicable,
    /// Could not be checked, or a status of a later version; never a pass.
    #[serde(other)]
    Error,
}

/// The outcome of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct CheckResult {
    /// Stable identifier in kebab case.
    pub id: String,
    /// How it should be, in one line.
    pub title: String,
    /// What is wrong if it fails, in one line; empty if an engine does not say, and in reports of version 1.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fails: String,
    /// How much a failure matters; a severity of a later version is read as critical.
    #[serde(deserialize_with = "super::severity::worst_if_unknown")]
    pub severity: Severity,
    /// What the check says.
    pub status: CheckStatus,
    /// Why; for an error, what could not be read.
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
    /// How many paths or items that it asks for were not read, as far as that is known. If there are any, a
    /// pass is based on the others.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub not_read: u64,
    /// These paths and items by section, until [`Findings::new`](super::Findings::new) takes them. A report does not have them.
    #[serde(skip)]
    pub unread: BTreeMap<String, Gaps>,
    /// Where its evidence came from, in a scan that reads in the image what the container does not show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence_from: Option<EvidenceFrom>,
    /// How many places that it asks for were read from the image, since the container does not show them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub read_from_image: u64,
    /// Whether a process with the owner's rights could have changed those places since in the container.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_have_changed: bool,
    /// Words by which checks are selected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Sections of benchmarks and standards, and addresses of pages, that ask for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<String>,
    /// The waiver that applies; the failure stays a failure, but is not a finding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiver: Option<Waiver>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
pub(super) const fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl CheckResult {
    /// A check that was not done yet; [`CheckResult::pass`], [`CheckResult::fail`], [`CheckResult::error`] or
    /// [`CheckResult::not_applicable`] say what came of it. `title` says how it should be.
    pub fn new(id: impl Into<String>, title: impl Into<String>, severity: Severity) -> Self {
        Self {
            id: id.into(),
            title: title.into(),
            fails: String::new(),
            severity,
            status: CheckStatus::Error,
            message: "not checked".into(),
            evidence: Vec::new(),
            evidence_total: 0,
            rationale: String::new(),
            fix: String::new(),
            limits: Vec::new(),
            not_read: 0,
            unread: BTreeMap::new(),
            evidence_from: None,
            read_from_image: 0,
            may_have_changed: false,
            tags: Vec::new(),
            references: Vec::new(),
            waiver: None,
        }
    }

    /// It was checked, and is correct.
    #[must_use]
    pub fn pass(mut self) -> Self {
        self.status = CheckStatus::Pass;
        self.message = String::new();
        self
    }

    /// It was checked, and is wrong; `evidence` is what was seen.
    #[must_use]
    pub fn fail(mut self, evidence: Vec<String>) -> Self {
        self.status = CheckStatus::Fail;
        self.message = String::new();
        self.evidence_total = u64::try_from(evidence.len()).unwrap_or(u64::MAX);
        self.evidence = evidence;
        self
    }

    /// It could not be checked.
    #[must_use]
    pub fn error(mut self, why: impl Into<String>) -> Self {
        self.status = CheckStatus::Error;
        self.message = why.into();
        self
    }

    /// It does not apply to this target.
    #[must_use]
    pub fn not_applicable(mut self, why: impl Into<String>) -> Self {
        self.status = CheckStatus::NotApplicable;
        self.message = why.into();
        self
    }

    /// The same with what is wrong where it fails.
    #[must_use]
    pub fn with_failing_title(mut self, title: impl Into<String>) -> Self {
        self.fails = title.into();
        self
    }

    /// The same with why it matters and what to do.
    #[must_use]
    pub fn with_advice(mut self, rationale: impl Into<String>, fix: impl Into<String>) -> Self {
        self.rationale = rationale.into();
        self.fix = fix.into();
        self
    }

    /// One line for a reader: what is wrong where it failed, else how it should be. Where an engine does not say what
    /// is wrong, the title of a failed check stands after `failed:`, since it says how it should be.
    pub fn headline(&self) -> Cow<'_, str> {
        match self.status {
            CheckStatus::Fail if !self.fails.is_empty() => Cow::Borrowed(&self.fails),
            CheckStatus::Fail => Cow::Owned(format!("failed: {}", self.title)),
            _ => Cow::Borrowed(&self.title),
        }
    }

    /// Whether all that it asks for was read where it is: in the container, or in an image that the container cannot have
    /// changed.
    pub const fn is_complete(&self) -> bool {
        self.not_read == 0 && !self.may_have_changed
    }

    /// Whether it failed and no waiver covers that.
    pub fn is_finding(&self) -> bool {
        self.status == CheckStatus::Fail && self.waiver.is_none()
    }

    /// Whether it was checked. It was not if that was impossible, or if the check is disabled, skipped by a waiver, or
    /// about something that is not there; its message then says which.
    pub fn looked(&self) -> bool {
        match self.status {
            CheckStatus::Pass | CheckStatus::Fail => true,
            CheckStatus::NotApplicable => self.waiver.is_none() && self.message.is_empty(),
            CheckStatus::Error => false,
        }
    }

    /// Whether a waiver skips it (`run: false`).
    pub fn is_unseen(&self) -> bool {
        self.waiver.as_ref().is_some_and(|w| w.skipped)
    }

    /// Whether a waiver applies to it.
    pub fn is_waived(&self) -> bool {
        self.waiver.is_some()
    }
}
