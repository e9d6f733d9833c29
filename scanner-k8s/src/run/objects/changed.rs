//! What somebody else did to an object of a scan. Pure.

use kube::{Resource, ResourceExt as _};
use scanner_core::alert::SecurityAlert;
use serde::Serialize;
use serde_json::Value;

use crate::{
    names::SCAN_LABEL,
    run::made::{Made, content},
};

/// Identifier of the alert that a lease was removed or changed, or that an object was detached from it.
pub(crate) const LEASE_DISARMED: &str = "lease-disarmed";
/// Identifier of the alert that an object of a scan was changed.
pub(crate) const OBJECT_CHANGED: &str = "scan-object-changed";

/// Conditions of a Job that has ended, or is about to; see `JobConditionType`.
const ENDED: [&str; 4] = ["Failed", "FailureTarget", "Complete", "SuccessCriteriaMet"];

/// Whether only the maker changes objects of that kind; the node, for example, keeps its state in a pod.
pub(crate) fn is_compared(kind: &str) -> bool {
    kind != "Pod"
}

/// Whether an object is what this scan would have made under its name; `lease` is the UID of its owner, if it has one.
pub(super) fn is_ours<K: Resource>(scan: &str, lease: Option<&str>, object: &K) -> bool {
    object.labels().get(SCAN_LABEL).map(String::as_str) == Some(scan) && owned_by(object, lease)
}

/// Whether its only owner is the lease, or it has none where it is the lease.
fn owned_by<K: Resource>(object: &K, lease: Option<&str>) -> bool {
    let owners = object.owner_references().iter();
    owners.map(|owner| owner.uid.as_str()).eq(lease)
}

/// Alerts about an object that is not in the version that the scan knows. Not every change is one: controllers add
/// annotations, and image pull secrets to service accounts. If `is_over`, the lease may have ended: the cluster then deletes
/// its Job, and keeps it until what the Job owns is gone.
pub(crate) fn alerts<K: Resource + Serialize>(
    scan: &str,
    lease: Option<&str>,
    made: &Made,
    now: &K,
    is_over: bool,
) -> Vec<SecurityAlert> {
    let mut alerts = hold(scan, lease, made, now);
    let is_by_cluster = is_over && made.kind == "Job";
    if now.meta().deletion_timestamp.is_some() && !is_by_cluster {
        let (id, what) = match made.kind.as_str() {
            "Job" => (LEASE_DISARMED, ", the lease of this scan"),
            _ => (OBJECT_CHANGED, " of this scan"),
        };
        let message = format!("somebody else deleted {} {}{what}", made.kind, made.name);
        let alert = SecurityAlert::new(id, message);
        alerts.push(alert.evidence(format!("finalizers: [{}]", now.finalizers().join(", "))));
    }
    if made.kind == "Job" && !is_over {
        let status = serde_json::to_value(now).unwrap_or_default()["status"].take();
        if let Some(how) = stopped(made.lease_start().as_ref(), &status) {
            let message = format!(
                "somebody changed the status of Job {}, the lease of this scan: the cluster would not end it in time",
                made.name
            );
            let alert = SecurityAlert::new(LEASE_DISARMED, message);
            alerts.push(alert.evidence(how));
        }
    }
    let parts = parts(&made.kind, made.content(), &content(now));
    if !parts.is_empty() {
        let id = match made.kind.as_str() {
            "Job" => LEASE_DISARMED,
            _ => OBJECT_CHANGED,
        };
        let message = format!("somebody changed {} {} of this scan", made.kind, made.name);
        let alert = SecurityAlert::new(id, message);
        alerts.push(alert.evidence(format!("changed: {}", parts.join(", "))));
    }
    alerts
}

/// What in the status of a lease that is not over keeps the Job controller from ending it at its deadline: it does nothing with
/// a Job that has ended, and it counts from the start.
fn stopped(started: Option<&Value>, status: &Value) -> Option<String> {
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let ended: Vec<&str> = conditions
        .filter(|condition| condition["status"] == "True")
        .filter_map(|condition| condition["type"].as_str())
        .filter(|kind| ENDED.contains(kind))
        .collect();
    if !ended.is_empty() {
        return Some(format!("conditions: {}", ended.join(", ")));
    }
    if !status["completionTime"].is_null() {
        return Some("it has a time of completion".into());
    }
    let moved = started.filter(|started| **started != status["startTime"])?;
    Some(format!(
        "it started at {moved}, and now says {}",
        status["startTime"]
    ))
}

/// Alerts about what ties an object to its lease and lets it be found: owners, finalizers and the labels of the scan.
pub(crate) fn hold<K: Resource>(
    scan: &str,
    lease: Option<&str>,
    made: &Made,
    now: &K,
) -> Vec<SecurityAlert> {
    let mut alerts = Vec::new();
    let object = format!("{} {}", made.kind, made.name);
    if !owned_by(now, lease) {
        let owners = now.owner_references().iter();
        let owners: Vec<&str> = owners.map(|owner| owner.uid.as_str()).collect();
        let message = format!("somebody changed who owns {object}: the lease would not remove it");
        let alert = SecurityAlert::new(LEASE_DISARMED, message);
        alerts.push(alert.evidence(format!("owners: [{}]", owners.join(", "))));
    }
    if now.meta().deletion_timestamp.is_none() && now.finalizers() != made.finalizers() {
        // While it has a finalizer, the end of the lease does not remove it.
        let message =
            format!("somebody put a finalizer on {object}: the lease would not remove it");
        let alert = SecurityAlert::new(LEASE_DISARMED, message);
        alerts.push(alert.evidence(format!("finalizers: [{}]", now.finalizers().join(", "))));
    }
    // An object that never had the label was refused when it was made.
    if made.label() == Some(scan) && now.labels().get(SCAN_LABEL).map(String::as_str) != Some(scan)
    {
        let message = format!("somebody took the scan's label off {object}");
        alerts.push(SecurityAlert::new(OBJECT_CHANGED, message));
    }
    alerts
}

