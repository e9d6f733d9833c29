//! Which pod fields a clone keeps, as a pure function. A clone keeps only the fields that are named here.

mod security;
mod values;

use serde_json::{Map, Value, json};

use crate::plan::sidecar_options::Keep;
pub(super) use security::dangerous_settings;
use values::{container, list, text};

/// The copied parts of a pod, and how they differ from it.
#[derive(Debug, Clone, Default)]
pub(super) struct Copied {
    pub(super) spec: Map<String, Value>,
    pub(super) container: Value,
    pub(super) volumes: Vec<Value>,
    pub(super) differences: Vec<String>,
    /// Variables that the clone does not have, by their source: their names are not known.
    pub(super) unseen_env: Vec<String>,
}

const POD: [&str; 8] = [
    "securityContext",
    "nodeSelector",
    "tolerations",
    "runtimeClassName",
    "hostUsers",
    "imagePullSecrets",
    "hostAliases",
    "os",
];
const CONTAINER: [&str; 7] = [
    "name",
    "command",
    "args",
    "workingDir",
    "securityContext",
    "stdin",
    "tty",
];
const RESOURCES: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];

/// Copies container `name` of a pod's specification.
pub(super) fn of(spec: &Value, name: &str, keep: Keep) -> Copied {
    let mut copied = Copied::default();
    let Some(container) = container(spec, name) else {
        return copied;
    };
    copied.spec = pick(spec, &POD);
    let mut own = pick(container, &CONTAINER);
    own.insert(
        "resources".into(),
        resources(spec, container, &mut copied.differences),
    );
    let (env, from) = environment(container, keep, &mut copied);
    own.insert("env".into(), env);
    own.insert("envFrom".into(), from);
    copied.volumes = volumes(spec, container, keep, &mut copied.differences);
    let kept: Vec<&Value> = copied.volumes.iter().map(|v| &v["name"]).collect();
    let mounts: Vec<Value> = list(&container["volumeMounts"])
        .iter()
        .filter(|mount| kept.contains(&&mount["name"]))
        .cloned()
        .collect();
    own.insert("volumeMounts".into(), mounts.into());
    security::confine(&mut copied.spec, &mut own, &mut copied.differences);
    copied.container = Value::Object(own);
    left_out(spec, container, &mut copied.differences);
    copied
}

fn pick(from: &Value, names: &[&str]) -> Map<String, Value> {
    let fields = names.iter().filter_map(|name| {
        let value = from.get(*name)?;
        Some(((*name).to_owned(), value.clone()))
    });
    fields.collect()
}

/// A clone takes no devices, because others may use them. It gets the resources of the whole pod if its container has none
/// of its own.
fn resources(spec: &Value, container: &Value, differences: &mut Vec<String>) -> Value {
    let own = &container["resources"];
    let mut all = json!({});
    let mut shared = false;
    for kind in ["requests", "limits"] {
        for (name, amount) in own[kind].as_object().into_iter().flatten() {
            if RESOURCES.contains(&name.as_str()) {
                all[kind][name] = amount.clone();
            } else if kind == "limits" {
                differences.push(format!("without resource {name}"));
            }
        }
        for (name, amount) in spec["resources"][kind].as_object().into_iter().flatten() {
            let says = !own["limits"][name].is_null() || !own[kind][name].is_null();
            if RESOURCES.contains(&name.as_str()) && !says {
                all[kind][name] = amount.clone();
                shared = true;
            }
        }
    }
    if shared {
        differences.push("has the resources of the whole pod as its own".into());
    }
    for claim in list(&own["claims"]) {
        differences.push(format!("without resource claim {}", text(&claim["name"])));
    }
    all
}

fn environment(container: &Value, keep: Keep, copied: &mut Copied) -> (Value, Value) {
    let differences = &mut copied.differences;
    let mut kept = Vec::new();
    for variable in list(&container["env"]) {
        let name = text(&variable["name"]);
        let from = &variable["valueFrom"];
        let (kind, reference, keeps) = if from["secretKeyRef"].is_object() {
            ("Secret", &from["secretKeyRef"], keep.secrets)
        } else if from["configMapKeyRef"].is_object() {
            ("ConfigMap", &from["configMapKeyRef"], keep.config)
        } else {
            kept.push(variable.clone());
            continue;
        };
        differences.push(reference_note(
            kind,
            &reference["name"],
            &format!("variable {name}"),
            keeps,
        ));
        if keeps {
            kept.push(variable.clone());
        }
    }
    let mut all = Vec::new();
    for source in list(&container["envFrom"]) {
        let (kind, reference, keeps) = if source["secretRef"].is_object() {
            ("Secret", &source["secretRef"], keep.secrets)
        } else {
            ("ConfigMap", &source["configMapRef"], keep.config)
        };
        differences.push(reference_note(
            kind,
            &reference["name"],
            "all its variables",
            keeps,
        ));
        if keeps {
            all.push(source.clone());
        } else {
            let name = text(&reference["name"]);
            copied
                .unseen_env
                .push(format!("variables of {kind} {name}"));
        }
    }
    (kept.into(), all.into())
}

