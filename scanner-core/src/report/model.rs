//! What a report holds: of a scan in a cluster, and of one on this machine.

use std::collections::BTreeMap;

use scanner_inventory::{
    AgentInfo, Coverage, Inventory, LanguagePackage, OsRelease, Package, Section,
};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    alert::SecurityAlert,
    audit::{AuditLog, Checkpoint},
    evidence::{Evidence, PostScanAudit},
    failure::Failure,
    finding::{CheckResult, Findings, Severity},
    gate::decision::GateResult,
    plan::{PlannedControl, ScanPlan},
    remedy::Remedy,
    stage::Stage,
    verdict::Verdict,
};

/// The value of [`ScanReport::schema`].
pub const SCHEMA: &str = "secure-scan.io/report/v2";

/// Everything that a scan found, did and can prove.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
    #[serde(default, alias = "alert", skip_serializing_if = "Option::is_none")]
    pub gate_alert: Option<String>,
    /// What the scan saw that somebody must look into.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<SecurityAlert>,
    /// What each engine found, in the order in which they were given; empty when the scan could not be done.
    #[serde(default, deserialize_with = "one_or_many")]
    pub findings: Vec<Findings>,
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

/// What a report says of the audit log, so that the one can be checked against the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
    /// The same with another remedy, where the scan could not be done.
    #[must_use]
    pub fn with_remedy(mut self, remedy: Remedy) -> Self {
        self.failure = self.failure.map(|failure| failure.with_remedy(remedy));
        self
    }

    /// Every failed check that no waiver covers, of all engines.
    pub fn failed(&self) -> impl Iterator<Item = &CheckResult> {
        let all = self.findings.iter().flat_map(|found| &found.results);
        all.filter(|result| result.is_finding())
    }
}

impl ControlRecord {
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

/// Version 1 had the findings of one engine, or none.
fn one_or_many<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Findings>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        None,
        One(Box<Findings>),
        Many(Vec<Findings>),
    }
    Ok(match Either::deserialize(from)? {
        Either::None => Vec::new(),
        Either::One(one) => vec![*one],
        Either::Many(many) => many,
    })
}

/// The value of [`LocalReport::schema`].
pub const LOCAL_SCHEMA: &str = "secure-scan.io/local-report/v2";

/// What a scan of a directory or a process of this machine found; no cluster, so no controls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LocalReport {
    /// Always [`LOCAL_SCHEMA`].
    pub schema: String,
    /// Version of secure-scan.
    pub tool_version: String,
    /// What was scanned.
    pub subject: String,
    /// What the scan amounts to.
    pub verdict: Verdict,
    /// Why it could not be scanned, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// How far the evidence can be trusted.
    #[serde(default)]
    pub trust: String,
    /// Names and versions of the engines.
    pub profile: String,
    /// What each engine found, in the order in which they were given.
    #[serde(deserialize_with = "one_or_many")]
    pub findings: Vec<Findings>,
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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

/// The life of one control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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

/// What came of one stage of a control.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
}

/// Time spent in one stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Timing {
    /// The stage.
    pub stage: Stage,
    /// Seconds.
    pub seconds: f64,
}

/// Requests sent to the API server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ApiCalls {
    /// As the operator: set-up and cleanup.
    pub operator: u64,
    /// As the scan's own identity: everything that touches the target.
    pub scan: u64,
}
