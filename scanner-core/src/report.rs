//! The report of one scan, version 1: one model that every format renders.
//!
//! Its JSON form is published as `docs/report.schema.json`. Fields are only ever added within
//! version 1; readers ignore fields that they do not know.

pub mod cyclonedx;
pub mod diff;
pub mod document;
pub mod format;
pub mod html;
pub mod in_toto;
pub mod junit;
pub mod markdown;
pub mod ohdf;
pub mod policy_report;
pub mod sarif;
pub mod text;
pub mod view;

pub use document::Document;
pub use format::{Format, render};
pub use view::View;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    audit::{AuditLog, Checkpoint},
    control::Evidence,
    finding::{CheckStatus, Findings, Severity},
    gate::GateResult,
    inventory::{AgentInfo, Coverage, Inventory, LanguagePackage, OsRelease, Package, Section},
    pipeline::Stage,
    plan::ScanPlan,
};

/// The value of [`ScanReport::schema`].
pub const SCHEMA: &str = "secure-scan.io/report/v1";

/// Everything that a scan found, did and can prove.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ScanReport {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Version of secure-scan.
    pub tool_version: String,
    /// What the scan amounts to.
    pub verdict: Verdict,
    /// What was planned, target included.
    pub plan: ScanPlan,
    /// RFC 3339 time at which it started.
    pub started: String,
    /// Seconds from start to proven cleanup.
    pub seconds: f64,
    /// How far the evidence can be trusted.
    pub trust: String,
    /// Why the scan could not be done, if so.
    pub failure: Option<Failure>,
    /// What the gates said.
    pub gates: Vec<GateResult>,
    /// Allowances of the policy that matched nothing of this target.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unused_allowances: Vec<String>,
    /// How the alert of a gate that aborted was raised in the cluster, or why it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<String>,
    /// What the checks say; absent when the scan could not be done.
    pub findings: Option<Findings>,
    /// Which agent answered.
    pub agent: Option<AgentInfo>,
    /// How completely each section that a check reads was collected.
    pub coverage: BTreeMap<Section, Coverage>,
    /// Every control and what proves it.
    pub controls: Vec<ControlRecord>,
    /// Seconds spent in each stage.
    pub timings: Vec<Timing>,
    /// Requests sent to the API server by the operator's identity and the scan's identity.
    pub api_calls: ApiCalls,
    /// What is shown after the scan: nothing left, no credential left, no side effects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_scan: Option<PostScanAudit>,
    /// Where the audit log stood when this report was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<AuditSummary>,
    /// Severity from which a failed check was a finding; absent where thresholds decided alone,
    /// nothing was judged, and in older reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_on: Option<Severity>,
    /// What is installed in the target, where the profile collects packages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packages: Option<Packages>,
    /// The scan that read the target's image before, where the two were compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_scan: Option<Box<Self>>,
}

/// The post-scan audit, with its own verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PostScanAudit {
    /// Whether everything that must be shown was shown.
    pub shown: bool,
    /// What was looked at.
    pub checks: Vec<AuditCheck>,
}

/// One thing that the post-scan audit looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AuditCheck {
    /// Stable identifier.
    pub id: String,
    /// What came of it.
    pub outcome: AuditOutcome,
    /// What was compared with what, one sentence each.
    pub evidence: Vec<String>,
}

/// What came of one check of the post-scan audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditOutcome {
    /// It is shown.
    Shown,
    /// Something differs that is not the scan's doing, or is known to stay; it is told.
    Told,
    /// It cannot be shown: cleanup is not verified.
    NotShown,
}

/// What a report says of the audit log, so that the one can be checked against the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AuditSummary {
    /// Lines so far, and the hash of the last.
    pub at: Checkpoint,
    /// PEM of the ed25519 key that signs the head of the log.
    pub public_key: String,
}

impl AuditSummary {
    /// Where `log` stands now.
    pub fn of(log: &AuditLog) -> Self {
        Self {
            at: log.checkpoint(),
            public_key: log.public_key().map(|key| key.to_pem()).unwrap_or_default(),
        }
    }
}

