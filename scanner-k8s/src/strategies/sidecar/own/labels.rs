//! The labels that the cluster gave the scan's own pod, beside those that the scan set.

use std::collections::BTreeMap;

use scanner_core::{ScanPlan, escape::visible};

use crate::{
    api::object_watch::PLACE_LABELS,
    names::{MANAGER, SCAN_LABEL},
};

/// Keeps a mesh out of the pod.
pub(super) const NO_MESH: (&str, &str) = ("sidecar.istio.io/inject", "false");

/// Labels of the scan's own pod.
pub(in crate::strategies::sidecar) struct Labels {
    /// All that the pod has.
    pub(in crate::strategies::sidecar) all: BTreeMap<String, String>,
    /// Those that somebody else set, escaped.
    pub(in crate::strategies::sidecar) unasked: Vec<String>,
}

impl Labels {
    pub(super) fn of(all: BTreeMap<String, String>, plan: &ScanPlan) -> Self {
        let asked = [
            ("app.kubernetes.io/managed-by", MANAGER),
            (SCAN_LABEL, plan.scan_id.as_str()),
            NO_MESH,
        ];
        let more = plan.object_metadata.labels();
        let others = all.iter().filter(|(key, value)| {
            !asked.contains(&(key.as_str(), value.as_str()))
                && more.get(*key) != Some(*value)
                && !PLACE_LABELS.contains(&key.as_str())
        });
        let unasked = others
            .map(|(key, value)| visible(&format!("{key}={value}"), 120))
            .collect();
        Self { all, unasked }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_asked_for_is_named() {
        let all = [
            ("app.kubernetes.io/managed-by", MANAGER),
            (SCAN_LABEL, "abcd1234"),
            ("sidecar.istio.io/inject", "true"),
            ("topology.kubernetes.io/zone", "a"),
            ("team", "shop\u{1b}"),
            ("tier", "scans"),
            ("owner", "someone"),
        ];
        let all = all.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let target = serde_json::from_value(serde_json::json!({
            "namespace": "shop", "pod": "web", "pod_uid": "1", "container": "app", "container_id": "c",
            "image": "i", "image_id": "j", "restarts": 0, "node": "n",
        }));
        let id = "abcd1234".parse().unwrap();
        let mut plan = ScanPlan::new(id, target.unwrap(), "sidecar", "");
        plan.object_metadata.label("tier", "scans").unwrap();
        plan.object_metadata.label("owner", "sec").unwrap();
        let labels = Labels::of(all.into(), &plan);
        assert_eq!(
            labels.unasked,
            [
                "owner=someone",
                "sidecar.istio.io/inject=true",
                "team=shop\\u{1b}"
            ]
        );
        assert_eq!(labels.all.len(), 7);
    }
}
