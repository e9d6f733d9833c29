//! The pod in which the image is tried.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Pod;
use scanner_core::{ProbeResources, Target};
use serde_json::{Value, json};

use crate::{
    names::PROBE_PROGRAM,
    pod::access_planner::ProbeContext,
    strategies::pod_spec::{self, Defaults},
};

/// As little as a program needs that ends at once.
const RESOURCES: Defaults = [
    ("cpu", "5m", "100m"),
    ("memory", "16Mi", "64Mi"),
    ("ephemeral-storage", "1Mi", "16Mi"),
];
/// How long before the lease the pod ends by itself.
const BEFORE_LEASE: u32 = 5;

/// Everything that shapes the pod.
#[derive(Debug, Clone)]
pub(crate) struct TrialPod {
    pub(super) image: String,
    node: String,
    /// As the target's pod has them: its ephemeral containers are pulled with them.
    pull_secrets: Value,
    tolerations: Value,
    resources: ProbeResources,
}

impl TrialPod {
    /// A pod beside `pod`, for an image that is to join it.
    pub(crate) fn new(image: &str, target: &Target, pod: &Pod, resources: &ProbeResources) -> Self {
        let spec = pod.spec.as_ref();
        let spec = spec.and_then(|spec| serde_json::to_value(spec).ok());
        let spec = spec.unwrap_or_default();
        let mut tolerations = spec["tolerations"].as_array().cloned().unwrap_or_default();
        // The target already runs on the node, so no taint may keep the trial from it, even one that was added after the
        // target started.
        tolerations.push(json!({"operator": "Exists", "effect": "NoSchedule"}));
        Self {
            image: image.to_owned(),
            node: target.node.clone(),
            pull_secrets: spec["imagePullSecrets"].clone(),
            tolerations: tolerations.into(),
            resources: resources.clone(),
        }
    }

    /// Whether it may be pulled with secrets.
    pub(super) fn has_secrets(&self) -> bool {
        self.pull_secrets
            .as_array()
            .is_some_and(|all| !all.is_empty())
    }

    /// Whether `made`, which the server may have given the pull secrets of the namespace's default account, may be pulled with
    /// others than the target's pod.
    pub(super) fn has_other_secrets(&self, made: &Pod) -> bool {
        let names = |secrets: &Value| -> BTreeSet<String> {
            let all = secrets.as_array().into_iter().flatten();
            all.filter_map(|secret| secret["name"].as_str().map(str::to_owned))
                .collect()
        };
        let spec = made.spec.as_ref();
        let made = spec.and_then(|spec| serde_json::to_value(&spec.image_pull_secrets).ok());
        names(&made.unwrap_or_default()) != names(&self.pull_secrets)
    }

    /// The specification of pod `name`: the probe, which ends at once.
    pub(super) fn spec(&self, name: &str, lease: u32, elapsed: u32) -> Value {
        let left = lease
            .saturating_sub(elapsed.saturating_add(BEFORE_LEASE))
            .max(10);
        let mut spec = pod_spec::bare(left);
        pod_spec::pin(&mut spec, &self.node, &self.tolerations);
        if self.has_secrets() {
            spec.insert("imagePullSecrets".into(), self.pull_secrets.clone());
        }
        let probe = json!({
            "name": name,
            "image": self.image,
            "imagePullPolicy": "IfNotPresent",
            "command": [PROBE_PROGRAM, "wait", "0"],
            "resources": pod_spec::resources(&RESOURCES, &self.resources),
            "securityContext": ProbeContext::nobody("it only starts").security(),
        });
        spec.insert("containers".into(), json!([probe]));
        Value::Object(spec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pod::testing::target;

    #[test]
    fn the_pod_goes_where_the_target_is_and_pulls_as_its_pod_does() {
        let pod: Pod = serde_json::from_value(json!({"spec": {
            "containers": [], "imagePullSecrets": [{"name": "registry"}],
            "tolerations": [{"key": "gpu", "operator": "Exists"}],
        }}))
        .unwrap();
        let target = target("shop", "web-0", "web");
        let trial = TrialPod::new("probe:1", &target, &pod, &ProbeResources::default());
        assert!(trial.has_secrets());
        let spec = trial.spec("own", 60, 20);
        assert_eq!(spec["imagePullSecrets"], json!([{"name": "registry"}]));
        let tolerated = json!([
            {"key": "gpu", "operator": "Exists"}, {"operator": "Exists", "effect": "NoSchedule"},
        ]);
        assert_eq!(spec["tolerations"], tolerated);
        assert_eq!(spec["activeDeadlineSeconds"], 35);
        assert!(
            spec["affinity"].to_string().contains(&target.node),
            "{spec}"
        );
        let probe = &spec["containers"][0];
        assert_eq!(probe["command"], json!(["/secure-scan-probe", "wait", "0"]));
        assert_eq!(probe["securityContext"]["runAsNonRoot"], true);
        let more = "memory=1Gi".parse().unwrap();
        let larger = TrialPod::new("probe:1", &target, &Pod::default(), &more);
        assert!(!larger.has_secrets());
        let larger = larger.spec("own", 60, 20);
        assert_eq!(
            larger["containers"][0]["resources"]["limits"]["memory"],
            "1Gi"
        );
        assert!(larger["imagePullSecrets"].is_null());
    }
}
