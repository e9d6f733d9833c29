//! A shop of pods and workloads, and what is asked of it.

use scanner_core::ScanPlan;
use scanner_k8s::{plan::resolve::ResolveError, scan::PrepareError};
use secure_scan::{PreparedScan, Profile, Scan, TargetSelector};
use secure_scan_testing::FakeCluster;
use serde_json::{Value, json};

pub(crate) const HASH: &str = "5d9c";

/// A pod of a `ReplicaSet` of deployment `web`, created at that minute.
pub(crate) fn replica(name: &str, minute: u32, more: &Value) -> Value {
    let mut pod = json!({
        "metadata": {
            "namespace": "shop", "name": name, "uid": format!("uid-{name}"),
            "labels": {"app": "web", "pod-template-hash": HASH},
            "creationTimestamp": format!("2026-01-01T00:{minute:02}:00Z"),
            "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("web-{HASH}"), "uid": "uid-rs",
                "controller": true,
            }],
        },
        "spec": {"containers": [{"name": "web", "image": "registry.example/web:1"}]},
    });
    merge(&mut pod, more);
    pod
}

pub(crate) fn merge(into: &mut Value, more: &Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (key, value) in more {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, more) => *into = more.clone(),
    }
}

pub(crate) fn workload(api: &str, kind: &str, name: &str, uid: &str) -> Value {
    json!({
        "apiVersion": api, "kind": kind, "metadata": {"namespace": "shop", "name": name, "uid": uid},
        "spec": {"selector": {"matchLabels": {"app": "web"}}},
    })
}

/// A pod without an owner.
pub(crate) fn bare(name: &str, more: &Value) -> Value {
    let mut pod = json!({
        "metadata": {"namespace": "shop", "name": name, "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": "registry.example/web:1"}]},
    });
    merge(&mut pod, more);
    pod
}

/// A `ReplicaSet` of the Deployment of that UID, or of none.
pub(crate) fn replica_set(name: &str, uid: &str, deployment: Option<&str>) -> Value {
    let mut set = workload("apps/v1", "ReplicaSet", name, uid);
    if let Some(deployment) = deployment {
        set["metadata"]["ownerReferences"] = json!([{
            "apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": deployment, "controller": true,
        }]);
    }
    set
}

/// A deployment with a `ReplicaSet`.
pub(crate) fn shop() -> FakeCluster {
    let set = replica_set(&format!("web-{HASH}"), "uid-rs", Some("uid-deploy"));
    FakeCluster::new()
        .object(workload("apps/v1", "Deployment", "web", "uid-deploy"))
        .object(set)
}

/// A pod of another `ReplicaSet` than that of `shop`.
pub(crate) fn of_set(pod: &str, minute: u32, set: &str, uid: &str) -> Value {
    let hash = set.rsplit('-').next().unwrap_or_default();
    let owner = json!({"metadata": {"labels": {"pod-template-hash": hash}, "ownerReferences": [{
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": set, "uid": uid, "controller": true}]}});
    replica(pod, minute, &owner)
}

/// Which rights an operator has who may name workloads, but may not get `ReplicaSets`.
pub(crate) fn may_name_workloads() -> Value {
    json!([
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["apps"], "resources": ["deployments"], "resourceNames": ["web"], "verbs": ["get"]},
    ])
}

/// The plan of an operator who need not have the rights of a scan.
pub(crate) async fn plan_only(cluster: &FakeCluster, target: TargetSelector) -> ScanPlan {
    let connected = cluster.cluster().expect("a cluster");
    let profile = Profile::shipped("sbom").expect("a profile");
    let template = Scan::template().engine(profile);
    let plan = template.plan_in(connected.begin(), target).await;
    plan.unwrap_or_else(|error| panic!("{error:?}"))
}

pub(crate) fn unready() -> Value {
    json!({"status": {"conditions": [{"type": "Ready", "status": "False"}]}})
}

pub(crate) fn state(name: &str, state: &Value) -> Value {
    json!({"name": name, "image": "i", "imageID": "registry.example/web@sha256:".to_owned() + &"a".repeat(64),
        "ready": false, "restartCount": 3, "state": state})
}

pub(crate) fn terminating() -> Value {
    json!({"metadata": {"deletionTimestamp": "2026-01-01T01:00:00Z", "deletionGracePeriodSeconds": 300}})
}

pub(crate) async fn prepare(
    cluster: &FakeCluster,
    target: TargetSelector,
) -> Result<PreparedScan, PrepareError> {
    let connected = cluster.cluster().expect("a cluster");
    let profile = Profile::shipped("sbom").expect("a profile");
    Scan::template()
        .engine(profile)
        .prepare(&connected, target)
        .await
}

pub(crate) async fn plan(cluster: &FakeCluster, target: TargetSelector) -> ScanPlan {
    let prepared = prepare(cluster, target).await;
    prepared
        .unwrap_or_else(|error| panic!("{error:?}"))
        .plan()
        .clone()
}

pub(crate) async fn refused(cluster: &FakeCluster, target: TargetSelector) -> ResolveError {
    let before = cluster.calls().len();
    let error = match prepare(cluster, target).await {
        Err(PrepareError::Resolve(error)) => error,
        Err(error) => panic!("{error:?}"),
        Ok(prepared) => panic!("{:?}", prepared.plan().target),
    };
    let calls = cluster.calls();
    // A review of what the operator may do is created too, and is no object.
    let writes = calls.iter().skip(before).filter(|call| {
        !["get", "list", "watch"].contains(&call.verb.as_str())
            && call.group != "authorization.k8s.io"
    });
    let writes: Vec<String> = writes.map(ToString::to_string).collect();
    assert!(writes.is_empty(), "{writes:?}");
    error
}

pub(crate) fn named(target: &str) -> TargetSelector {
    TargetSelector::named("shop", target)
}

pub(crate) fn hint(error: &ResolveError) -> String {
    error
        .remedy()
        .map(|remedy| remedy.to_string())
        .unwrap_or_default()
}
