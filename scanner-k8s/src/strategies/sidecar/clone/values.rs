//! Values of a specification that may have none.

use serde_json::Value;

/// The elements of a list; none where it is absent.
pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Container `name` of a pod's specification, of whatever kind it is.
pub(super) fn container<'a>(spec: &'a Value, name: &str) -> Option<&'a Value> {
    let kinds = ["containers", "initContainers", "ephemeralContainers"];
    let mut all = kinds.into_iter().flat_map(|kind| list(&spec[kind]));
    all.find(|container| container["name"] == name)
}

/// A text; empty where it is absent.
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
