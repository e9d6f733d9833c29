//! Whether somebody changed an object of a scan and changed it back. Pure.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::{Resource, ResourceExt as _};
use scanner_core::{alert::SecurityAlert, escape::visible};
use serde::Serialize;
use serde_json::Value;

use super::changed::{LEASE_DISARMED, OBJECT_CHANGED};
use crate::{
    names::SCAN_LABEL,
    run::made::{Made, content},
};

/// Label that says who manages an object.
const MANAGER_LABEL: &str = "app.kubernetes.io/managed-by";
/// Fields by which an object is held by its lease.
const OF_THE_LEASE: [&str; 2] = ["f:ownerReferences", "f:finalizers"];
/// Fields of an account that a cluster fills in by itself.
const OF_CONTROLLERS: [&str; 2] = ["f:secrets", "f:imagePullSecrets"];

/// The alert about an object that is in another version than the scan knows although it says the same. Everybody may add
/// annotations and labels; the server records or counts every other write.
pub(super) fn alert<K: Resource + Serialize>(made: &Made, now: &K) -> Option<SecurityAlert> {
    // Of a lease the watch sees each version.
    if made.kind == "Job" || now.resource_version().as_deref() == Some(made.version()) {
        return None;
    }
    let (id, evidence) = written(made, now)?;
    let message = format!(
        "somebody changed {} {} of this scan, and put back what it says",
        made.kind, made.name
    );
    Some(SecurityAlert::new(id, message).evidence(evidence))
}

/// What shows that it was written.
fn written<K: Resource + Serialize>(made: &Made, now: &K) -> Option<(&'static str, String)> {
    let generation = now.meta().generation;
    if generation != made.generation {
        let count = |counted: Option<i64>| counted.map_or("none".to_owned(), |g| g.to_string());
        let (before, after) = (count(made.generation), count(generation));
        let counted = format!("its generation was {before} and is {after}");
        return Some((OBJECT_CHANGED, counted));
    }
    let (mut foreign, mut ours) = (0, 0);
    for record in now.managed_fields() {
        let known = made.records.iter().find(|known| same(known, record));
        let mut fields = guarded(&made.kind, record);
        match known {
            // One write later by the same name.
            Some(known) if known.time != record.time => continue,
            Some(known) => {
                let before = guarded(&made.kind, known);
                ours += usize::from(before.is_subset(&fields));
                fields.retain(|field| !before.contains(field));
            }
            None => foreign += 1,
        }
        if fields.is_empty() {
            continue;
        }
        let held = fields.iter().any(|f| OF_THE_LEASE.contains(&f.as_str()));
        let id = if held { LEASE_DISARMED } else { OBJECT_CHANGED };
        let fields: Vec<String> = fields.into_iter().collect();
        let by = visible(record.manager.as_deref().unwrap_or("somebody"), 200);
        let at = record.time.as_ref().map(|time| time.0.to_string());
        return Some((
            id,
            format!(
                "{by} wrote {} at {}",
                visible(&fields.join(", "), 400),
                at.unwrap_or_else(|| "an unknown time".into())
            ),
        ));
    }
    if ours < made.records.len() {
        let gone = "the server's record that this scan wrote it is gone, or is of a later write";
        return Some((OBJECT_CHANGED, gone.into()));
    }
    let explained = foreign > 0
        || now.labels() != &made.labels
        || now.annotations() != &made.annotations
        || content(now) != *made.content();
    (!explained).then(|| {
        let version = visible(&now.resource_version().unwrap_or_default(), 80);
        let version = format!(
            "it is in version {version}, of which nothing shows what it is, and not in {}",
            visible(made.version(), 80)
        );
        (OBJECT_CHANGED, version)
    })
}

/// Whether two records are of one writer, who wrote in one way.
fn same(known: &ManagedFieldsEntry, now: &ManagedFieldsEntry) -> bool {
    known.manager == now.manager
        && known.operation == now.operation
        && known.subresource == now.subresource
}

/// Fields in a record that only the scan writes.
fn guarded(kind: &str, record: &ManagedFieldsEntry) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let fields = record.fields_v1.as_ref().map(|fields| &fields.0);
    for (field, inner) in fields.and_then(Value::as_object).into_iter().flatten() {
        let of_controllers = kind == "ServiceAccount" && OF_CONTROLLERS.contains(&field.as_str());
        match field.as_str() {
            "f:metadata" => found.extend(of_metadata(inner)),
            "f:status" => {}
            _ if of_controllers => {}
            _ => {
                found.insert(field.clone());
            }
        }
    }
    found
}

