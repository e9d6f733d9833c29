//! The controllers of every cluster: they fill new namespaces and end Jobs at their deadlines.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use crate::{
    FakeCluster,
    clock::stamp,
    kinds::Kind,
    state::{
        given::furnish,
        removal::{delete_now, orphans},
    },
    store::Key,
};

/// Starts what follows from an object's creation.
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
    // If the Job was deleted before, this ends too.
    let over = tokio::time::Instant::now() + Duration::from_secs(deadline);
    let removals = cluster.state().store.removals();
    loop {
        let mut removal = std::pin::pin!(removals.notified());
        removal.as_mut().enable();
        let there = {
            let state = cluster.state();
            let found = state.store.get(&key);
            found.is_some_and(|object| object["metadata"]["uid"] == uid.as_str())
        };
        if !there {
            return;
        }
        if tokio::time::timeout_at(over, removal).await.is_err() {
            break;
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
        delete_now(&cluster, &key, &uid);
    }
}
