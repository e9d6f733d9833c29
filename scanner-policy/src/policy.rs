//! Policies: which gates stop a scan, which controls it needs, and which findings count.

mod gate_id;
mod signer;

use std::collections::{BTreeMap, BTreeSet};

use scanner_core::{
    ObjectMetadata, ProbeResources, finding::Severity, similar::similar, target::Namespace,
};
use serde::{Deserialize, Serialize};

pub use gate_id::GateId;
pub use signer::Signer;

use crate::{
    blank,
    profile::{Place, ProfileError},
    threshold::Thresholds,
};

/// Largest policy in bytes.
const MAX_BYTES: usize = 1 << 20;

/// The shipped policies, the mildest first: name and text.
pub const LEVELS: [(&str, &str); 3] = [
    ("baseline", include_str!("../policies/baseline.yaml")),
    ("hardened", include_str!("../policies/hardened.yaml")),
    ("strict", include_str!("../policies/strict.yaml")),
];

/// A level that policies start from.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Refuses only what is certainly wrong.
    Baseline,
    /// The default.
    #[default]
    Hardened,
    /// Refuses pods that can reach their node, and images that can change.
    Strict,
}

impl Level {
    /// Its name, which is also that of the shipped policy.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Hardened => "hardened",
            Self::Strict => "strict",
        }
    }
}

/// What a policy does when a gate objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing; facts that need calls to the server are not even read.
    Allow,
    /// The report says so, even if the gate could not be checked.
    Warn,
    /// The target is not touched, even if the gate could not be checked.
    Abort,
}

/// A policy as it is written; what is absent comes from the level.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "Policy")]
#[serde(deny_unknown_fields)]
struct RawPolicy {
    /// Name in lower-case letters, digits and '-'.
    name: String,
    /// Version of the policy.
    version: String,
    /// One line for a reader.
    title: String,
    /// Level that it starts from; `hardened` when absent.
    #[serde(default)]
    level: Option<Level>,
    /// What to do when a gate objects.
    #[serde(default)]
    gates: BTreeMap<GateId, Action>,
    /// Registries, with or without the start of a repository, that images may come from, such as
    /// `docker.io/library` or `ghcr.io`. The empty list allows none; absent allows all.
    #[serde(default)]
    registries: Option<Vec<String>>,
    /// Who must have signed the digest that runs, where a scan is given a signature bundle. Gate
    /// `image-signature` says what to do where it is given none.
    #[serde(default)]
    signature: Option<Signer>,
    /// Capabilities that may be added.
    #[serde(default)]
    allow_capabilities: Option<Vec<String>>,
    /// Paths of the node that may be mounted.
    #[serde(default)]
    allow_host_paths: Option<Vec<String>>,
    /// Strategies whose evidence counts although an intruder in the target could forge it, such as `container`.
    #[serde(default)]
    allow_evidence: Option<BTreeSet<String>>,
    /// Controls without which no target is touched.
    #[serde(default)]
    require_controls: Option<BTreeSet<String>>,
    /// Whether a scan must verify that the pods which it starts are cut off from the network.
    #[serde(default)]
    require_isolation: Option<bool>,
    /// Namespace in which the account and the token of a scan live, apart from its target.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    identity_namespace: Option<Namespace>,
    /// Namespace in which the image of a running container is read for `--complete-from-image` and drift, where the container's own
    /// does not allow it.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    helper_namespace: Option<Namespace>,
    /// Labels of everything that a scan makes, beside those of the scan.
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    /// Annotations of everything that a scan makes, beside those of the scan.
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
    /// Requests and limits for each container of the scan's own pods, such as `cpu: 100m:500m` (request and limit) or
    /// `memory: 256Mi` (both); cpu, memory and ephemeral-storage.
    #[serde(default)]
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    probe_resources: Option<ProbeResources>,
    /// Whether a scan proves its end for every API server and every namespace: it waits until no server can remember its
    /// token, and looks for what it made in all namespaces.
    #[serde(default)]
    prove_everywhere: Option<bool>,
    /// Whether a check passes only if everything that it asks for was read.
    #[serde(default)]
    require_complete: Option<bool>,
    /// Thresholds in the format of the SAF CLI.
    #[serde(default)]
    thresholds: Option<Thresholds>,
    /// Waiver file in the format of `InSpec`, relative to this file.
    #[serde(default)]
    waivers: Option<String>,
    /// Severity from which a failed check is a finding, also beside thresholds.
    #[serde(default)]
    fail_on: Option<Severity>,
    /// Profile that is taken when none is named.
    #[serde(default)]
    profile: Option<String>,
}

