//! Creating, updating and patching.

mod admission;
mod ephemeral;
mod names;

use serde_json::{Value, json};

use admission::{admit, escalates};
use names::{is_name, name};

use super::{
    answer::Refusal,
    asked::{Asked, stored},
    reply::Reply,
};
use crate::{
    FakeCluster, controllers, defaults,
    kinds::Kind,
    kubelet,
    state::removal::delete_now,
    store::{Key, patch},
};

pub(super) fn create(cluster: &FakeCluster, asked: &Asked) -> Result<Reply, Refusal> {
    let kind = &asked.kind;
    let mut object = asked.body.clone();
    if !object.is_object() {
        return Err(Refusal::bad_request(
            "the body of the request has no object",
        ));
    }
    for (field, expected) in [
        ("kind", kind.kind.clone()),
        ("apiVersion", kind.api_version()),
    ] {
        let given = object[field].as_str().unwrap_or(&expected);
        if given != expected {
            let message = format!(
                "{field} {given:?} of the object is not {expected:?}, which the request is for"
            );
            return Err(Refusal::bad_request(message));
        }
    }
    let place = object["metadata"]["namespace"].as_str();
    if kind.namespaced {
        if place.is_some_and(|place| place != asked.info.namespace) {
            return Err(Refusal::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        object["metadata"]["namespace"] = json!(asked.info.namespace);
    }
    admit(cluster, asked, &mut object)?;
    let (key, made) = {
        let mut state = cluster.state();
        let state = &mut *state;
        if kind.namespaced {
            let namespaces = state.kinds.of_name("namespaces");
            let home = namespaces.map(|kind| Key::new(&kind, "", &asked.info.namespace));
            let home = home.and_then(|key| state.store.get(&key).cloned());
            match home {
                None => return Err(no_namespace(&asked.info.namespace)),
                Some(home) if !home["metadata"]["deletionTimestamp"].is_null() => {
                    let why = format!(
                        "unable to create new content in namespace {} because it is being terminated",
                        asked.info.namespace
                    );
                    return Err(Refusal::forbidden(kind, &name(&object), &why));
                }
                Some(_) => {}
            }
        }
        let uid = state.store.new_uid();
        if name(&object).is_empty() {
            let start = object["metadata"]["generateName"]
                .as_str()
                .unwrap_or_default();
            if start.is_empty() {
                return Err(Refusal::invalid(
                    kind,
                    "",
                    "metadata.name: Required value: name or generateName is required",
                ));
            }
            object["metadata"]["name"] = json!(format!("{start}{}", defaults::suffix(&uid)));
        }
        let name = name(&object);
        if !is_name(kind, &name) {
            let why = format!(
                "metadata.name: Invalid value: {name:?}: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'"
            );
            return Err(Refusal::invalid(kind, &name, &why));
        }
        let key = Key::new(kind, &asked.info.namespace, &name);
        if state.store.get(&key).is_some() {
            return Err(Refusal::exists(kind, &name));
        }
        escalates(state, asked, &object)?;
        defaults::made(&mut object, kind, &uid, &state.clock.stamp());
        if kind.kind == "Pod" {
            admission::pull_secrets(state, &mut object, &asked.info.namespace);
            object["status"] = json!({"phase": "Pending", "qosClass": "BestEffort"});
        }
        if asked.is_dry() {
            return Ok(Reply::Json(201, asked.form.object(kind, &object)));
        }
        let made = state.store.put(key.clone(), object);
        (key, made)
    };
    controllers::created(cluster, kind, &key, &made);
    if kind.kind == "Pod" {
        kubelet::start(
            cluster,
            &key,
            made["metadata"]["uid"].as_str().unwrap_or_default(),
        );
    }
    Ok(Reply::Json(201, asked.form.object(kind, &made)))
}

fn no_namespace(name: &str) -> Refusal {
    let kind = Kind {
        plural: "namespaces".into(),
        kind: "Namespace".into(),
        ..defaults::no_kind()
    };
    Refusal::not_found(&kind, name)
}

pub(super) fn update(cluster: &FakeCluster, asked: &Asked) -> Result<Reply, Refusal> {
    let old = stored(cluster, asked)?;
    let mut new = asked.body.clone();
    new["metadata"]["uid"] = old["metadata"]["uid"].clone();
    new["metadata"]["creationTimestamp"] = old["metadata"]["creationTimestamp"].clone();
    keep(cluster, asked, &old, new)
}

pub(super) fn patch(cluster: &FakeCluster, asked: &Asked) -> Result<Reply, Refusal> {
    let old = match stored(cluster, asked) {
        Err(refusal) if refusal.code == 404 && asked.content.contains("apply-patch") => {
            let mut created = asked.body.clone();
            created["metadata"]["name"] = json!(asked.info.name);
            let asked = Asked {
                body: created,
                info: asked.info.clone(),
                kind: asked.kind.clone(),
                user: asked.user.clone(),
                form: asked.form,
                content: String::new(),
            };
            return create(cluster, &asked);
        }
        found => found?,
    };
    let mut new = (*old).clone();
    let content = asked.content.split(';').next().unwrap_or_default().trim();
    let fits = match content {
        "application/merge-patch+json" => {
            patch::merge(&mut new, &asked.body);
            Some(())
        }
        "application/strategic-merge-patch+json" | "application/apply-patch+yaml" => {
            patch::strategic(&mut new, &asked.body);
            Some(())
        }
        "application/json-patch+json" => patch::json(&mut new, &asked.body),
        _ => {
            let message = format!("the body of the request was in an unknown format - {content:?}");
            return Err(Refusal::new(415, message));
        }
    };
    fits.ok_or_else(|| Refusal::invalid(&asked.kind, &asked.info.name, "the patch does not fit"))?;
    keep(cluster, asked, &old, new)
}

/// Stores the new version of an object.
fn keep(
    cluster: &FakeCluster,
    asked: &Asked,
    old: &Value,
    mut new: Value,
) -> Result<Reply, Refusal> {
    let (kind, name) = (&asked.kind, &asked.info.name);
    let version = &new["metadata"]["resourceVersion"];
    if version.is_string() && *version != old["metadata"]["resourceVersion"] {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        return Err(Refusal::conflict(kind, name, why));
    }
    if new["metadata"]["uid"] != old["metadata"]["uid"] {
        return Err(Refusal::conflict(
            kind,
            name,
            "Precondition failed: UID in precondition does not match",
        ));
    }
    let added = match asked.info.subresource.as_str() {
        "status" => {
            let status = new["status"].take();
            new = old.clone();
            new["status"] = status;
            Vec::new()
        }
        "ephemeralcontainers" => {
            let list = new["spec"]["ephemeralContainers"].take();
            new = old.clone();
            new["spec"]["ephemeralContainers"] = list;
            ephemeral::added(asked, old, &mut new)?
        }
        _ => {
            new["status"] = old["status"].clone();
            if kind.kind == "Pod" && !same_pod(old, &new) {
                let why = "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,\
                           `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations)";
                return Err(Refusal::invalid(kind, name, why));
            }
            Vec::new()
        }
    };
    admit(cluster, asked, &mut new)?;
    if let Some(map) = new.as_object_mut() {
        map.remove("kind");
        map.remove("apiVersion");
    }
    if new["spec"] != old["spec"] && old["metadata"]["generation"].is_i64() {
        let generation = old["metadata"]["generation"].as_i64().unwrap_or_default();
        new["metadata"]["generation"] = json!(generation + 1);
    }
    if asked.is_dry() {
        return Ok(Reply::Json(200, asked.form.object(kind, &new)));
    }
    let key = asked.key();
    let kept = {
        let mut state = cluster.state();
        escalates(&state, asked, &new)?;
        state.store.put(key.clone(), new)
    };
    let uid = kept["metadata"]["uid"].as_str().unwrap_or_default();
    for container in added {
        kubelet::add(cluster, &key, uid, &container);
    }
    // The last finalizer of an object that is marked for deletion is gone.
    let held = kept["metadata"]["finalizers"]
        .as_array()
        .is_some_and(|all| !all.is_empty());
    if kept["metadata"]["deletionTimestamp"].is_string() && !held {
        delete_now(cluster, &key, uid);
    }
    Ok(Reply::Json(200, asked.form.object(kind, &kept)))
}

/// Compares two versions of a pod without the fields that may be changed.
fn same_pod(old: &Value, new: &Value) -> bool {
    let fixed = |pod: &Value| {
        let mut spec = pod["spec"].clone();
        for field in [
            "activeDeadlineSeconds",
            "tolerations",
            "terminationGracePeriodSeconds",
        ] {
            spec[field] = Value::Null;
        }
        for list in ["containers", "initContainers"] {
            for container in spec[list].as_array_mut().into_iter().flatten() {
                container["image"] = Value::Null;
            }
        }
        spec
    };
    fixed(old) == fixed(new)
}
