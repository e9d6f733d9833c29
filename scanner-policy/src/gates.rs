//! Decides whether a target may be touched: pure, from facts and a policy to decisions.

mod evidence;
mod image;
mod integrity;
mod network;
mod privileged;
mod seen;

use scanner_core::{
    ObjectMetadata, ProbeResources, ScanPlan,
    gate::{GateDecision, GateFacts, GatePolicy, GateResult, Needs},
    inventory::PodFacts,
    plan::EvidenceSource,
    target::{Namespace, TargetForm},
};

use crate::{
    Signature,
    policy::{Action, GateId, Policy},
};

use seen::{Seen, list, unless};

/// Id of the control that cuts the pods of a scan off from the network.
const NETWORK: &str = "network";

fn decide(action: Action, seen: Seen) -> GateDecision {
    match (action, seen) {
        (_, Seen::Wrong(reason)) | (Action::Abort, Seen::Objection(reason)) => {
            GateDecision::Abort { reason }
        }
        (_, Seen::Fine(evidence)) => GateDecision::Allow { evidence },
        (Action::Warn, Seen::Objection(reason)) => GateDecision::Warn { reason },
        (Action::Allow, Seen::Objection(reason)) => GateDecision::Allow {
            evidence: format!("{reason} (the policy allows it)"),
        },
    }
}

/// A policy together with the signature that the user gave, if any.
#[derive(Debug, Clone)]
pub struct PolicyGates {
    policy: Policy,
    signature: Option<Signature>,
}

impl PolicyGates {
    /// The gates of a policy.
    pub const fn new(policy: Policy) -> Self {
        Self {
            policy,
            signature: None,
        }
    }

    /// The same with a signature to verify; a wrong one aborts under every policy.
    #[must_use]
    pub fn with_signature(mut self, signature: impl Into<Option<Signature>>) -> Self {
        self.signature = signature.into();
        self
    }

    /// The policy.
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }
}

impl GatePolicy for PolicyGates {
    fn reference(&self) -> String {
        format!("{} {}", self.policy.name, self.policy.version)
    }

    fn needs(&self) -> Needs {
        let wants = |gate| self.policy.action(gate) != Action::Allow;
        Needs {
            siblings: wants(GateId::SiblingImages),
            services: wants(GateId::ExposedService),
            network_policies: wants(GateId::NetworkPolicy),
        }
    }

    fn decide(&self, facts: &GateFacts, plan: &ScanPlan) -> Vec<GateResult> {
        let policy = &self.policy;
        let mut results: Vec<GateResult> = GateId::ALL
            .iter()
            // An image that runs nowhere has no pod, so no gate about pods applies.
            .filter(|id| plan.target.form == TargetForm::Container || id.group() == "image source")
            .map(|id| GateResult {
                id: id.name().into(),
                decision: decide(policy.action(*id), self.look(*id, facts, plan)),
            })
            .collect();
        let missing: Vec<&String> = policy
            .require_controls
            .iter()
            .filter(|wanted| !plan.controls.iter().any(|c| c.id == **wanted))
            // An image that runs nowhere cannot be replaced by another one during the scan.
            .filter(|wanted| !(plan.target.form == TargetForm::Image && *wanted == "target-pin"))
            .collect();
        let decision = if missing.is_empty() {
            GateDecision::Allow {
                evidence: format!(
                    "{} required controls are planned; one that does not hold stops the scan",
                    policy.require_controls.len()
                ),
            }
        } else {
            GateDecision::Abort {
                reason: format!(
                    "the policy requires controls that this scan does not have: {}",
                    list(&missing)
                ),
            }
        };
        results.push(GateResult {
            id: "required-controls".into(),
            decision,
        });
        results
    }

    fn accepts_evidence(&self, strategy: &str, evidence: Option<&EvidenceSource>) -> bool {
        let refuses = self.policy.action(GateId::EvidenceIndependent) == Action::Abort;
        let seen = evidence::of(strategy, evidence, &self.policy.allow_evidence);
        !refuses || matches!(seen, Seen::Fine(_))
    }

    fn required_controls(&self) -> Vec<String> {
        let mut required: Vec<String> = self.policy.require_controls.iter().cloned().collect();
        // A scan that starts no pod does not have this control, and does not need it.
        required.extend(self.policy.require_isolation.then(|| NETWORK.to_owned()));
        required
    }