/// A policy with everything that its level gives it.
#[derive(Debug, Clone)]
#[non_exhaustive]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a key of the file, or says whether the file has one"
)]
pub struct Policy {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// One line for a reader.
    pub title: String,
    /// What to do when a gate objects; has every gate.
    pub gates: BTreeMap<GateId, Action>,
    /// Where images may come from; everywhere when absent.
    pub registries: Option<Vec<String>>,
    /// Who must have signed what runs; its files are relative to the policy's file.
    pub signature: Option<Signer>,
    /// Capabilities that may be added.
    pub allow_capabilities: Vec<String>,
    /// Whether the file names them itself; those of a level are not reported when they match nothing.
    pub own_capabilities: bool,
    /// Paths of the node that may be mounted.
    pub allow_host_paths: Vec<String>,
    /// Strategies whose evidence counts although an intruder in the target could forge it.
    pub allow_evidence: BTreeSet<String>,
    /// Controls without which no target is touched.
    pub require_controls: BTreeSet<String>,
    /// Whether a scan must verify that the pods which it starts are cut off from the network.
    pub require_isolation: bool,
    /// Namespace in which the account and the token of a scan live, apart from its target.
    pub identity_namespace: Option<Namespace>,
    /// Namespace in which the image of a running container is read to complete its scan and for drift, where the container's own
    /// does not allow it.
    pub helper_namespace: Option<Namespace>,
    /// Labels and annotations of everything that a scan makes, beside those of the scan.
    pub object_metadata: ObjectMetadata,
    /// Requests and limits for the containers of the scan's own pods.
    pub probe_resources: ProbeResources,
    /// Whether a scan proves its end for every API server and every namespace.
    pub prove_everywhere: bool,
    /// Whether a check passes only if everything that it asks for was read.
    pub require_complete: bool,
    /// Thresholds.
    pub thresholds: Option<Thresholds>,
    /// Waiver file, relative to the policy's file.
    pub waivers: Option<String>,
    /// Severity from which a failed check is a finding.
    pub fail_on: Severity,
    /// Whether the file names it itself; that of a level gives way to thresholds.
    pub own_fail_on: bool,
    /// Profile that is taken when none is named.
    pub profile: Option<String>,
}

impl Policy {
    /// The shipped policy of a level.
    ///
    /// # Errors
    ///
    /// Fails only when the program was built with a policy that cannot be used.
    pub fn shipped(level: Level) -> Result<Self, ProfileError> {
        let found = LEVELS.iter().find(|(name, _)| *name == level.name());
        let text = found.map_or("", |(_, text)| text);
        let (raw, object_metadata) = read(text, level.name())?;
        let lacking = GateId::ALL.iter().find(|id| !raw.gates.contains_key(id));
        match lacking {
            Some(id) => {
                Err(Place::new(level.name(), "").whole(format!("{} is missing", id.name())))
            }
            None => Ok(merge(None, raw, object_metadata)),
        }
    }

    /// Reads a policy; `file` names it in errors. `level` takes the place of the level that it names.
    ///
    /// # Errors
    ///
    /// Fails, with line and column, on YAML that is not a policy.
    pub fn parse(text: &str, file: &str, level: Option<Level>) -> Result<Self, ProfileError> {
        let (raw, object_metadata) = read(text, file)?;
        let level = level.or(raw.level).unwrap_or_default();
        Ok(merge(Some(Self::shipped(level)?), raw, object_metadata))
    }

    /// Refuses a policy that requires a control which is not in `known`; `text` and `file` are those that the policy was
    /// parsed from. `known` comes from the program that scans, because it may have controls of its own.
    ///
    /// # Errors
    ///
    /// Fails with line and column of the first such control, and names the one that was probably meant.
    pub fn requires_only(
        &self,
        known: &[&str],
        text: &str,
        file: &str,
    ) -> Result<(), ProfileError> {
        let mut required = self.require_controls.iter();
        let Some(id) = required.find(|id| !known.contains(&id.as_str())) else {
            return Ok(());
        };
        let meant = similar(id, known);
        let meant = if meant.is_empty() {
            format!("there are: {}", known.join(", "))
        } else {
            format!("did you mean {}?", meant.join(" or "))
        };
        let message = format!("require_controls: there is no control {id:?}; {meant}");
        Err(Place::new(file, text).find(id, message))
    }

    /// What to do when a gate objects.
    pub fn action(&self, gate: GateId) -> Action {
        // Every policy has every gate; a gate that a bug left out refuses.
        self.gates.get(&gate).copied().unwrap_or(Action::Abort)
    }
}

