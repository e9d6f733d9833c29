//! Compares the pod that the server created with the planned one, as pure functions. Every difference counts as a change
//! unless it is known to be a default of the API server, to concern placement, or to tighten the pod.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PodSpec;
use scanner_core::escape::visible;
use serde_json::Value;

/// Fields that identify the elements of a list.
const KEYS: [&str; 2] = ["mountPath", "name"];

/// Fields that may come with any value where none was planned: where the pod runs, and how important it is.
const PLACEMENT: [&str; 12] = [
    "nodeName",
    "schedulerName",
    "priority",
    "priorityClassName",
    "preemptionPolicy",
    "runtimeClassName",
    "overhead",
    "affinity",
    "topologySpreadConstraints",
    "schedulingGates",
    "readinessGates",
    "containers.resizePolicy",
];

/// Lists and maps that may have more in them than was planned.
const MORE: [&str; 6] = [
    "tolerations",
    "nodeSelector",
    "imagePullSecrets",
    "dnsConfig.options",
    "dnsConfig.searches",
    "containers.securityContext.capabilities.drop",
];

/// Values that the API server fills in, and values that only restrict the pod.
const FILLED: [(&str, &str); 14] = [
    ("serviceAccountName", "\"default\""),
    ("serviceAccount", "\"default\""),
    ("hostUsers", "true"),
    ("hostUsers", "false"),
    ("securityContext.runAsNonRoot", "true"),
    ("securityContext.seccompProfile.type", "\"RuntimeDefault\""),
    (
        "containers.terminationMessagePath",
        "\"/dev/termination-log\"",
    ),
    ("containers.terminationMessagePolicy", "\"File\""),
    ("containers.env.valueFrom.fieldRef.apiVersion", "\"v1\""),
    ("containers.securityContext.procMount", "\"Default\""),
    ("containers.securityContext.privileged", "false"),
    (
        "containers.securityContext.allowPrivilegeEscalation",
        "false",
    ),
    ("containers.securityContext.readOnlyRootFilesystem", "true"),
    ("containers.securityContext.runAsNonRoot", "true"),
];

/// Fields that a cluster sets from a range of the namespace: they separate pods and grant nothing.
const SEPARATING: [&str; 2] = [
    "securityContext.fsGroup",
    "securityContext.seLinuxOptions.level",
];

/// Where `made` differs from `planned`, as places that are safe to show.
pub(super) fn differences(planned: &Value, made: &PodSpec) -> Vec<String> {
    // Both go through the same type, so that equal values have one form.
    let planned = serde_json::from_value::<PodSpec>(planned.clone());
    let planned = planned
        .ok()
        .and_then(|spec| serde_json::to_value(spec).ok());
    let (Some(planned), Ok(made)) = (planned, serde_json::to_value(made)) else {
        return vec!["the specification cannot be compared".into()];
    };
    let mut found = Vec::new();
    compare(&Place::default(), &planned, &made, &mut found);
    found
}

/// Where in a specification: as shown, and without the names of elements.
#[derive(Default)]
struct Place {
    shown: String,
    rule: String,
}

impl Place {
    fn field(&self, name: &str) -> Self {
        let join = |to: &str, name: &str| {
            if to.is_empty() {
                name.to_owned()
            } else {
                format!("{to}.{name}")
            }
        };
        // What holds for containers holds for init containers.
        let rule = if self.rule.is_empty() && name == "initContainers" {
            "containers"
        } else {
            name
        };
        Self {
            shown: join(&self.shown, &visible(name, 60)),
            rule: join(&self.rule, rule),
        }
    }

    fn element(&self, key: &str) -> Self {
        Self {
            shown: format!("{}[{}]", self.shown, visible(key, 80)),
            rule: self.rule.clone(),
        }
    }

    fn is_of(&self, rules: &[&str]) -> bool {
        rules.contains(&self.rule.as_str())
    }
}