fn reference_note(kind: &str, name: &Value, what: &str, kept: bool) -> String {
    let name = text(name);
    if kept {
        format!("keeps {kind} {name} ({what}), as asked")
    } else {
        format!("without {kind} {name} ({what}), which a clone keeps only when asked to")
    }
}

/// Volumes that `container` mounts and that hold no data of anybody else.
fn volumes(
    spec: &Value,
    container: &Value,
    keep: Keep,
    differences: &mut Vec<String>,
) -> Vec<Value> {
    let mounted: Vec<&Value> = list(&container["volumeMounts"])
        .iter()
        .map(|m| &m["name"])
        .collect();
    let mut kept = Vec::new();
    for volume in list(&spec["volumes"]) {
        if !mounted.contains(&&volume["name"]) {
            continue;
        }
        let name = text(&volume["name"]);
        let kind = volume
            .as_object()
            .into_iter()
            .flatten()
            .map(|(k, _)| k.as_str());
        let mut kind = kind;
        let kind = kind.find(|k| *k != "name").unwrap_or("unknown");
        let what = format!("volume {name}");
        match kind {
            "emptyDir" => {
                differences.push(format!("volume {name} (emptyDir) starts empty"));
                kept.push(volume.clone());
            }
            "image" | "downwardAPI" => kept.push(volume.clone()),
            "secret" => {
                let secret = &volume["secret"]["secretName"];
                differences.push(reference_note("Secret", secret, &what, keep.secrets));
                if keep.secrets {
                    kept.push(volume.clone());
                }
            }
            "configMap" => {
                let map = &volume["configMap"]["name"];
                differences.push(reference_note("ConfigMap", map, &what, keep.config));
                if keep.config {
                    kept.push(volume.clone());
                }
            }
            "projected" => kept.extend(projected(volume, keep, differences)),
            _ => differences.push(format!("without volume {name} ({kind})")),
        }
    }
    kept
}

/// The sources that may be kept; never a service account token.
fn projected(volume: &Value, keep: Keep, differences: &mut Vec<String>) -> Option<Value> {
    let what = format!("volume {}", text(&volume["name"]));
    let sources = list(&volume["projected"]["sources"]);
    if sources.iter().any(|s| s["serviceAccountToken"].is_object()) {
        differences.push(format!("without the service account token ({what})"));
        return None;
    }
    let mut kept = Vec::new();
    for source in sources {
        let (kind, keeps) = if source["secret"].is_object() {
            ("Secret", keep.secrets)
        } else if source["configMap"].is_object() {
            ("ConfigMap", keep.config)
        } else if source["downwardAPI"].is_object() {
            kept.push(source.clone());
            continue;
        } else {
            differences.push(format!("without a projected source ({what})"));
            continue;
        };
        let field = if kind == "Secret" {
            "secret"
        } else {
            "configMap"
        };
        differences.push(reference_note(kind, &source[field]["name"], &what, keeps));
        if keeps {
            kept.push(source.clone());
        }
    }
    if kept.is_empty() {
        return None;
    }
    let mut volume = volume.clone();
    volume["projected"]["sources"] = kept.into();
    Some(volume)
}

/// What is left out of every clone, where the pod has it.
fn left_out(spec: &Value, container: &Value, differences: &mut Vec<String>) {
    let names = |field: &str| -> Vec<&str> {
        list(&spec[field])
            .iter()
            .map(|c| text(&c["name"]))
            .collect()
    };
    let init = names("initContainers");
    if !init.is_empty() {
        differences.push(format!("init containers were not run: {}", init.join(", ")));
    }
    let own = text(&container["name"]);
    let others: Vec<&str> = names("containers")
        .into_iter()
        .filter(|n| *n != own)
        .collect();
    if !others.is_empty() {
        differences.push(format!(
            "without the pod's other containers: {}",
            others.join(", ")
        ));
    }
    for field in [
        "livenessProbe",
        "readinessProbe",
        "startupProbe",
        "lifecycle",
    ] {
        if container[field].is_object() {
            differences.push(format!("without {field}"));
        }
    }
    for field in ["hostNetwork", "hostPID", "hostIPC"] {
        if spec[field] == true {
            differences.push(format!("without {field}"));
        }
    }
    for device in list(&container["volumeDevices"]) {
        differences.push(format!("without volume device {}", text(&device["name"])));
    }
    for port in list(&container["ports"]) {
        if let Some(number) = port["hostPort"].as_i64().filter(|n| *n != 0) {
            differences.push(format!("without host port {number}"));
        }
    }
    for field in ["hostname", "subdomain", "priorityClassName"] {
        if spec[field].as_str().is_some_and(|value| !value.is_empty()) {
            differences.push(format!("without {field} {}", text(&spec[field])));
        }
    }
    differences.push("labels, annotations and the service account are not the target's; no cluster DNS, no network".into());
}

#[cfg(test)]
mod tests;
