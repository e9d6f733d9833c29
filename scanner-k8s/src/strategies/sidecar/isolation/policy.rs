//! The network policies of a scan's own pod, and those of others that open it, as pure functions.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::{
    ResourceExt as _,
    core::{Selector, SelectorExt as _},
};
use scanner_core::{escape::visible, plan::ScanId};
use serde_json::{Value, json};

use crate::{names::SCAN_LABEL, plan::manifest::metadata};

/// A policy that selects the scan's own pod and denies all, or allows all that goes out.
pub(super) fn of(scan: &ScanId, namespace: &str, lease_uid: &str, egress: Option<&str>) -> Value {
    let mut metadata = metadata(scan, namespace, Some(lease_uid));
    let mut spec = json!({
        "podSelector": {"matchLabels": {SCAN_LABEL: scan.as_str()}},
        "policyTypes": ["Ingress", "Egress"],
    });
    if let Some(name) = egress {
        metadata["name"] = json!(name);
        spec["egress"] = json!([{}]);
        spec["policyTypes"] = json!(["Egress"]);
    }
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": metadata, "spec": spec,
    })
}

pub(in crate::strategies::sidecar) fn probe_egress_policy_name(name: &str) -> String {
    format!("{name}-canary")
}

/// Policies of others that select a pod with these labels and allow something: policies only ever add.
pub(super) fn openers(all: &[NetworkPolicy], labels: &BTreeMap<String, String>) -> Vec<String> {
    let opens = |policy: &NetworkPolicy| {
        let Some(spec) = &policy.spec else {
            return false;
        };
        let selector = spec.pod_selector.clone().unwrap_or_default();
        // A selector that cannot be read may select anything.
        let selects = Selector::try_from(selector).map_or(true, |s| s.matches(labels));
        // Rules for a direction that is not among the policy's types have no effect.
        let is_of = |kind: &str| {
            let types = spec.policy_types.as_deref().unwrap_or_default();
            types.is_empty() || types.iter().any(|t| t == kind)
        };
        let allows = is_of("Egress") && spec.egress.as_ref().is_some_and(|e| !e.is_empty())
            || is_of("Ingress") && spec.ingress.as_ref().is_some_and(|i| !i.is_empty());
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

    fn policy(name: &str, spec: &Value) -> NetworkPolicy {
        let policy = json!({"metadata": {"name": name}, "spec": spec});
        serde_json::from_value(policy).unwrap()
    }

    #[test]
    fn policies_are_matched_against_the_labels_that_the_pod_has() {
        let shop = policy(
            "shop",
            &json!({"podSelector": {"matchLabels": {"team": "shop"}}, "egress": [{}]}),
        );
        let mesh = policy(
            "mesh",
            &json!({"podSelector": {"matchExpressions": [
                {"key": "sidecar.istio.io/inject", "operator": "In", "values": ["false"]},
            ]}, "ingress": [{}]}),
        );
        let all = [shop, mesh];
        let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let own = BTreeMap::from([label(SCAN_LABEL, "abcd1234")]);
        assert_eq!(openers(&all, &own), Vec::<String>::new());
        let more = BTreeMap::from([label("team", "shop")]);
        assert_eq!(openers(&all, &more), ["shop"]);
        let asked = BTreeMap::from([label("sidecar.istio.io/inject", "false")]);
        assert_eq!(openers(&all, &asked), ["mesh"]);
    }

    #[test]
    fn rules_of_a_type_that_a_policy_is_not_of_open_nothing() {
        let of = |types: &Value| {
            let spec = json!({"podSelector": {}, "policyTypes": types, "egress": [{}]});
            openers(&[policy("p", &spec)], &BTreeMap::new()).len()
        };
        assert_eq!(of(&json!(["Ingress"])), 0);
        assert_eq!(of(&json!(["Ingress", "Egress"])), 1);
        assert_eq!(of(&Value::Null), 1);
    }
}
