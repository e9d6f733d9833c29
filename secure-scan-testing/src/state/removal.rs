//! Removes objects at once, and their dependents after a while.

use serde_json::{Value, json};

use super::{FakeCluster, State};
use crate::store::Key;

/// Removes an object if it is still the one with that UID and no finalizer holds it; returns its last version.
pub(crate) fn delete_now(cluster: &FakeCluster, key: &Key, uid: &str) -> Option<Value> {
    let removed = {
        let mut state = cluster.state();
        let same = state
            .store
            .get(key)
            .filter(|object| object["metadata"]["uid"] == uid)?;
        if same["metadata"]["finalizers"]
            .as_array()
            .is_some_and(|all| !all.is_empty())
        {
            let mut marked = (**same).clone();
            if marked["metadata"]["deletionTimestamp"].is_null() {
                marked["metadata"]["deletionTimestamp"] = json!(state.clock.stamp());
                marked["metadata"]["deletionGracePeriodSeconds"] = json!(0);
                state.store.put(key.clone(), marked);
            }
            return None;
        }
        state.runs.end_pod(key);
        state.store.remove(key)?
    };
    collect(cluster, &removed["metadata"]["uid"]);
    Some((*removed).clone())
}

/// Deletes the dependents of the object with that UID, after a delay.
pub(crate) fn collect(cluster: &FakeCluster, uid: &Value) {
    let owned = dependents(&cluster.state(), uid);
    orphans(cluster, owned);
}

/// Deletes, after a while, objects whose owners are all gone.
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
                delete_now(&cluster, &key, &uid);
            }
        }
    });
}

fn owners_are_gone(state: &State, object: &Value) -> bool {
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
    let owners = object["metadata"]["ownerReferences"].as_array();
    // An object without owners is left alone.
    let Some(owners) = owners.filter(|all| !all.is_empty()) else {
        return false;
    };
    owners.iter().all(|owner| {
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

/// Objects that are owned by the object with that UID, and by no other one that exists.
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
