//! Values that an API server fills into objects that it stores.

use serde_json::{Value, json};

use crate::kinds::Kind;

/// A kind of which there are no objects.
pub(crate) fn no_kind() -> Kind {
    Kind {
        group: String::new(),
        version: String::new(),
        plural: String::new(),
        kind: String::new(),
        namespaced: false,
    }
}

/// Turns an object that was sent into a stored one.
pub(crate) fn made(object: &mut Value, kind: &Kind, uid: &str, now: &str) {
    if let Some(map) = object.as_object_mut() {
        map.remove("kind");
        map.remove("apiVersion");
    }
    let meta = &mut object["metadata"];
    meta["uid"] = json!(uid);
    if meta["creationTimestamp"].is_null() {
        meta["creationTimestamp"] = json!(now);
    }
    if let Some(map) = meta.as_object_mut() {
        map.remove("generateName");
        map.remove("managedFields");
    }
    match kind.kind.as_str() {
        "Pod" => pod(object),
        "Job" => job(object, uid),
        "Secret" => secret(object),
        "Namespace" => {
            let name = meta["name"].clone();
            meta["labels"]["kubernetes.io/metadata.name"] = name;
            object["spec"] = json!({"finalizers": ["kubernetes"]});
            object["status"] = json!({"phase": "Active"});
        }
        "Role" | "ClusterRole" => fill(object, "rules", || json!([])),
        "Service" => {
            fill(&mut object["spec"], "type", || json!("ClusterIP"));
            fill(&mut object["spec"], "sessionAffinity", || json!("None"));
        }
        "NetworkPolicy" => {
            let egress = object["spec"]["egress"].is_array();
            let types = if egress {
                json!(["Ingress", "Egress"])
            } else {
                json!(["Ingress"])
            };
            fill(&mut object["spec"], "policyTypes", || types);
        }
        _ => {}
    }
}

/// Sets a field that is not set.
fn fill(object: &mut Value, name: &str, value: impl FnOnce() -> Value) {
    if object[name].is_null() {
        object[name] = value();
    }
}

fn secret(object: &mut Value) {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    fill(object, "type", || json!("Opaque"));
    let Some(plain) = object
        .as_object_mut()
        .and_then(|map| map.remove("stringData"))
    else {
        return;
    };
    for (key, value) in plain.as_object().into_iter().flatten() {
        object["data"][key] = json!(STANDARD.encode(value.as_str().unwrap_or_default()));
    }
}

fn job(object: &mut Value, uid: &str) {
    object["metadata"]["generation"] = json!(1);
    let spec = &mut object["spec"];
    for (name, value) in [
        ("backoffLimit", json!(6)),
        ("completionMode", json!("NonIndexed")),
        ("suspend", json!(false)),
        ("manualSelector", Value::Null),
        ("podReplacementPolicy", json!("TerminatingOrFailed")),
    ] {
        fill(spec, name, || value);
    }
    if spec["parallelism"].is_null() && spec["completions"].is_null() {
        spec["parallelism"] = json!(1);
        spec["completions"] = json!(1);
    }
    fill(
        spec,
        "selector",
        || json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}),
    );
    let label = &mut spec["template"]["metadata"]["labels"];
    label["batch.kubernetes.io/controller-uid"] = json!(uid);
    object["status"] = json!({});
}

fn pod(object: &mut Value) {
    fill(&mut object["metadata"], "generation", || json!(1));
    let name = object["metadata"]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let spec = &mut object["spec"];
    for (field, value) in [
        ("restartPolicy", json!("Always")),
        ("dnsPolicy", json!("ClusterFirst")),
        ("schedulerName", json!("default-scheduler")),
        ("securityContext", json!({})),
        ("enableServiceLinks", json!(true)),
        ("terminationGracePeriodSeconds", json!(30)),
        ("priority", json!(0)),
        ("preemptionPolicy", json!("PreemptLowerPriority")),
        ("serviceAccountName", json!("default")),
        ("tolerations", json!([])),
        ("volumes", json!([])),
    ] {
        fill(spec, field, || value);
    }
    spec["serviceAccount"] = spec["serviceAccountName"].clone();
    for reason in ["not-ready", "unreachable"] {
        let key = format!("node.kubernetes.io/{reason}");
        if let Some(all) = spec["tolerations"].as_array_mut()
            && !all.iter().any(|t| t["key"] == key.as_str())
        {
            all.push(json!({
                "key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300,
            }));
        }
    }
    let mounts = spec["automountServiceAccountToken"] != false && !has_token(spec);
    let token = format!("kube-api-access-{:.5}", suffix(&name));
    if mounts && let Some(all) = spec["volumes"].as_array_mut() {
        all.push(json!({"name": token, "projected": {"defaultMode": 420, "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
        ]}}));
    }
    for list in ["containers", "initContainers"] {
        for container in spec[list].as_array_mut().into_iter().flatten() {
            self::container(container);
            if mounts {
                fill(container, "volumeMounts", || json!([]));
                if let Some(all) = container["volumeMounts"].as_array_mut() {
                    all.push(json!({
                        "name": token, "readOnly": true,
                        "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
                    }));
                }
            }
        }
    }
}

fn has_token(spec: &Value) -> bool {
    let volumes = spec["volumes"].as_array().into_iter().flatten();
    let mut sources =
        volumes.flat_map(|v| v["projected"]["sources"].as_array().into_iter().flatten());
    sources.any(|source| source["serviceAccountToken"].is_object())
}

/// Five letters that are always the same for a name.
pub(crate) fn suffix(name: &str) -> String {
    use sha2::{Digest as _, Sha256};
    let alphabet = b"bcdfghjklmnpqrstvwxz2456789";
    let digest = Sha256::digest(name);
    let letters = digest.iter().take(5);
    letters
        .map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()]))
        .collect()
}

/// Fills in the defaults of a container of any kind.
pub(crate) fn container(container: &mut Value) {
    let image = container["image"].as_str().unwrap_or_default();
    let name = image.rsplit('/').next().unwrap_or_default();
    let latest = !image.contains('@') && (!name.contains(':') || name.ends_with(":latest"));
    let policy = if latest { "Always" } else { "IfNotPresent" };
    fill(container, "imagePullPolicy", || json!(policy));
    fill(container, "resources", || json!({}));
    fill(container, "terminationMessagePath", || {
        json!("/dev/termination-log")
    });
    fill(container, "terminationMessagePolicy", || json!("File"));
    for variable in container["env"].as_array_mut().into_iter().flatten() {
        if variable["valueFrom"]["fieldRef"].is_object() {
            fill(&mut variable["valueFrom"]["fieldRef"], "apiVersion", || {
                json!("v1")
            });
        }
    }
}
