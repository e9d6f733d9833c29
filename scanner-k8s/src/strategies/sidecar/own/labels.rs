//! The labels of the scan's own pod, and which of them are not the scan's.

use std::collections::BTreeMap;

use scanner_core::{ScanPlan, escape::visible};

use crate::{
    api::object_watch::PLACE_LABELS,
    names::{MANAGER, SCAN_LABEL},
    plan::manifest::NO_MESH_LABELS,
};

/// Labels of the scan's own pod.
pub(in crate::strategies::sidecar) struct Labels {
    /// All that the pod has.
    pub(in crate::strategies::sidecar) all: BTreeMap<String, String>,
    /// Those that are not the scan's, escaped: the cluster set them, or the operator asked for them.
    pub(in crate::strategies::sidecar) others: Vec<String>,
}

impl Labels {
    pub(super) fn of(all: BTreeMap<String, String>, plan: &ScanPlan) -> Self {
        let asked = [
            ("app.kubernetes.io/managed-by", MANAGER),
            (SCAN_LABEL, plan.scan_id.as_str()),
        ];
        let others = all.iter().filter(|(key, value)| {
            let label = (key.as_str(), value.as_str());
            !asked.contains(&label)
                && !NO_MESH_LABELS.contains(&label)
                && !PLACE_LABELS.contains(&key.as_str())
        });
        let others = others
            .map(|(key, value)| visible(&format!("{key}={value}"), 120))
            .collect();
        Self { all, others }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_that_is_not_the_scans_is_named() {
        let all = [
            ("app.kubernetes.io/managed-by", MANAGER),
            (SCAN_LABEL, "abcd1234"),
            ("sidecar.istio.io/inject", "true"),
            ("kuma.io/sidecar-injection", "disabled"),
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
            labels.others,
            [
                "owner=someone",
                "sidecar.istio.io/inject=true",
                "team=shop\\u{1b}",
                "tier=scans"
            ]
        );
        assert_eq!(labels.all.len(), 8);
    }
}
