//! The network policies of a scan's own pod, and those of others that open it, as pure functions.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::{
    ResourceExt as _,
    core::{Selector, SelectorExt as _},
};
use scanner_core::{escape::visible, plan::ScanId};
use serde_json::{Value, json};

use crate::manifest::{MANAGER, SCAN_LABEL, metadata};

/// A policy that selects the scan's own pod and denies all, or allows all that goes out.
pub(super) fn of(scan: &ScanId, namespace: &str, lease_uid: &str, hole: Option<&str>) -> Value {
    let mut metadata = metadata(scan, namespace, Some(lease_uid));
    let mut spec = json!({
        "podSelector": {"matchLabels": {SCAN_LABEL: scan.as_str()}},
        "policyTypes": ["Ingress", "Egress"],
    });
    if let Some(name) = hole {
        metadata["name"] = json!(name);
        spec["egress"] = json!([{}]);
        spec["policyTypes"] = json!(["Egress"]);
    }
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": metadata, "spec": spec,
    })
}

pub(in crate::sidecar) fn hole_name(name: &str) -> String {
    format!("{name}-canary")
}

/// Policies of others that select the pod and allow something: policies only ever add.
pub(super) fn openers(all: &[NetworkPolicy], scan: &ScanId) -> Vec<String> {
    let labels = BTreeMap::from([
        (SCAN_LABEL.to_owned(), scan.to_string()),
        (
            "app.kubernetes.io/managed-by".to_owned(),
            MANAGER.to_owned(),
        ),
    ]);
    let opens = |policy: &NetworkPolicy| {
        let Some(spec) = &policy.spec else {
            return false;
        };
        let selector = spec.pod_selector.clone().unwrap_or_default();
        // One that cannot be read may select anything.
        let selects = Selector::try_from(selector).map_or(true, |s| s.matches(&labels));
        let allows = spec.egress.as_ref().is_some_and(|e| !e.is_empty())
            || spec.ingress.as_ref().is_some_and(|i| !i.is_empty());
        selects && allows
    };
    let found = all.iter().filter(|policy| opens(policy));
    found
        .map(|policy| visible(&policy.name_any(), 80))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_selects_the_scan_s_own_pod_alone_and_allows_nothing() {
        let id = "abcd1234".parse().unwrap();
        let deny = of(&id, "n", "u", None);
        assert_eq!(
            deny["spec"]["podSelector"]["matchLabels"],
            json!({SCAN_LABEL: "abcd1234"})
        );
        assert_eq!(deny["spec"]["policyTypes"], json!(["Ingress", "Egress"]));
        assert!(deny["spec"].get("egress").is_none() && deny["spec"].get("ingress").is_none());
        assert_eq!(deny["metadata"]["ownerReferences"][0]["uid"], "u");
    }
}