/// The contents of the file, and its labels and annotations once more, checked.
fn read(text: &str, file: &str) -> Result<(RawPolicy, ObjectMetadata), ProfileError> {
    let at = Place::new(file, text);
    if text.len() > MAX_BYTES {
        return Err(at.whole(format!("a policy has at most {MAX_BYTES} bytes")));
    }
    if let Some(path) = blank::field(text, &["thresholds", "gates"]) {
        let name = path.rsplit('.').next().unwrap_or_default();
        return Err(at.find(name, blank::message(&path)));
    }
    let raw: RawPolicy = serde_saphyr::from_str(text).map_err(|e| at.yaml(&e))?;
    for registry in raw.registries.iter().flatten() {
        if registry.is_empty() || registry.contains(['*', '@', ' ']) || registry.contains("://") {
            let message = format!(
                "{registry:?} is not a registry: expected one such as ghcr.io or docker.io/library, without wildcards"
            );
            return Err(at.find(registry, message));
        }
    }
    for capability in raw.allow_capabilities.iter().flatten() {
        let letters = |c: char| c.is_ascii_uppercase() || c == '_';
        if capability.is_empty() || !capability.chars().all(letters) {
            let message = format!(
                "{capability:?} is not a capability: expected one such as NET_BIND_SERVICE"
            );
            return Err(at.find(capability, message));
        }
    }
    for path in raw.allow_host_paths.iter().flatten() {
        if !path.starts_with('/') {
            let message = format!("{path:?} is not an absolute path");
            return Err(at.find(path, message));
        }
    }
    let mut object_metadata = ObjectMetadata::default();
    for (key, value) in raw.labels.iter().flatten() {
        let added = object_metadata.label(key, value);
        added.map_err(|error| at.find(key, error.to_string()))?;
    }
    for (key, value) in raw.annotations.iter().flatten() {
        let added = object_metadata.annotation(key, value);
        added.map_err(|error| at.find(key, error.to_string()))?;
    }
    if let Some(Err(message)) = raw.thresholds.as_ref().map(Thresholds::check) {
        return Err(at.find("thresholds", message));
    }
    Ok((raw, object_metadata))
}

/// `raw` over what its level gives.
fn merge(under: Option<Policy>, raw: RawPolicy, object_metadata: ObjectMetadata) -> Policy {
    let own_capabilities = under.is_some() && raw.allow_capabilities.is_some();
    let own_fail_on = under.is_some() && raw.fail_on.is_some();
    let under = under.unwrap_or(Policy {
        name: String::new(),
        version: String::new(),
        title: String::new(),
        gates: BTreeMap::new(),
        registries: None,
        signature: None,
        allow_capabilities: vec![],
        own_capabilities,
        allow_host_paths: vec![],
        allow_evidence: BTreeSet::new(),
        require_controls: BTreeSet::new(),
        require_isolation: false,
        identity_namespace: None,
        helper_namespace: None,
        object_metadata: ObjectMetadata::default(),
        probe_resources: ProbeResources::default(),
        prove_everywhere: false,
        require_complete: false,
        thresholds: None,
        waivers: None,
        fail_on: Severity::FAIL_ON,
        own_fail_on,
        profile: None,
    });
    let mut gates = under.gates;
    gates.extend(raw.gates);
    Policy {
        name: raw.name,
        version: raw.version,
        title: raw.title,
        gates,
        registries: raw.registries.or(under.registries),
        signature: raw.signature.or(under.signature),
        allow_capabilities: raw.allow_capabilities.unwrap_or(under.allow_capabilities),
        own_capabilities,
        allow_host_paths: raw.allow_host_paths.unwrap_or(under.allow_host_paths),
        allow_evidence: raw.allow_evidence.unwrap_or(under.allow_evidence),
        require_controls: raw.require_controls.unwrap_or(under.require_controls),
        require_isolation: raw.require_isolation.unwrap_or(under.require_isolation),
        identity_namespace: raw.identity_namespace.or(under.identity_namespace),
        helper_namespace: raw.helper_namespace.or(under.helper_namespace),
        // No level has any.
        object_metadata,
        probe_resources: raw.probe_resources.unwrap_or(under.probe_resources),
        prove_everywhere: raw.prove_everywhere.unwrap_or(under.prove_everywhere),
        require_complete: raw.require_complete.unwrap_or(under.require_complete),
        thresholds: raw.thresholds.or(under.thresholds),
        waivers: raw.waivers.or(under.waivers),
        fail_on: raw.fail_on.unwrap_or(under.fail_on),
        own_fail_on,
        profile: raw.profile.or(under.profile),
    }
}

/// The JSON Schema of a policy file, pretty-printed.
pub fn json_schema() -> String {
    let schema = schemars::schema_for!(RawPolicy);
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests;
