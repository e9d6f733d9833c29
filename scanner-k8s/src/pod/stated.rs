//! What the node and the specification state about a target, to be compared with the agent.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Pod;
use scanner_core::{
    Target,
    inventory::{EnvVar, Identity, PodFacts, missing_variables},
};

use super::{capabilities, containers, facts, security_context, security_context::TargetContext};

/// What is stated about a target; nothing by default.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stated {
    uid: Option<i64>,
    gid: Option<i64>,
    /// Whether the node states the user; otherwise the specification does.
    by_node: bool,
    context: TargetContext,
    /// The runtime of the container, by the prefix of its id.
    runtime: String,
    /// `allowPrivilegeEscalation` is false.
    no_escalation: bool,
    /// Whether the pod names a runtime class, whose runtime may behave differently from others.
    other_runtime: bool,
    facts: Option<PodFacts>,
}

impl Stated {
    /// What is stated about `target`.
    pub(crate) fn of(pod: &Pod, target: &Target) -> Self {
        let context = security_context::of(pod, target);
        let status = containers::status(pod, target.container.as_str());
        let spec = pod.spec.as_ref();
        Self {
            uid: context.uid,
            gid: context.gid,
            by_node: status.is_some_and(|s| s.user.as_ref().is_some_and(|u| u.linux.is_some())),
            context,
            runtime: status
                .and_then(|s| s.container_id.as_deref()?.split_once("://"))
                .map(|(runtime, _)| runtime.to_owned())
                .unwrap_or_default(),
            no_escalation: spec
                .and_then(|spec| containers::of_name(spec, target.container.as_str()))
                .and_then(|container| container.security_context?.allow_privilege_escalation)
                == Some(false),
            other_runtime: spec.is_some_and(|spec| spec.runtime_class_name.is_some()),
            facts: facts::of(pod, target).data().cloned(),
        }
    }

    /// Whether the target's container has a process namespace of its own, so that its first process has number 1.
    pub(crate) fn has_own_processes(&self) -> bool {
        let facts = self.facts.as_ref();
        facts.is_some_and(|facts| !facts.share_process_namespace && !facts.host_pid)
    }

    /// How the user of an exec contradicts what is stated. A container runtime runs every exec as the container's user.
    pub(crate) fn other_user(&self, seen: &Identity) -> Option<String> {
        let who = if self.by_node {
            "the node"
        } else {
            "the specification"
        };
        let differs = |name: &str, stated: Option<i64>, seen: i64| {
            let stated = stated.filter(|stated| *stated != seen)?;
            Some(format!(
                "{who} says that the container runs as {name} {stated}, and the agent says {name} {seen}"
            ))
        };
        differs("uid", self.uid, seen.uid).or_else(|| differs("gid", self.gid, seen.gid))
    }

    /// Capabilities that the specification drops, and that are in the agent's bounding set.
    pub(crate) fn undropped(&self, seen: &Identity) -> Vec<String> {
        let held = capabilities::held(&self.context);
        if held.contains("ALL") {
            return Vec::new();
        }
        let dropped: BTreeSet<String> = self
            .context
            .dropped
            .iter()
            .map(|c| c.to_ascii_uppercase())
            .collect();
        let taken = |name: &str| dropped.contains("ALL") || dropped.contains(name);
        let names = seen
            .bounding
            .iter()
            .map(|name| name.trim_start_matches("CAP_"));
        names
            .filter(|name| taken(name) && !held.contains(*name))
            .map(str::to_owned)
            .collect()
    }

    /// How an agent with fewer privileges than the specification gives contradicts it. The runtime gives an exec all of
    /// them anew, whatever the container has given up itself.
    pub(crate) fn too_weak(&self, seen: &Identity) -> Vec<String> {
        let mut found = Vec::new();
        if self.other_runtime {
            return found;
        }
        let privileged = self.context.privileged;
        let gives_all = privileged || capabilities::held(&self.context).contains("ALL");
        if gives_all && seen.bounding.is_empty() {
            found.push(
                "the specification gives the container all capabilities, and the agent says that it could have none"
                    .into(),
            );
        }
        let given = capabilities::surely_given(&self.context);
        let has = |name: &str| {
            let mut all = seen.bounding.iter();
            all.any(|seen| seen.trim_start_matches("CAP_") == name)
        };
        let missing: Vec<String> = given.iter().filter(|c| !has(c)).cloned().collect();
        if !gives_all && !missing.is_empty() {
            found.push(format!(
                "the specification adds capabilities that the agent says it could not have: {}",
                missing.join(", ")
            ));
        }
        // A Docker daemon may set it for all of its containers.
        let may_escalate = privileged || given.contains("SYS_ADMIN");
        if may_escalate && !self.no_escalation && seen.no_new_privs && self.runtime != "docker" {
            found.push(
                "the specification lets the container escalate, and the agent says that no_new_privs is set".into(),
            );
        }
        // CRI-O can be set to filter privileged containers too.
        if privileged && seen.seccomp == 2 && self.runtime == "containerd" {
            found.push(
                "the container is privileged, which its runtime leaves without a seccomp filter, and the agent says that \
                 it has one"
                    .into(),
            );
        }
        found
    }

    /// Variables that the specification sets, and that are missing in the environment that was read.
    pub(crate) fn unset(&self, seen: &[EnvVar]) -> Vec<String> {
        let facts = self.facts.iter();
        let names = facts.flat_map(|facts| missing_variables(facts, seen));
        names.map(str::to_owned).collect()
    }

    /// Who states the user, for a reader; `None` where nobody does.
    pub(crate) fn user(&self) -> Option<String> {
        let who = if self.by_node {
            "the node"
        } else {
            "the specification"
        };
        Some(format!("uid {} as {who} says", self.uid?))
    }
}
