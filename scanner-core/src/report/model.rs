//! What a report holds: of a scan in a cluster, and of one on this machine.

#[cfg(feature = "schema")]
use std::collections::BTreeMap;

use scanner_inventory::{AgentInfo, FromImage};
#[cfg(feature = "schema")]
use scanner_inventory::{Coverage, Section};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    alert::SecurityAlert,
    evidence::PostScanAudit,
    failure::Failure,
    finding::{CheckResult, Findings, Severity, severity::lowest_if_unknown},
    gate::decision::GateResult,
    plan::ScanPlan,
    remedy::Remedy,
    verdict::Verdict,
};

use super::{
    coverage::SectionCoverage,
    origin::Origin,
    packages::Packages,
    record::{ApiCalls, AuditSummary, ControlRecord, Timing},
};

/// The value of [`ScanReport::schema`].
pub const SCHEMA: &str = "secure-scan.io/report/v2";
/// The same of version 1, which is still read.
pub const SCHEMA_V1: &str = "secure-scan.io/report/v1";

/// Everything that a scan found, did and can prove.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ScanReport {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Version of secure-scan.
    pub tool_version: String,
    /// Where the scan was made and by whom; absent in older reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// The result of the scan.
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
    /// What the scan saw that somebody must investigate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<SecurityAlert>,
    /// What each engine found, in the order in which they were given; empty when the scan could not be done.
    #[serde(default, deserialize_with = "one_or_many")]
    pub findings: Vec<Findings>,
    /// Which agent answered.
    pub agent: Option<AgentInfo>,
    /// How completely each section that a check reads was collected.
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<Section, Coverage>"))]
    pub coverage: SectionCoverage,
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
    /// nothing was evaluated, and in older reports.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lowest_if_unknown"
    )]
    pub fail_on: Option<Severity>,
    /// What is installed in the target, if the profile collects packages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packages: Option<Packages>,
    /// What was read from the image, where the scan reads there what the container does not show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_image: Option<FromImage>,
    /// The scan that read the target's image first, if the two were compared or the image completes the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_scan: Option<Box<Self>>,
}

impl ScanReport {
    /// A report of that plan and verdict that holds nothing else yet; it started now. For tests of programs
    /// that read reports; a scan makes its own report.
    pub fn new(plan: ScanPlan, verdict: Verdict) -> Self {
        Self {
            schema: SCHEMA.into(),
            tool_version: env!("CARGO_PKG_VERSION").into(),
            origin: None,
            verdict,
            plan,
            started: jiff::Timestamp::now().to_string(),
            seconds: 0.0,
            trust: String::new(),
            failure: None,
            gates: Vec::new(),
            unused_allowances: Vec::new(),
            gate_alert: None,
            alerts: Vec::new(),
            findings: Vec::new(),
            agent: None,
            coverage: SectionCoverage::default(),
            controls: Vec::new(),
            timings: Vec::new(),
            api_calls: ApiCalls::default(),
            post_scan: None,
            audit: None,
            fail_on: None,
            packages: None,
            from_image: None,
            image_scan: None,
        }
    }

    /// The same as this version writes it, even if it was read in an earlier form.
    #[must_use]
    pub fn upgraded(mut self) -> Self {
        self.schema = SCHEMA.into();
        let controls = self.controls.into_iter();
        self.controls = controls.map(ControlRecord::upgraded).collect();
        self.image_scan = self.image_scan.map(|image| Box::new(image.upgraded()));
        self
    }

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

/// What a report without a cluster says of its controls.
pub(crate) const NO_CONTROLS: &str = "none: no security control surrounded this scan";

/// The value of [`LocalReport::schema`].
pub const LOCAL_SCHEMA: &str = "secure-scan.io/local-report/v2";
/// The same of version 1, which is still read.
pub const LOCAL_SCHEMA_V1: &str = "secure-scan.io/local-report/v1";

/// What a scan of a directory or a process of this machine found; no cluster, so no controls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct LocalReport {
    /// Always [`LOCAL_SCHEMA`].
    pub schema: String,
    /// Version of secure-scan.
    pub tool_version: String,
    /// What was scanned.
    pub subject: String,
    /// The result of the scan.
    pub verdict: Verdict,
    /// That no security control surrounded the scan, in words; absent in older reports.
    #[serde(default)]
    pub controls: String,
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
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<Section, Coverage>"))]
    pub coverage: SectionCoverage,
    /// RFC 3339 time at which it started; absent in older reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
    /// Digest of the image, such as `sha256:...`, where an image was scanned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_digest: Option<String>,
    /// Severity from which a failed check was a finding; absent where thresholds decided alone,
    /// nothing was evaluated, and in older reports.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lowest_if_unknown"
    )]
    pub fail_on: Option<Severity>,
    /// What is installed in the target, if the profile collects packages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packages: Option<Packages>,
}

impl LocalReport {
    /// A report of that subject and verdict that holds nothing else yet; it started now. For tests of programs
    /// that read reports; a scan makes its own report.
    pub fn new(subject: impl Into<String>, verdict: Verdict) -> Self {
        Self {
            schema: LOCAL_SCHEMA.into(),
            tool_version: env!("CARGO_PKG_VERSION").into(),
            subject: subject.into(),
            verdict,
            controls: NO_CONTROLS.into(),
            failure: None,
            trust: String::new(),
            profile: String::new(),
            findings: Vec::new(),
            agent: AgentInfo::default(),
            coverage: SectionCoverage::default(),
            started: Some(jiff::Timestamp::now().to_string()),
            image_digest: None,
            fail_on: None,
            packages: None,
        }
    }

    /// The same as this version writes it, even if it was read in an earlier form.
    #[must_use]
    pub fn upgraded(mut self) -> Self {
        self.schema = LOCAL_SCHEMA.into();
        self.controls = NO_CONTROLS.into();
        self
    }
}
