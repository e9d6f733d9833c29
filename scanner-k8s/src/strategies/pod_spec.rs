//! What every pod of the scan's own has: no token, no way in, an end, and resources.

use scanner_core::ProbeResources;
use serde_json::{Map, Value, json};

/// Condition that keeps the pod from being ready.
const NEVER_READY: &str = "secure-scan.io/takes-no-traffic";

/// Requests and limits where nothing else is asked for: name, request, limit.
pub(crate) type Defaults = [(&'static str, &'static str, &'static str); 3];

/// A pod that ends by itself after so many seconds, whatever it holds.
pub(crate) fn bare(seconds: u32) -> Map<String, Value> {
    let Value::Object(bare) = json!({
        "restartPolicy": "Never",
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "dnsPolicy": "None",
        "dnsConfig": {"nameservers": ["127.0.0.1"]},
        "terminationGracePeriodSeconds": 1,
        "activeDeadlineSeconds": seconds,
        // Nobody sets this condition, so the pod is never ready, and only a Service that publishes unready pods sends it
        // traffic.
        "readinessGates": [{"conditionType": NEVER_READY}],
    }) else {
        return Map::default();
    };
    bare
}

/// Lets only that node take the pod, and tolerates the node's taints that the target tolerates.
pub(crate) fn pin(spec: &mut Map<String, Value>, node: &str, tolerations: &Value) {
    if !tolerations.is_null() {
        spec.insert("tolerations".into(), tolerations.clone());
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

/// The resources of a container of the scan's own: what is asked for, and else the defaults.
pub(crate) fn resources(defaults: &Defaults, asked: &ProbeResources) -> Value {
    let (mut requests, mut limits) = (json!({}), json!({}));
    for (name, request, limit) in defaults {
        requests[name] = json!(request);
        limits[name] = json!(limit);
    }
    for (name, amount) in asked.iter() {
        requests[name] = json!(amount.request);
        limits[name] = json!(amount.limit);
    }
    json!({"requests": requests, "limits": limits})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_takes_the_place_of_a_default_and_nothing_else_changes() {
        let defaults: Defaults = [
            ("cpu", "25m", "500m"),
            ("memory", "128Mi", "128Mi"),
            ("ephemeral-storage", "16Mi", "16Mi"),
        ];
        let asked = "cpu=100m:1".parse().unwrap();
        assert_eq!(
            resources(&defaults, &asked),
            json!({
                "requests": {"cpu": "100m", "memory": "128Mi", "ephemeral-storage": "16Mi"},
                "limits": {"cpu": "1", "memory": "128Mi", "ephemeral-storage": "16Mi"},
            })
        );
    }
}
