//! The scan's own pod: a barrier, the probe, and beside it a clone or an image that does not run.

use serde_json::{Map, Value, json};

use super::{clone::Copied, reference::Reference};
use crate::pod::access_planner::ProbeContext;

/// Path of the probe in its image.
pub(super) const PROGRAM: &str = "/secure-scan-probe";
/// Where an image is mounted beside the probe.
pub(super) const MOUNT: &str = "/target";
/// How long before the lease the pod ends by itself, so that its code never outlives its isolation.
const BEFORE_LEASE: u32 = 5;
/// Longest time that the barrier waits, in seconds: longer than the isolation may take to be proven.
const BARRIER_SECONDS: u32 = 120;

/// Condition that keeps the pod from being ready.
const NEVER_READY: &str = "secure-scan.io/takes-no-traffic";

/// Everything that shapes the pod.
#[derive(Debug, Clone)]
pub(super) struct Parts {
    pub(super) probe: String,
    pub(super) context: ProbeContext,
    pub(super) reference: Reference,
    /// Absent where nothing of the image runs.
    pub(super) copied: Option<Copied>,
    pub(super) pull_secrets: Vec<Value>,
    /// The only node that may run it.
    pub(super) node: Option<String>,
    /// What the target tolerates of that node.
    pub(super) tolerations: Value,
}

/// How the name of the init container ends that holds everything else back.
pub(super) const BARRIER: &str = "-barrier";

pub(super) fn barrier_name(name: &str) -> String {
    format!("{name}{BARRIER}")
}

/// The container that cannot start: its image is only resolved.
pub(super) fn resolver_name(name: &str) -> String {
    format!("{name}-never")
}

impl Parts {
    /// Whether a container is needed from whose status the image's digest is read.
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
        let Value::Object(ours) = json!({
            "restartPolicy": "Never",
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "dnsPolicy": "None",
            "dnsConfig": {"nameservers": ["127.0.0.1"]},
            "terminationGracePeriodSeconds": 1,
            "activeDeadlineSeconds": left,
            // Nobody sets this condition: to a pod that is never ready only a Service sends traffic that publishes such ones.
            "readinessGates": [{"conditionType": NEVER_READY}],
            "initContainers": [self.barrier(name, lease)],
            "containers": self.containers(name, lease),
            "volumes": self.volumes(),
        }) else {
            return Value::Null;
        };
        spec.extend(ours);
        if self.copied.is_some() {
            spec.insert("shareProcessNamespace".into(), true.into());
        }
        if !self.pull_secrets.is_empty() {
            spec.insert("imagePullSecrets".into(), self.pull_secrets.clone().into());
        }
        self.place(&mut spec);
        Value::Object(spec)
    }

    fn place(&self, spec: &mut Map<String, Value>) {
        let Some(node) = &self.node else { return };
        if !self.tolerations.is_null() {
            spec.insert("tolerations".into(), self.tolerations.clone());
        }
        let term =
            json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]});
        spec.insert(
            "affinity".into(),
            json!({"nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]},
            }}),
        );
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
        // In this order they are started: the probe ends when no exec comes.
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
            "resources": {
                "requests": {"cpu": "25m", "memory": "128Mi", "ephemeral-storage": "16Mi"},
                "limits": {"cpu": "500m", "memory": "128Mi", "ephemeral-storage": "16Mi"},
            },
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
        };
        let spec = parts.spec("own", 60, 0);
        assert_eq!(spec["tolerations"], tolerations);
        assert!(spec["affinity"].to_string().contains("\"far\""), "{spec}");
        parts.node = None;
        let spec = parts.spec("own", 60, 0);
        assert!(spec["tolerations"].is_null() && spec["affinity"].is_null());
    }
}