fn of_metadata(fields: &Value) -> impl Iterator<Item = String> {
    let held = OF_THE_LEASE
        .into_iter()
        .filter(|f| fields.get(*f).is_some());
    let labels = [SCAN_LABEL, MANAGER_LABEL]
        .into_iter()
        .map(|label| format!("f:{label}"));
    let labels = labels.filter(|label| fields["f:labels"].get(label).is_some());
    held.map(str::to_owned)
        .chain(labels)
        .collect::<Vec<_>>()
        .into_iter()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::{
        core::v1::{Secret, ServiceAccount},
        networking::v1::NetworkPolicy,
        rbac::v1::Role,
    };
    use serde::de::DeserializeOwned;
    use serde_json::json;

    use super::*;

    /// What the server keeps of a scan's own write.
    fn ours() -> Value {
        json!({
            "manager": "secure-scan", "operation": "Update", "time": "2026-01-01T00:00:00Z", "fieldsType": "FieldsV1",
            "fieldsV1": {
                "f:metadata": {
                    "f:labels": {".": {}, "f:secure-scan.io/scan": {}},
                    "f:ownerReferences": {".": {}, "k:{\"uid\":\"lease\"}": {}},
                },
                "f:rules": {},
            },
        })
    }

    /// What the server keeps of somebody's write of these fields.
    fn theirs(fields: &Value) -> Value {
        json!({
            "manager": "kubectl-patch", "operation": "Update", "time": "2026-01-01T00:00:09Z", "fieldsType": "FieldsV1",
            "fieldsV1": fields,
        })
    }

    fn object<K: DeserializeOwned>(change: impl Fn(&mut Value)) -> K {
        let mut object = json!({"metadata": {
            "name": "a", "uid": "u", "resourceVersion": "1", "labels": {SCAN_LABEL: "abcd1234"},
            "managedFields": [ours()],
        }});
        change(&mut object);
        serde_json::from_value(object).unwrap()
    }

    /// The alert about an object of that kind which is in a later version.
    fn found<K: Resource + Serialize + DeserializeOwned>(
        kind: &str,
        change: impl Fn(&mut Value),
    ) -> Option<String> {
        let made = Made::of(kind, "a", &object::<K>(|_| ()));
        let now = object::<K>(|o| {
            o["metadata"]["resourceVersion"] = json!("2");
            change(o);
        });
        alert(&made, &now).map(|alert| alert.id)
    }

    fn and(object: &mut Value, fields: &Value) {
        let records = object["metadata"]["managedFields"].as_array_mut().unwrap();
        records.push(theirs(fields));
    }

    #[test]
    fn what_was_changed_and_put_back_is_an_alert() {
        let role = |change: fn(&mut Value)| found::<Role>("Role", change);
        let changed = || Some(OBJECT_CHANGED.to_owned());
        // The rules are a list of which the last writer has all.
        let rules = role(|r| {
            let own = &mut r["metadata"]["managedFields"][0]["fieldsV1"];
            own.as_object_mut().unwrap().remove("f:rules");
            and(r, &json!({"f:rules": {}}));
        });
        assert_eq!(rules, changed());
        for fields in [
            json!({"f:metadata": {"f:ownerReferences": {}}}),
            json!({"f:metadata": {"f:finalizers": {}}}),
        ] {
            let found = found::<Role>("Role", |r| and(r, &fields));
            assert_eq!(found.as_deref(), Some(LEASE_DISARMED), "{fields}");
        }
        let label = role(|r| {
            let label = json!({"f:labels": {"f:secure-scan.io/scan": {}}});
            and(r, &json!({"f:metadata": label}));
        });
        assert_eq!(label, changed());
        // By the name of the scan's own manager.
        let time = role(|r| {
            r["metadata"]["managedFields"][0]["time"] = json!("2026-01-01T00:00:09Z");
        });
        assert_eq!(time, changed());
        // Whoever writes an object may take the records away, too, and an annotation explains no change of records.
        let cleared = role(|r| {
            r["metadata"]["managedFields"] = json!([]);
            r["metadata"]["annotations"] = json!({"a": "b"});
        });
        assert_eq!(cleared, changed());
        assert_eq!(role(|_| ()), changed(), "nothing explains the new version");
        let policy = found::<NetworkPolicy>("NetworkPolicy", |p| {
            p["metadata"]["generation"] = json!(3);
            p["metadata"]["annotations"] = json!({"a": "b"});
        });
        assert_eq!(policy, changed(), "the server counts the changes");
    }

    #[test]
    fn what_a_cluster_adds_by_itself_is_none() {
        let same = found::<Role>("Role", |r| r["metadata"]["resourceVersion"] = json!("1"));
        assert_eq!(same, None);
        let note = json!({"f:metadata": {"f:annotations": {"f:a": {}}, "f:labels": {"f:b": {}}}});
        let noted = found::<Secret>("Secret", |s| {
            s["metadata"]["annotations"] = json!({"a": "b"});
            and(s, &note);
        });
        assert_eq!(noted, None);
        assert_eq!(
            found::<Secret>("Secret", |s| and(s, &note)),
            None,
            "and taken off again"
        );
        let pulls = json!({"f:secrets": {}, "f:imagePullSecrets": {}});
        let account = found::<ServiceAccount>("ServiceAccount", |a| and(a, &pulls));
        assert_eq!(account, None, "OpenShift adds them");
        let account = json!({"f:automountServiceAccountToken": {}});
        let account = found::<ServiceAccount>("ServiceAccount", |a| and(a, &account));
        assert!(account.is_some());
    }
}