    fn identity_namespace(&self) -> Option<Namespace> {
        self.policy.identity_namespace.clone()
    }

    fn object_metadata(&self) -> ObjectMetadata {
        self.policy.object_metadata.clone()
    }

    fn probe_resources(&self) -> ProbeResources {
        self.policy.probe_resources.clone()
    }

    fn proves_everywhere(&self) -> bool {
        self.policy.prove_everywhere
    }

    fn unused(&self, facts: &GateFacts) -> Vec<String> {
        let mut unused = Vec::new();
        // If the pod is not known, it is not known either whether an allowance matches it.
        let Some(pod) = facts.pod.data() else {
            return unused;
        };
        for registry in self.policy.registries.iter().flatten() {
            if !image::comes_from(&pod.image, registry) {
                unused.push(format!("registries: {registry}"));
            }
        }
        let own = self.policy.own_capabilities;
        for capability in self.policy.allow_capabilities.iter().filter(|_| own) {
            if !pod.added_capabilities.contains(capability) {
                unused.push(format!("allow_capabilities: {capability}"));
            }
        }
        for path in &self.policy.allow_host_paths {
            if !pod.host_paths.contains(path) {
                unused.push(format!("allow_host_paths: {path}"));
            }
        }
        unused
    }
}

impl PolicyGates {
    fn look(&self, id: GateId, facts: &GateFacts, plan: &ScanPlan) -> Seen {
        let target = &plan.target;
        match id {
            GateId::TargetPinned => integrity::pinned(target),
            GateId::SpecDigest => integrity::spec_digest(&target.image, &target.image_id),
            GateId::SiblingImages => integrity::siblings(&target.image_id, &facts.siblings),
            GateId::ImageSignature => image::signature(
                self.signature.as_ref(),
                self.policy.signature.is_some(),
                &target.image_id,
            ),
            GateId::EvidenceIndependent => evidence::independent(plan, &self.policy.allow_evidence),
            GateId::ExposedService => network::services(&facts.services),
            GateId::NetworkPolicy => network::policies(&facts.network_policies),
            // The others are about the pod's specification.
            _ => match seen::known(&facts.pod) {
                Ok(pod) => self.look_at_pod(id, pod, facts),
                Err(unknown) => unknown,
            },
        }
    }

    fn look_at_pod(&self, id: GateId, pod: &PodFacts, facts: &GateFacts) -> Seen {
        match id {
            GateId::Privileged => unless(
                pod.privileged,
                "the container is privileged",
                "not privileged",
            ),
            GateId::HostPid => privileged::namespace(pod.host_pid, "process"),
            GateId::HostIpc => privileged::namespace(pod.host_ipc, "IPC"),
            GateId::HostNetwork => privileged::namespace(pod.host_network, "network"),
            GateId::HostPath => privileged::beyond(
                &pod.host_paths,
                &self.policy.allow_host_paths,
                "paths of the node are mounted",
            ),
            GateId::AddedCapabilities => privileged::beyond(
                &pod.added_capabilities,
                &self.policy.allow_capabilities,
                "capabilities are added",
            ),
            GateId::PrivilegeEscalation => unless(
                pod.allow_privilege_escalation,
                "allowPrivilegeEscalation is not false",
                "allowPrivilegeEscalation is false",
            ),
            GateId::RunsAsRoot => privileged::root(facts, pod),
            GateId::ProcMount => privileged::proc_mount(&facts.proc_mount),
            GateId::Seccomp => privileged::seccomp(&pod.seccomp_profile),
            GateId::Apparmor => privileged::apparmor(&facts.apparmor),
            GateId::ImageRegistry => image::registry(&pod.image, self.policy.registries.as_deref()),
            GateId::ImageDigest => image::digest(&pod.image),
            GateId::ImageTagLatest => image::latest(&pod.image),
            GateId::HostPorts => network::host_ports(&pod.host_ports),
            // A gate that nobody wrote here refuses.
            GateId::TargetPinned
            | GateId::SpecDigest
            | GateId::SiblingImages
            | GateId::ImageSignature
            | GateId::EvidenceIndependent
            | GateId::ExposedService
            | GateId::NetworkPolicy => Seen::Objection("not a gate about the pod".into()),
        }
    }
}

#[cfg(test)]
mod tests;