impl ScanReport {
    /// The same with another hint on what to do next, where the scan could not be done.
    #[must_use]
    pub fn with_hint(mut self, hint: &str) -> Self {
        if let Some(failure) = &mut self.failure {
            failure.hint = Some(hint.to_owned());
        }
        self
    }
}

/// The value of [`LocalReport::schema`].
pub const LOCAL_SCHEMA: &str = "secure-scan.io/local-report/v1";

/// What a scan of a directory or a process of this machine found; no cluster, so no controls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LocalReport {
    /// Always [`LOCAL_SCHEMA`].
    pub schema: String,
    /// Version of secure-scan.
    pub tool_version: String,
    /// What was scanned.
    pub subject: String,
    /// What the scan amounts to.
    pub verdict: Verdict,
    /// Name and version of the profile.
    pub profile: String,
    /// What the checks say.
    pub findings: Findings,
    /// Which agent answered.
    pub agent: AgentInfo,
    /// How completely each section that a check reads was collected.
    pub coverage: BTreeMap<Section, Coverage>,
    /// RFC 3339 time at which it started; absent in older reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
    /// Digest of the image, such as `sha256:...`, where an image was scanned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_digest: Option<String>,
    /// Severity from which a failed check was a finding; absent where thresholds decided alone,
    /// nothing was judged, and in older reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_on: Option<Severity>,
    /// What is installed in the target, where the profile collects packages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packages: Option<Packages>,
}

/// What is installed in a target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Packages {
    /// The distribution that they belong to, where the target says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<OsRelease>,
    /// The packages; [`ScanReport::coverage`] says whether these are all.
    pub items: Vec<Package>,
    /// Packages of languages; [`ScanReport::coverage`] says whether these are all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub language: Vec<LanguagePackage>,
}

impl Packages {
    /// What `inventory` says of packages, if it was asked for them and could look.
    pub fn of(inventory: &Inventory) -> Option<Self> {
        let items = inventory.packages.data().cloned();
        let language = inventory.language_packages.data().cloned();
        if items.is_none() && language.is_none() {
            return None;
        }
        Some(Self {
            os: inventory.os.data().cloned(),
            items: items.unwrap_or_default(),
            language: language.unwrap_or_default(),
        })
    }

    /// How many packages there are, of the distribution and of languages.
    pub fn count(&self) -> usize {
        self.items.len() + self.language.len()
    }
}

/// What a scan amounts to, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
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

/// Why a scan could not be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Failure {
    /// Stage that failed.
    pub stage: Stage,
    /// What went wrong, causes included.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// Whether the user or the system interrupted it.
    pub interrupted: bool,
}

/// The life of one control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
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
    /// Withdrawn once all streams were open.
    pub sealed: ControlStage,
    /// Removed.
    pub released: ControlStage,
    /// Shown to be gone.
    pub release_verified: ControlStage,
}

/// What came of one stage of a control.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ControlStage {
    /// The scan did not get that far.
    #[default]
    NotReached,
    /// Done, with what proves it.
    Done {
        /// What proves it.
        evidence: Evidence,
    },
    /// Does not hold, or that could not be seen, and the scan was told to go on without it.
    NotHeld {
        /// `not enforced: ...` or `unknown: ...`.
        reason: String,
    },
    /// Failed, with the reason.
    Failed {
        /// Why.
        reason: String,
    },
}

/// Time spent in one stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Timing {
    /// The stage.
    pub stage: Stage,
    /// Seconds.
    pub seconds: f64,
}

/// Requests sent to the API server.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct ApiCalls {
    /// As the operator: set-up and cleanup.
    pub operator: u64,
    /// As the scan's own identity: everything that touches the target.
    pub scan: u64,
}

/// The JSON Schema of [`ScanReport`], pretty-printed.
pub fn json_schema() -> String {
    pretty(&schemars::schema_for!(ScanReport))
}

/// The JSON Schema of [`LocalReport`], pretty-printed.
pub fn local_json_schema() -> String {
    pretty(&schemars::schema_for!(LocalReport))
}

fn pretty(schema: &schemars::Schema) -> String {
    let mut text = serde_json::to_string_pretty(schema).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests;