/// Fields of the object that differ.
fn parts(kind: &str, before: &Value, now: &Value) -> Vec<String> {
    let empty = serde_json::Map::new();
    let before = before.as_object().unwrap_or(&empty);
    let now = now.as_object().unwrap_or(&empty);
    let added = now.keys().filter(|key| !before.contains_key(*key));
    let of_controllers =
        |key: &str| kind == "ServiceAccount" && matches!(key, "secrets" | "imagePullSecrets");
    before
        .keys()
        .chain(added)
        .filter(|key| !of_controllers(key) && before.get(*key) != now.get(*key))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::{batch::v1::Job, core::v1::ServiceAccount, rbac::v1::Role};
    use serde_json::json;

    use super::*;

    /// What somebody does to an object.
    type Change = fn(&mut Value);

    fn object<K: serde::de::DeserializeOwned>(change: impl Fn(&mut Value), base: &Value) -> K {
        let mut object = json!({
            "metadata": {
                "name": "a", "uid": "u", "resourceVersion": "1",
                "labels": {SCAN_LABEL: "abcd1234"},
                "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": "a", "uid": "lease"}],
            },
        });
        for (key, value) in base.as_object().expect("an object") {
            object[key] = value.clone();
        }
        change(&mut object);
        serde_json::from_value(object).expect("an object of its kind")
    }

    fn ids<K: Resource + Serialize + serde::de::DeserializeOwned>(
        kind: &str,
        base: &Value,
        change: impl Fn(&mut Value),
    ) -> Vec<String> {
        let own = object::<K>(|_| (), base);
        let made = Made::of(kind, "a", &own);
        let now = object::<K>(change, base);
        let alerts = alerts("abcd1234", Some("lease"), &made, &now, false);
        alerts.into_iter().map(|alert| alert.id).collect()
    }

    #[test]
    fn whoever_takes_an_object_from_its_lease_is_an_alert() {
        let role = json!({"rules": [{"verbs": ["get"], "resources": ["pods"], "apiGroups": [""]}]});
        let changes: [(Change, &[&str]); 7] = [
            (|_| (), &[]),
            (|r| r["metadata"]["annotations"] = json!({"a": "b"}), &[]),
            (
                |r| r["metadata"]["ownerReferences"] = json!([]),
                &[LEASE_DISARMED],
            ),
            (
                |r| {
                    let second =
                        json!({"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "n"});
                    r["metadata"]["ownerReferences"]
                        .as_array_mut()
                        .unwrap()
                        .push(second);
                },
                &[LEASE_DISARMED],
            ),
            (|r| r["metadata"]["labels"] = json!({}), &[OBJECT_CHANGED]),
            (
                |r| r["metadata"]["finalizers"] = json!(["example.com/hold"]),
                &[LEASE_DISARMED],
            ),
            (|r| r["rules"][0]["verbs"] = json!(["*"]), &[OBJECT_CHANGED]),
        ];
        for (change, wanted) in changes {
            assert_eq!(ids::<Role>("Role", &role, change), wanted);
        }
        let account = json!({"automountServiceAccountToken": false});
        let found = ids::<ServiceAccount>("ServiceAccount", &account, |a| {
            a["imagePullSecrets"] = json!([{"name": "p"}]);
        });
        assert!(found.is_empty(), "OpenShift adds them");
        let found = ids::<ServiceAccount>("ServiceAccount", &account, |a| {
            a["automountServiceAccountToken"] = json!(true);
        });
        assert_eq!(found, [OBJECT_CHANGED]);
    }

    #[test]
    fn a_lease_that_is_deleted_or_given_more_time_is_an_alert() {
        let job = json!({"spec": {"activeDeadlineSeconds": 60, "template": {}}});
        for status in [
            json!({"ready": 0}),
            // As a queue holds a Job.
            json!({"conditions": [{"type": "Suspended", "status": "True"}]}),
        ] {
            assert!(ids::<Job>("Job", &job, |j| j["status"] = status.clone()).is_empty());
        }
        for status in [
            json!({"conditions": [{"type": "FailureTarget", "status": "True"}]}),
            json!({"conditions": [{"type": "Suspended", "status": "False"}, {"type": "Failed", "status": "True"}]}),
            json!({"completionTime": "2026-01-01T00:00:00Z"}),
        ] {
            let found = ids::<Job>("Job", &job, |j| j["status"] = status.clone());
            assert_eq!(found, [LEASE_DISARMED], "{status}");
        }
        let found = ids::<Job>("Job", &job, |j| {
            j["spec"]["activeDeadlineSeconds"] = json!(9999);
        });
        assert_eq!(found, [LEASE_DISARMED]);
        let found = ids::<Job>("Job", &job, |j| {
            j["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
            j["metadata"]["finalizers"] = json!(["orphan"]);
        });
        assert_eq!(found, [LEASE_DISARMED]);
    }

    #[test]
    fn a_lease_that_says_it_started_later_is_disarmed() {
        let start = json!("2026-01-01T00:00:00Z");
        let status = |start: &Value| json!({"startTime": start, "terminating": 0});
        assert_eq!(stopped(Some(&start), &status(&start)), None);
        assert_eq!(stopped(None, &status(&start)), None, "it was not seen");
        for moved in [json!("2099-01-01T00:00:00Z"), Value::Null] {
            let how = stopped(Some(&start), &status(&moved)).expect("it moved");
            assert!(how.contains(&moved.to_string()), "{how}");
        }
    }
}
