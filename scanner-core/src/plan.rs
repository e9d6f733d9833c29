//! The plan of a scan: everything that would be created, granted and run. Making it writes nothing.

mod need;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    gate::decision::{GateDecision, GateResult},
    object_metadata::ObjectMetadata,
    remedy::Remedy,
    target::{Namespace, Target},
};

pub use crate::evidence_source::EvidenceSource;
pub use need::Need;

/// Identifier of one scan: 4 to 32 lower-case letters and digits, ten hexadecimal digits where secure-scan makes it. It is
/// part of every name and the value of every label that the scan creates.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct ScanId(String);

/// A scan id that cannot be part of an object's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a scan id is 4 to 32 lower-case letters and digits")]
pub struct InvalidScanId;

impl ScanId {
    /// The id of ten hexadecimal digits that the low 40 bits of `bits` make.
    pub fn of_bits(bits: u64) -> Self {
        Self(format!("{:010x}", bits & 0xff_ffff_ffff))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ScanId {
    type Err = InvalidScanId;

    fn from_str(text: &str) -> Result<Self, InvalidScanId> {
        let valid = (4..=32).contains(&text.len())
            && text
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        valid.then(|| Self(text.to_owned())).ok_or(InvalidScanId)
    }
}

impl TryFrom<String> for ScanId {
    type Error = InvalidScanId;

    fn try_from(text: String) -> Result<Self, InvalidScanId> {
        text.parse()
    }
}

impl From<ScanId> for String {
    fn from(id: ScanId) -> Self {
        id.0
    }
}

impl fmt::Display for ScanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Everything that a scan would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ScanPlan {
    /// Identifier of the scan.
    pub scan_id: ScanId,
    /// What is scanned.
    pub target: Target,
    /// The running container whose image is the target, where that image is read in another namespace than the container's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_of: Option<Box<Target>>,
    /// How it is reached.
    pub strategy: String,
    /// Which pod and container were chosen and why, if the name left a choice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub target_choice: Vec<String>,
    /// How the cluster is reached, if the kubeconfig does not say it all: as the account of a pod, or through a proxy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub connection: Vec<String>,
    /// Why it is reached this way, if the strategy was chosen automatically.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Names and versions of the engines.
    pub profile: String,
    /// Name and version of the policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// What the gates say before anything is done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<GateResult>,
    /// Seconds after which the cluster itself removes everything that the scan created.
    pub lease_seconds: u32,
    /// Namespace of the scan's identity, where that is not the target's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub identity_namespace: Option<Namespace>,
    /// Labels and annotations that all these objects would have beside those of the scan.
    #[serde(default, skip_serializing_if = "ObjectMetadata::is_empty")]
    pub object_metadata: ObjectMetadata,
    /// Objects that would be created, in order.
    pub objects: Vec<PlannedObject>,
    /// Rights that the scan needs and the operator does not have. Only in a plan that is shown: a scan without its rights does
    /// not start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_rights: Vec<String>,
    /// Permissions that the scan identity would have; nothing else.
    pub rules: Vec<PlannedRule>,
    /// Commands that would run in the target.
    pub commands: Vec<PlannedCommand>,
    /// How the scanned copy differs from the target, where a copy is scanned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<String>,
    /// Whether the evidence can be forged from within the target; absent if there is none, and in older plans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<EvidenceSource>,
    /// The other containers of the pod, which this scan does not examine: name and kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_scanned: Vec<String>,
    /// Controls that would surround the scan.
    pub controls: Vec<PlannedControl>,
    /// What may be done instead, if the strategy is chosen automatically. Only a plan that is shown has it: the
    /// report of a scan has the plan of what was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(alias = "otherwise")]
    pub fallback: Option<Box<Fallback>>,
}

impl ScanPlan {
    /// Namespace of the scan's identity: its own, or that of the target.
    pub fn identity_namespace(&self) -> &str {
        let own = self.identity_namespace.as_ref();
        own.unwrap_or(&self.target.namespace).as_str()
    }

    /// The gates that refuse the target, if any does: a scan would then not touch it.
    pub fn refusal(&self) -> Option<Vec<&GateResult>> {
        let aborts = |gate: &&GateResult| matches!(gate.decision, GateDecision::Abort { .. });
        let refusing: Vec<&GateResult> = self.gates.iter().filter(aborts).collect();
        (!refusing.is_empty()).then_some(refusing)
    }

    /// A plan that creates, grants and runs nothing yet, with a lease of five minutes. `engines` holds the names and
    /// versions of the engines.
    pub fn new(
        scan_id: ScanId,
        target: Target,
        strategy: impl Into<String>,
        engines: impl Into<String>,
    ) -> Self {
        Self {
            scan_id,
            target,
            image_of: None,
            strategy: strategy.into(),
            target_choice: Vec::new(),
            connection: Vec::new(),
            missing_rights: Vec::new(),
            reason: None,
            profile: engines.into(),
            policy: None,
            gates: Vec::new(),
            lease_seconds: 300,
            identity_namespace: None,
            object_metadata: ObjectMetadata::default(),
            objects: Vec::new(),
            rules: Vec::new(),
            commands: Vec::new(),
            differences: Vec::new(),
            evidence: None,
            not_scanned: Vec::new(),
            controls: Vec::new(),
            fallback: None,
        }
    }
}

/// What would be done instead of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Fallback {
    /// When.
    pub when: String,
    /// What would then be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<ScanPlan>,
    /// Why it cannot be done, where it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_possible: Option<String>,
    /// What would make it possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<Remedy>,
}

/// An object that would be created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct PlannedObject {
    /// API version, such as `batch/v1`.
    pub api_version: String,
    /// Kind, such as `Job`.
    pub kind: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// What it is for.
    pub purpose: String,
    /// Its specification, where it is one that a reader would want to see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<serde_json::Value>,
}

