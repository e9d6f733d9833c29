//! The labels that the scan's own pod got, beside those that were asked for.

use std::collections::BTreeMap;

use scanner_core::{escape::visible, plan::ScanId};

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
    /// Those that somebody else gave it, as they may be shown.
    pub(in crate::strategies::sidecar) unasked: Vec<String>,
}

impl Labels {
    pub(super) fn of(all: BTreeMap<String, String>, scan: &ScanId) -> Self {
        let asked = [
            ("app.kubernetes.io/managed-by", MANAGER),
            (SCAN_LABEL, scan.as_str()),
            NO_MESH,
        ];
        let others = all.iter().filter(|(key, value)| {
            !asked.contains(&(key.as_str(), value.as_str()))
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
        ];
        let all = all.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let labels = Labels::of(all.into(), &"abcd1234".parse().unwrap());
        assert_eq!(
            labels.unasked,
            ["sidecar.istio.io/inject=true", "team=shop\\u{1b}"]
        );
        assert_eq!(labels.all.len(), 5);
    }
}
