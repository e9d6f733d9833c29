//! What runs in every cluster: namespaces, Jobs and their deadlines, and the collection of what is owned.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use crate::{FakeCluster, clock::stamp, cluster::State, kinds::Kind, store::Key};

/// Name and address of the fake's only node.
pub(crate) const NODE: (&str, &str) = ("fake-node", "192.0.2.10");

/// Adds the node.
pub(crate) fn node(state: &mut State) {
    let _ = state.give(json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": NODE.0, "labels": {"kubernetes.io/hostname": NODE.0, "kubernetes.io/os": "linux"}},
        "status": {
            "addresses": [{"type": "InternalIP", "address": NODE.1}],
            "conditions": [{"type": "Ready", "status": "True"}],
            "nodeInfo": {"kubeletVersion": "v1.37.2", "operatingSystem": "linux", "architecture": "amd64",
                "containerRuntimeVersion": "containerd://2.1.4", "kernelVersion": "6.12.0", "osImage": "Fake"},
        },
    }));
}

/// Adds a namespace that is not there.
pub(crate) fn namespace(state: &mut State, name: &str) {
    let kind = state.kinds.of_name("namespaces");
    let known = kind.is_some_and(|kind| state.store.get(&Key::new(&kind, "", name)).is_some());
    if !known {
        let metadata = json!({"name": name});
        let _ = state.give(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}));
    }
}

/// Adds what each namespace has, to one that was just made.
pub(crate) fn furnish(state: &mut State, namespace: &str) {
    for (kind, name) in [
        ("ServiceAccount", "default"),
        ("ConfigMap", "kube-root-ca.crt"),
    ] {
        let metadata = json!({"name": name, "namespace": namespace});
        let _ = state.give(json!({"apiVersion": "v1", "kind": kind, "metadata": metadata}));
    }
}

/// Does what follows from an object's creation.
pub(crate) fn created(cluster: &FakeCluster, kind: &Kind, key: &Key, object: &Value) {
    let uid = object["metadata"]["uid"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    if object["metadata"]["ownerReferences"].is_array() {
        // An owner may be gone by now.
        orphans(cluster, vec![(key.clone(), uid.clone())]);
    }
    match kind.kind.as_str() {
        "Job" => {
            tokio::spawn(job(cluster.clone(), key.clone(), uid));
        }
        "Namespace" => furnish(&mut cluster.state(), &key.name),
        _ => {}
    }
}

/// Deletes, after a while, what has owners of which none is there.
pub(crate) fn orphans(cluster: &FakeCluster, all: Vec<(Key, String)>) {
    if all.is_empty() {
        return;
    }
    let (cluster, pause) = (cluster.clone(), cluster.state().pace.collect);
    tokio::spawn(async move {
        tokio::time::sleep(pause).await;
        for (key, uid) in all {
            let owned = {
                let state = cluster.state();
                let same = state
                    .store
                    .get(&key)
                    .filter(|o| o["metadata"]["uid"] == uid.as_str());
                same.is_some_and(|object| owners_are_gone(&state, object))
            };
            if owned {
                crate::api::delete_now(&cluster, &key, &uid);
            }
        }
    });
}

fn owners_are_gone(state: &State, object: &Value) -> bool {
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
    let owners = object["metadata"]["ownerReferences"].as_array();
    let mut owners = owners.into_iter().flatten();
    owners.all(|owner| {
        let Some(kind) = state.kinds.of_object(owner) else {
            return false;
        };
        let key = Key::new(&kind, namespace, owner["name"].as_str().unwrap_or_default());
        state
            .store
            .get(&key)
            .is_none_or(|found| found["metadata"]["uid"] != owner["uid"])
    })
}

/// What is owned by the object of that UID, and by nobody else who is there.
pub(crate) fn dependents(state: &State, uid: &Value) -> Vec<(Key, String)> {
    let all = state.store.all().filter(|(_, object)| {
        let owners = object["metadata"]["ownerReferences"].as_array();
        owners
            .into_iter()
            .flatten()
            .any(|owner| owner["uid"] == *uid)
    });
    let found = all.map(|(key, object)| {
        let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
        (key.clone(), uid.to_owned())
    });
    found.collect()
}

/// The Job controller and the TTL controller, for one Job that makes no pods.
async fn job(cluster: FakeCluster, key: Key, uid: String) {
    let pause = cluster.state().pace.job_start;
    tokio::time::sleep(pause).await;
    let change = |change: &mut dyn FnMut(&mut Value, &str)| -> Option<Arc<Value>> {
        let mut state = cluster.state();
        let now = stamp(state.clock.now());
        let found = state
            .store
            .get(&key)
            .filter(|o| o["metadata"]["uid"] == uid.as_str())?;
        let mut object = (**found).clone();
        change(&mut object, &now);
        Some(state.store.put(key.clone(), object))
    };
    let Some(started) = change(&mut |object, now| {
        if object["spec"]["suspend"] != true {
            object["status"]["startTime"] = json!(now);
            object["status"]["active"] = json!(0);
            object["status"]["ready"] = json!(0);
        }
    }) else {
        return;
    };
    let Some(deadline) = started["spec"]["activeDeadlineSeconds"].as_u64() else {
        return;
    };
    if started["status"]["startTime"].is_null() {
        return;
    }
    // Second by second, so that nothing stays here of a Job that was deleted before.
    for _ in 0..deadline {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let state = cluster.state();
        let found = state.store.get(&key);
        if found.is_none_or(|object| object["metadata"]["uid"] != uid.as_str()) {
            return;
        }
    }
    let Some(failed) = change(&mut |object, now| {
        object["status"]["conditions"] = json!([{
            "type": "Failed", "status": "True", "reason": "DeadlineExceeded",
            "message": "Job was active longer than specified deadline", "lastTransitionTime": now,
        }]);
        object["status"]["failed"] = json!(0);
    }) else {
        return;
    };
    if let Some(seconds) = failed["spec"]["ttlSecondsAfterFinished"].as_u64() {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        crate::api::delete_now(&cluster, &key, &uid);
    }
}
