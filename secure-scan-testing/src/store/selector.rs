//! Label and field selectors, as the API server reads them.

use serde_json::Value;

use crate::kinds::Kind;

/// Which objects of a kind are wanted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    labels: Vec<Requirement>,
    fields: Vec<(String, bool, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

impl Selection {
    /// Reads both selectors.
    ///
    /// # Errors
    ///
    /// Fails with the server's words where one cannot be read, or names a field that has no index.
    pub(crate) fn read(kind: &Kind, labels: &str, fields: &str) -> Result<Self, String> {
        let mut selection = Self::default();
        for term in split(labels) {
            selection.labels.push(requirement(&term)?);
        }
        for term in fields.split(',').filter(|term| !term.is_empty()) {
            let (path, equal, value) = if let Some((path, value)) = term.split_once("!=") {
                (path, false, value)
            } else if let Some((path, value)) = term.split_once("==") {
                (path, true, value)
            } else if let Some((path, value)) = term.split_once('=') {
                (path, true, value)
            } else {
                return Err(format!(
                    "invalid selector: '{fields}'; can't understand '{term}'"
                ));
            };
            if !has_field(kind, path) {
                return Err(format!("field label not supported: {path}"));
            }
            selection.fields.push((path.into(), equal, value.into()));
        }
        Ok(selection)
    }

    /// The name that the selection is limited to, which authorization looks at.
    pub(crate) fn name(&self) -> Option<&str> {
        let mut named = self
            .fields
            .iter()
            .filter(|(path, equal, _)| path == "metadata.name" && *equal);
        named.next().map(|(_, _, name)| name.as_str())
    }

    pub(crate) fn selects(&self, object: &Value) -> bool {
        let label = |key: &str| object["metadata"]["labels"][key].as_str();
        let labels = self.labels.iter().all(|requirement| match requirement {
            Requirement::In(key, values) => {
                label(key).is_some_and(|label| values.iter().any(|v| v == label))
            }
            Requirement::NotIn(key, values) => {
                label(key).is_none_or(|label| values.iter().all(|v| v != label))
            }
            Requirement::Exists(key) => label(key).is_some(),
            Requirement::Absent(key) => label(key).is_none(),
        });
        labels
            && self.fields.iter().all(|(path, equal, value)| {
                let pointer = format!("/{}", path.replace('.', "/"));
                let found = object.pointer(&pointer);
                let found = found.map(|found| match found {
                    Value::String(text) => text.clone(),
                    Value::Null => String::new(),
                    other => other.to_string(),
                });
                (found.unwrap_or_default() == *value) == *equal
            })
    }
}

/// Fields that the API server selects by, `ToSelectableFields` of each kind's strategy.
fn has_field(kind: &Kind, path: &str) -> bool {
    let more: &[&str] = match kind.plural.as_str() {
        "pods" => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
        "events" => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        "secrets" => &["type"],
        "namespaces" => &["status.phase"],
        "nodes" => &["spec.unschedulable"],
        "jobs" => &["status.successful"],
        "services" => &["spec.clusterIP", "spec.type"],
        _ => &[],
    };
    path == "metadata.name"
        || path == "metadata.namespace" && kind.namespaced
        || more.contains(&path)
}

/// Cuts at the commas that are not in parentheses.
fn split(text: &str) -> Vec<String> {
    let (mut all, mut depth) = (vec![String::new()], 0_u32);
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                all.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(last) = all.last_mut() {
            last.push(c);
        }
    }
    all.retain(|term| !term.trim().is_empty());
    all
}

fn requirement(term: &str) -> Result<Requirement, String> {
    let term = term.trim();
    let unreadable =
        || format!("unable to parse requirement: found '{term}', expected: in, notin, =, ==, !=");
    let set = |rest: &str| -> Option<Vec<String>> {
        let inside = rest.trim().strip_prefix('(')?.strip_suffix(')')?;
        Some(inside.split(',').map(|v| v.trim().to_owned()).collect())
    };
    let word = |text: &str| -> Result<String, String> {
        let text = text.trim();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        if text.is_empty() || !text.chars().all(plain) {
            return Err(unreadable());
        }
        Ok(text.to_owned())
    };
    let value = |text: &str| {
        if text.trim().is_empty() {
            Ok(String::new())
        } else {
            word(text)
        }
    };
    if let Some(key) = term.strip_prefix('!') {
        return Ok(Requirement::Absent(word(key)?));
    }
    if let Some((key, rest)) = term.split_once(" notin ") {
        return Ok(Requirement::NotIn(
            word(key)?,
            set(rest).ok_or_else(unreadable)?,
        ));
    }
    if let Some((key, rest)) = term.split_once(" in ") {
        return Ok(Requirement::In(
            word(key)?,
            set(rest).ok_or_else(unreadable)?,
        ));
    }
    if let Some((key, rest)) = term.split_once("!=") {
        return Ok(Requirement::NotIn(word(key)?, vec![value(rest)?]));
    }
    if let Some((key, rest)) = term.split_once('=') {
        let rest = rest.strip_prefix('=').unwrap_or(rest);
        return Ok(Requirement::In(word(key)?, vec![value(rest)?]));
    }
    Ok(Requirement::Exists(word(term)?))
}

/// Whether a `metav1.LabelSelector` selects these labels; an empty one selects all.
pub(crate) fn label_selector(selector: &Value, labels: &Value) -> bool {
    let named = selector["matchLabels"].as_object().into_iter().flatten();
    let mut named = named.map(|(key, value)| labels[key] == *value);
    let listed = selector["matchExpressions"]
        .as_array()
        .into_iter()
        .flatten();
    let mut listed = listed.map(|term| {
        let label = &labels[term["key"].as_str().unwrap_or_default()];
        let values = term["values"].as_array().map_or(&[][..], Vec::as_slice);
        match term["operator"].as_str().unwrap_or_default() {
            "In" => values.contains(label),
            "NotIn" => !values.contains(label),
            "Exists" => !label.is_null(),
            "DoesNotExist" => label.is_null(),
            _ => false,
        }
    });
    named.all(|held| held) && listed.all(|held| held)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::Kinds;

    #[test]
    fn selectors_are_read_as_the_server_reads_them() {
        let kinds = Kinds::default();
        let pods = kinds.of_name("pods").expect("pods");
        let pod = json!({
            "metadata": {"name": "a", "labels": {"app": "web", "tier": "x"}},
            "status": {"phase": "Running"},
        });
        for (labels, fields, selects) in [
            ("", "", true),
            ("app=web,tier!=db", "", true),
            ("app in (web, api),!gone", "metadata.name=a", true),
            ("app notin (web)", "", false),
            ("gone", "", false),
            ("app==web", "status.phase!=Running", false),
        ] {
            let read = Selection::read(&pods, labels, fields).expect("a selector");
            assert_eq!(read.selects(&pod), selects, "{labels} {fields}");
        }
        for (labels, fields) in [
            ("a b", ""),
            ("a in web", ""),
            ("", "spec.containers=x"),
            ("", "x"),
        ] {
            assert!(
                Selection::read(&pods, labels, fields).is_err(),
                "{labels} {fields}"
            );
        }
    }
}