/// A permission that would be granted, as in a Role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct PlannedRule {
    /// API groups; the core group is the empty string.
    pub api_groups: Vec<String>,
    /// Resources and subresources.
    pub resources: Vec<String>,
    /// Names that the rule is limited to.
    pub resource_names: Vec<String>,
    /// Verbs.
    pub verbs: Vec<String>,
}

impl fmt::Display for PlannedRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} on {}",
            self.verbs.join(", "),
            self.resources.join(", ")
        )?;
        if self.api_groups.iter().any(|group| !group.is_empty()) {
            write!(f, " in group {}", self.api_groups.join(", "))?;
        }
        if self.resource_names.is_empty() {
            f.write_str(", any name")
        } else {
            write!(f, ", only {}", self.resource_names.join(", "))
        }
    }
}

/// A command that would run inside the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct PlannedCommand {
    /// Container that it runs in.
    pub container: String,
    /// Command and arguments.
    pub argv: Vec<String>,
    /// What is sent to its standard input.
    pub stdin: String,
    /// Bytes sent to its standard input.
    pub stdin_bytes: usize,
}

/// A control that would surround the scan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct PlannedControl {
    /// Stable identifier.
    pub id: String,
    /// One line for a reader.
    pub title: String,
    /// What it will do.
    pub planned: Vec<String>,
}

impl PlannedControl {
    /// A control with its title.
    pub fn new(id: impl Into<String>, title: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            title: title.into(),
            planned: Vec::new(),
        }
    }

    /// The same with one more thing that it will do.
    #[must_use]
    pub fn planning(mut self, what: impl Into<String>) -> Self {
        self.planned.push(what.into());
        self
    }
}

impl PlannedObject {
    /// An object of that kind and name.
    pub fn new(
        api_version: impl Into<String>,
        kind: impl Into<String>,
        namespace: impl Into<String>,
        name: impl Into<String>,
        purpose: impl Into<String>,
    ) -> Self {
        Self {
            api_version: api_version.into(),
            kind: kind.into(),
            namespace: namespace.into(),
            name: name.into(),
            purpose: purpose.into(),
            spec: None,
        }
    }

    /// The same with its specification.
    #[must_use]
    pub fn with_spec(mut self, spec: serde_json::Value) -> Self {
        self.spec = Some(spec);
        self
    }
}

impl PlannedRule {
    /// A rule with all its lists.
    pub const fn of(
        api_groups: Vec<String>,
        resources: Vec<String>,
        resource_names: Vec<String>,
        verbs: Vec<String>,
    ) -> Self {
        Self {
            api_groups,
            resources,
            resource_names,
            verbs,
        }
    }

    /// A permission on named objects of one resource, or on all of them where no name is given.
    pub fn new(group: &str, resource: &str, names: &[&str], verbs: &[&str]) -> Self {
        let owned = |all: &[&str]| all.iter().map(|&one| one.to_owned()).collect();
        Self {
            api_groups: vec![group.to_owned()],
            resources: vec![resource.to_owned()],
            resource_names: owned(names),
            verbs: owned(verbs),
        }
    }
}

impl PlannedCommand {
    /// A command in a container; `stdin` says what is sent to it, and `stdin_bytes` how much.
    pub fn new(
        container: impl Into<String>,
        argv: Vec<String>,
        stdin: impl Into<String>,
        stdin_bytes: usize,
    ) -> Self {
        Self {
            container: container.into(),
            argv,
            stdin: stdin.into(),
            stdin_bytes,
        }
    }
}
