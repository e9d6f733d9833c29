//! Names of objects, and which ones there may be.

use serde_json::Value;

use crate::kinds::Kind;

/// The name of an object; empty where it has none.
pub(super) fn name(object: &Value) -> String {
    object["metadata"]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// Names of RBAC are path segments; all others are DNS names.
pub(super) fn is_name(kind: &Kind, name: &str) -> bool {
    if kind.group == "rbac.authorization.k8s.io" {
        return !name.is_empty() && !name.contains(['/', '%']) && !matches!(name, "." | "..");
    }
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    name.len() <= 253
        && name.chars().all(plain)
        && edge(name.chars().next())
        && edge(name.chars().last())
}
