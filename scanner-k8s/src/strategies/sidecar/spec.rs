//! The scan's own pod: a barrier, the probe, and beside it a clone or an image that does not run.

use scanner_core::ProbeResources;
use serde_json::{Value, json};

use super::{clone::Copied, reference::Reference};
use crate::{
    pod::access_planner::ProbeContext,
    strategies::pod_spec::{self, Defaults},
};

/// Path of the probe in its image.
pub(super) const PROGRAM: &str = "/secure-scan-probe";
/// Where an image is mounted beside the probe.
pub(super) const MOUNT: &str = "/target";
/// How long before the lease the pod ends by itself, so that its code never outlives its isolation.
const BEFORE_LEASE: u32 = 5;
/// Longest time that the barrier waits, in seconds: longer than the isolation may take to be proven.
const BARRIER_SECONDS: u32 = 120;

/// Default resources of each container of the scan's own.
const RESOURCES: Defaults = [
    ("cpu", "25m", "500m"),
    ("memory", "128Mi", "128Mi"),
    ("ephemeral-storage", "16Mi", "16Mi"),
];

/// Everything that shapes the pod.
#[derive(Debug, Clone)]
pub(super) struct Parts {
    pub(super) probe: String,
    pub(super) context: ProbeContext,
    pub(super) reference: Reference,
    /// The clone; absent if nothing of the image runs.
    pub(super) copied: Option<Copied>,
    pub(super) pull_secrets: Vec<Value>,
    /// The only node that may run it.
    pub(super) node: Option<String>,
    /// What the target tolerates of that node.
    pub(super) tolerations: Value,
    /// Resources for each container of the scan's own, if the user asked for others.
    pub(super) resources: ProbeResources,
}

/// Suffix of the name of the init container that holds everything else back.
pub(super) const BARRIER: &str = "-barrier";

pub(super) fn barrier_name(name: &str) -> String {
    format!("{name}{BARRIER}")
}

/// The container that cannot start: its image is only resolved.
pub(super) fn resolver_name(name: &str) -> String {
    format!("{name}-never")
}

impl Parts {
    /// Whether the pod needs a container whose status shows the image's digest.
    pub(super) fn resolves(&self) -> bool {
        self.copied.is_none() && !self.reference.pinned
    }

    /// The specification of pod `name`, which lives `seconds` at most.
    pub(super) fn spec(&self, name: &str, lease: u32, elapsed: u32) -> Value {
        let left = lease.saturating_sub(elapsed + BEFORE_LEASE).max(10);
        let mut spec = self
            .copied
            .as_ref()
            .map(|c| c.spec.clone())
            .unwrap_or_default();
        spec.extend(pod_spec::bare(left));
        spec.insert("initContainers".into(), json!([self.barrier(name, lease)]));
        spec.insert("containers".into(), self.containers(name, lease).into());
        spec.insert("volumes".into(), self.volumes().into());
        if self.copied.is_some() {
            spec.insert("shareProcessNamespace".into(), true.into());
        }
        if !self.pull_secrets.is_empty() {
            spec.insert("imagePullSecrets".into(), self.pull_secrets.clone().into());
        }
        if let Some(node) = &self.node {
            pod_spec::pin(&mut spec, node, &self.tolerations);
        }
        Value::Object(spec)
    }

    fn containers(&self, name: &str, lease: u32) -> Vec<Value> {
        let mut probe = self.probe(name, &["wait", &lease.to_string()]);
        let Some(copied) = &self.copied else {
            probe["volumeMounts"] =
                json!([{"name": "target", "mountPath": MOUNT, "readOnly": true}]);
            let mut all = vec![probe];
            if self.resolves() {
                let mut never = self.probe(&resolver_name(name), &[]);
                never["image"] = json!(self.reference.image);
                never["command"] = json!([format!("/{name}-does-not-exist")]);
                all.push(never);
            }
            return all;
        };
        let mut target = copied.container.clone();
        target["image"] = json!(self.reference.image);
        target["imagePullPolicy"] = json!(self.reference.pull_policy);
        // They are started in this order: the probe ends if no exec comes in time.
        vec![target, probe]
    }

    fn volumes(&self) -> Vec<Value> {
        match &self.copied {
            Some(copied) => copied.volumes.clone(),
            None => vec![json!({"name": "target", "image": {
                "reference": self.reference.image, "pullPolicy": self.reference.pull_policy,
            }})],
        }
    }

    /// The canary in it tries the kubelet of whichever node takes the pod.
    fn barrier(&self, name: &str, lease: u32) -> Value {
        let mut barrier = self.probe(
            &barrier_name(name),
            &["barrier", &BARRIER_SECONDS.min(lease).to_string()],
        );
        barrier["env"] = json!([{
            "name": "SECURE_SCAN_NODE",
            "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}},
        }]);
        barrier
    }

    fn probe(&self, name: &str, args: &[&str]) -> Value {
        let context = &self.context;
        let command: Vec<&str> = std::iter::once(PROGRAM)
            .chain(args.iter().copied())
            .collect();
        json!({
            "name": name,
            "image": self.probe,
            "imagePullPolicy": "IfNotPresent",
            "command": command,
            "resources": pod_spec::resources(&RESOURCES, &self.resources),
            "securityContext": context.security(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{plan::sidecar_options::Pull, strategies::sidecar::UNPRIVILEGED};

    #[test]
    fn a_pod_for_one_node_tolerates_what_the_target_tolerates() {
        let tolerations = json!([{"key": "gpu", "operator": "Exists"}]);
        let mut parts = Parts {
            probe: "probe:1".into(),
            context: UNPRIVILEGED,
            reference: Reference::named("a:1", Pull::default()),
            copied: None,
            pull_secrets: vec![],
            node: Some("far".into()),
            tolerations: tolerations.clone(),
            resources: "memory=1Gi".parse().unwrap(),
        };
        let spec = parts.spec("own", 60, 0);
        assert_eq!(spec["tolerations"], tolerations);
        assert!(spec["affinity"].to_string().contains("\"far\""), "{spec}");
        let barrier = &spec["initContainers"][0]["resources"];
        assert_eq!(barrier["limits"]["memory"], "1Gi");
        assert_eq!(barrier["limits"]["cpu"], "500m");
        parts.node = None;
        let spec = parts.spec("own", 60, 0);
        assert!(spec["tolerations"].is_null() && spec["affinity"].is_null());
    }
}
