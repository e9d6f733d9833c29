//! Deleting: preconditions, finalizers, grace, and what is owned.

use serde_json::{Value, json};

use super::{
    answer::Refusal,
    asked::{Asked, stored},
    reply::Reply,
};
use crate::{
    FakeCluster, kubelet,
    state::removal::{delete_now, dependents},
    store::{Key, selector::Selection},
};

pub(super) fn delete(cluster: &FakeCluster, asked: &Asked) -> Result<Reply, Refusal> {
    let object = stored(cluster, asked)?;
    let (kind, name) = (&asked.kind, &asked.info.name);
    let options = if asked.body["deleteOptions"].is_object() {
        &asked.body["deleteOptions"]
    } else {
        &asked.body
    };
    for field in ["uid", "resourceVersion"] {
        let (wanted, has) = (&options["preconditions"][field], &object["metadata"][field]);
        if wanted.is_string() && wanted != has {
            let shown = if field == "uid" {
                "UID"
            } else {
                "ResourceVersion"
            };
            let why = format!(
                "Precondition failed: {shown} in precondition: {}, {shown} in object meta: {}",
                wanted.as_str().unwrap_or_default(),
                has.as_str().unwrap_or_default()
            );
            return Err(Refusal::conflict(kind, name, &why));
        }
    }
    if asked.is_dry() {
        return Ok(Reply::Json(200, asked.form.object(kind, &object)));
    }
    let last = end(cluster, &asked.key(), &object, options);
    // For these kinds the answer holds the object (`ReturnDeletedObject`), and for every object that still exists.
    let returned = matches!(
        kind.kind.as_str(),
        "Pod" | "ServiceAccount" | "Service" | "PersistentVolumeClaim"
    );
    if let Some(last) =
        last.filter(|last| returned || last["metadata"]["deletionTimestamp"].is_string())
    {
        return Ok(Reply::Json(200, asked.form.object(kind, &last)));
    }
    let mut details = json!({"name": name, "kind": kind.plural, "uid": object["metadata"]["uid"]});
    if !kind.group.is_empty() {
        details["group"] = json!(kind.group);
    }
    Ok(Reply::Json(
        200,
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details,
        }),
    ))
}

