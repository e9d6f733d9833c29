//! Patches: merge (RFC 7386), JSON (RFC 6902, the plain operations), and strategic for lists that merge by name.

use serde_json::{Map, Value};

/// Lists of a pod and of other common kinds that a strategic merge patch merges, and the key.
const MERGED: [(&str, &str); 12] = [
    ("containers", "name"),
    ("initContainers", "name"),
    ("ephemeralContainers", "name"),
    ("volumes", "name"),
    ("env", "name"),
    ("volumeMounts", "mountPath"),
    ("ownerReferences", "uid"),
    ("imagePullSecrets", "name"),
    ("conditions", "type"),
    ("containerStatuses", "name"),
    ("secrets", "name"),
    ("hostAliases", "ip"),
];

/// Applies a merge patch.
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    apply(target, patch, false);
}

/// Applies a strategic merge patch.
pub(crate) fn strategic(target: &mut Value, patch: &Value) {
    apply(target, patch, true);
}

fn apply(target: &mut Value, patch: &Value, lists: bool) {
    let Value::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    for (name, value) in fields {
        if value.is_null() {
            if let Some(map) = target.as_object_mut() {
                map.remove(name);
            }
            continue;
        }
        let key = MERGED
            .iter()
            .find(|(list, _)| list == name)
            .map(|(_, key)| *key);
        match (key, value) {
            (Some(key), Value::Array(items)) if lists => {
                let mut has = target[name].as_array().cloned().unwrap_or_default();
                for item in items {
                    let same = has.iter_mut().find(|old| old[key] == item[key]);
                    match same {
                        Some(old) if item["$patch"] == "delete" => *old = Value::Null,
                        Some(old) => apply(old, item, true),
                        None => has.push(item.clone()),
                    }
                }
                has.retain(|item| !item.is_null());
                target[name] = Value::Array(has);
            }
            _ => apply(&mut target[name.as_str()], value, lists),
        }
    }
}

/// Applies a JSON patch; `None` where an operation does not fit or is not known.
pub(crate) fn json(target: &mut Value, operations: &Value) -> Option<()> {
    for operation in operations.as_array()? {
        let path = operation["path"].as_str()?;
        let value = operation["value"].clone();
        match operation["op"].as_str()? {
            "test" => {
                if target.pointer(path).unwrap_or(&Value::Null) != &value {
                    return None;
                }
            }
            "replace" => *target.pointer_mut(path)? = value,
            "add" => {
                let (parent, last) = path.rsplit_once('/')?;
                let last = last.replace("~1", "/").replace("~0", "~");
                match target.pointer_mut(parent)? {
                    Value::Array(all) if last == "-" => all.push(value),
                    Value::Array(all) => {
                        let at = last.parse().ok().filter(|at| *at <= all.len())?;
                        all.insert(at, value);
                    }
                    Value::Object(map) => {
                        map.insert(last, value);
                    }
                    _ => return None,
                }
            }
            "remove" => {
                let (parent, last) = path.rsplit_once('/')?;
                let last = last.replace("~1", "/").replace("~0", "~");
                match target.pointer_mut(parent)? {
                    Value::Array(all) => {
                        let at = last.parse().ok().filter(|at: &usize| *at < all.len())?;
                        all.remove(at);
                    }
                    Value::Object(map) => {
                        map.remove(&last)?;
                    }
                    _ => return None,
                }
            }
            _ => return None,
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_with_a_key_are_merged_by_a_strategic_patch_alone() {
        let old = json!({"spec": {"ephemeralContainers": [{"name": "a", "image": "1"}]}, "x": 1});
        let patch =
            json!({"spec": {"ephemeralContainers": [{"name": "b", "image": "2"}]}, "x": null});
        let mut merged = old.clone();
        strategic(&mut merged, &patch);
        assert_eq!(merged["spec"]["ephemeralContainers"][1]["name"], "b");
        assert!(merged.get("x").is_none());
        let mut replaced = old;
        merge(&mut replaced, &patch);
        assert_eq!(replaced["spec"], patch["spec"]);
    }

    #[test]
    fn a_json_patch_that_does_not_fit_is_refused() {
        let mut object = json!({"a": {"b": [1]}});
        let patch = json!([{"op": "add", "path": "/a/b/-", "value": 2}, {"op": "remove", "path": "/a/b/0"}]);
        assert_eq!(super::json(&mut object, &patch), Some(()));
        assert_eq!(object, json!({"a": {"b": [2]}}));
        let bad = json!([{"op": "replace", "path": "/x/y", "value": 2}]);
        assert_eq!(super::json(&mut object, &bad), None);
    }
}