fn compare(place: &Place, planned: &Value, made: &Value, found: &mut Vec<String>) {
    if same(planned, made) || (empty(planned) && may_come(place, made)) || resources(place, made) {
        return;
    }
    // An admission plugin may have every image pulled anew.
    if place.rule == "containers.imagePullPolicy" && made == "Always" {
        return;
    }
    match (planned, made) {
        (Value::Object(_), Value::Object(_) | Value::Null) | (Value::Null, Value::Object(_)) => {
            let (planned, made) = (planned.as_object(), made.as_object());
            let fields = planned.into_iter().chain(made).flat_map(|map| map.keys());
            let mut fields: Vec<&String> = fields.collect();
            fields.sort();
            fields.dedup();
            let of = |map: Option<&serde_json::Map<String, Value>>, name: &str| {
                map.and_then(|map| map.get(name))
                    .cloned()
                    .unwrap_or_default()
            };
            for name in fields {
                let (was, is) = (of(planned, name), of(made, name));
                if empty(&was) && place.is_of(&MORE) {
                    continue;
                }
                compare(&place.field(name), &was, &is, found);
            }
        }
        (Value::Array(_), Value::Array(_) | Value::Null) | (Value::Null, Value::Array(_)) => {
            let (planned, made) = elements(planned, made);
            if place.is_of(&MORE) {
                let kept = planned.values().all(|one| made.values().any(|m| m == one));
                if !kept {
                    found.push(place.shown.clone());
                }
                return;
            }
            for key in planned
                .keys()
                .chain(made.keys().filter(|k| !planned.contains_key(*k)))
            {
                match (planned.get(key), made.get(key)) {
                    (Some(was), Some(is)) => compare(&place.element(key), was, is, found),
                    (None, _) => found.push(format!("{} was added", place.element(key).shown)),
                    (_, None) => found.push(format!("{} was removed", place.element(key).shown)),
                }
            }
        }
        _ => found.push(place.shown.clone()),
    }
}

/// An absent value and an empty one mean the same.
fn empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(all) => all.is_empty(),
        Value::Object(all) => all.values().all(empty),
        Value::String(text) => text.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn same(planned: &Value, made: &Value) -> bool {
    planned == made || (empty(planned) && empty(made))
}

/// Whether a value may be there where none was planned.
fn may_come(place: &Place, made: &Value) -> bool {
    let value = made.to_string();
    let filled = |(rule, filled): &(&str, &str)| *rule == place.rule && *filled == value;
    place.is_of(&PLACEMENT) || place.is_of(&SEPARATING) || FILLED.iter().any(filled)
}

/// Amounts that a `LimitRange` or an autoscaler sets; not devices, whose names have a domain.
fn resources(place: &Place, made: &Value) -> bool {
    let amount = ["requests", "limits"].iter().find_map(|kind| {
        let rest = place.rule.strip_prefix("containers.resources.")?;
        rest.strip_prefix(kind)?.strip_prefix('.')
    });
    amount.is_some_and(|name| !name.contains('/')) && made.is_string()
}

type Elements<'a> = BTreeMap<String, &'a Value>;

/// The elements of two lists by their names, or by their order where names do not identify them.
fn elements<'a>(planned: &'a Value, made: &'a Value) -> (Elements<'a>, Elements<'a>) {
    let of = |list: &'a Value| list.as_array().map_or(&[][..], Vec::as_slice);
    let (planned, made) = (of(planned), of(made));
    let named = |list: &'a [Value], key: &str| {
        let all = list
            .iter()
            .map(|one| Some((one[key].as_str()?.to_owned(), one)));
        let all: Option<Elements<'a>> = all.collect();
        all.filter(|all| all.len() == list.len())
    };
    let mut both = KEYS
        .iter()
        .filter_map(|key| Some((named(planned, key)?, named(made, key)?)));
    let numbered = |list: &'a [Value]| {
        let all = list.iter().enumerate();
        all.map(|(at, one)| (format!("{at:04}"), one)).collect()
    };
    both.next()
        .unwrap_or_else(|| (numbered(planned), numbered(made)))
}

#[cfg(test)]
mod tests;