/// Deletes one object, or marks it for deletion, and returns its last version.
fn end(cluster: &FakeCluster, key: &Key, object: &Value, options: &Value) -> Option<Value> {
    let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
    let mut finalizers = object["metadata"]["finalizers"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let propagation = options["propagationPolicy"].as_str().unwrap_or_default();
    let owned = dependents(&cluster.state(), &object["metadata"]["uid"]);
    if propagation == "Foreground" && !owned.is_empty() {
        finalizers.push(json!("foregroundDeletion"));
    }
    let is_pod = key.plural == "pods" && key.group.is_empty();
    let grace = options["gracePeriodSeconds"].as_i64();
    let grace = grace.unwrap_or_else(|| {
        object["spec"]["terminationGracePeriodSeconds"]
            .as_i64()
            .unwrap_or_default()
    });
    let bound = object["spec"]["nodeName"].is_string();
    let waits = is_pod && bound && grace > 0;
    let is_namespace = key.plural == "namespaces";
    if finalizers.is_empty() && !waits && !is_namespace {
        if propagation == "Orphan" {
            disown(cluster, &owned, uid);
        }
        return delete_now(cluster, key, uid);
    }
    let marked = {
        let mut state = cluster.state();
        let mut marked = object.clone();
        if marked["metadata"]["deletionTimestamp"].is_null() {
            marked["metadata"]["deletionTimestamp"] = json!(state.clock.stamp());
            marked["metadata"]["deletionGracePeriodSeconds"] =
                json!(if is_pod { grace } else { 0 });
        }
        marked["metadata"]["finalizers"] = if finalizers.is_empty() {
            Value::Null
        } else {
            json!(finalizers)
        };
        (*state.store.put(key.clone(), marked)).clone()
    };
    if waits {
        kubelet::stop(cluster, key, uid);
    }
    if is_namespace {
        empty(cluster, key, uid);
    }
    if propagation == "Foreground" {
        foreground(cluster, key, uid, owned);
    }
    Some(marked)
}

/// Removes an owner from its dependents.
fn disown(cluster: &FakeCluster, owned: &[(Key, String)], uid: &str) {
    let mut state = cluster.state();
    for (key, _) in owned {
        if let Some(mut object) = state.store.get(key).map(|object| (**object).clone()) {
            if let Some(owners) = object["metadata"]["ownerReferences"].as_array_mut() {
                owners.retain(|owner| owner["uid"] != uid);
            }
            state.store.put(key.clone(), object);
        }
    }
}

/// Deletes what is owned first, and then the owner.
fn foreground(cluster: &FakeCluster, key: &Key, uid: &str, owned: Vec<(Key, String)>) {
    let (cluster, key, uid) = (cluster.clone(), key.clone(), uid.to_owned());
    let pause = cluster.state().pace.collect;
    tokio::spawn(async move {
        tokio::time::sleep(pause).await;
        for (key, uid) in owned {
            delete_now(&cluster, &key, &uid);
        }
        cluster.edit_at(&key, |object| {
            if let Some(all) = object["metadata"]["finalizers"].as_array_mut() {
                all.retain(|finalizer| finalizer != "foregroundDeletion");
            }
        });
        finalized(&cluster, &key, &uid);
    });
}

/// Deletes everything in a namespace, and then the namespace.
fn empty(cluster: &FakeCluster, key: &Key, uid: &str) {
    let (cluster, key, uid) = (cluster.clone(), key.clone(), uid.to_owned());
    let pause = cluster.state().pace.collect;
    tokio::spawn(async move {
        tokio::time::sleep(pause).await;
        let all: Vec<(Key, String)> = {
            let state = cluster.state();
            let inside = state
                .store
                .all()
                .filter(|(other, _)| other.namespace == key.name);
            let inside = inside.map(|(other, object)| {
                (
                    other.clone(),
                    object["metadata"]["uid"]
                        .as_str()
                        .unwrap_or_default()
                        .to_owned(),
                )
            });
            inside.collect()
        };
        for (other, uid) in all {
            cluster.state().runs.end_pod(&other);
            delete_now(&cluster, &other, &uid);
        }
        delete_now(&cluster, &key, &uid);
    });
}

/// Removes objects that are marked for deletion, once no finalizer holds them.
fn finalized(cluster: &FakeCluster, key: &Key, uid: &str) {
    let free = {
        let state = cluster.state();
        state.store.get(key).is_some_and(|object| {
            object["metadata"]["finalizers"]
                .as_array()
                .is_none_or(Vec::is_empty)
        })
    };
    if free {
        delete_now(cluster, key, uid);
    }
}

/// Deletes everything that is selected.
pub(super) fn delete_all(cluster: &FakeCluster, asked: &Asked, selection: &Selection) -> Reply {
    let all: Vec<(Key, Value)> = {
        let state = cluster.state();
        let namespace = Some(asked.info.namespace.as_str()).filter(|n| !n.is_empty());
        let found = state
            .store
            .of(&asked.kind.group, &asked.kind.plural, namespace);
        let found = found.filter(|(_, object)| selection.selects(object));
        found
            .map(|(key, object)| (key.clone(), (**object).clone()))
            .collect()
    };
    let mut items = Vec::new();
    for (key, object) in all {
        if !asked.is_dry() {
            end(cluster, &key, &object, &asked.body);
        }
        items.push(object);
    }
    let version = cluster.state().store.version().to_string();
    let metadata = json!({"resourceVersion": version});
    Reply::Json(200, asked.form.list(&asked.kind, &items, &metadata))
}
