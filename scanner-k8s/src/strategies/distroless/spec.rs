//! What the ephemeral container is, for plan, guard and patch.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Pod;
use scanner_core::Target;
use serde_json::{Value, json};

use crate::names::PROBE_PROGRAM;
use crate::pod::access_planner::ProbeContext;

/// What a reader should know of an image that is not named by digest.
pub(super) fn by_tag(image: &str) -> &'static str {
    if image.contains("@sha256:") || image.contains("@sha512:") {
        return "";
    }
    "; the probe's image is named by a tag, so whatever the node or registry has under it runs: name it by digest"
}

/// The ephemeral container, for the plan and for the patch.
pub(crate) fn container(
    name: &str,
    target: &Target,
    image: &str,
    context: &ProbeContext,
    seconds: u32,
) -> Value {
    let mut spec = json!({
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": [PROBE_PROGRAM, "wait", seconds.to_string()],
        "targetContainerName": target.container,
        "terminationMessagePolicy": "File",
        "securityContext": context.security(),
    });
    if context.app_armor {
        spec["securityContext"]["appArmorProfile"] = json!({"type": "RuntimeDefault"});
    }
    spec
}

/// Fields in which the ephemeral container of the pod differs from the planned one, apart from what the server adds to
/// every container.
pub(super) fn differences(planned: &Value, pod: &Pod) -> Vec<String> {
    let name = planned["name"].as_str().unwrap_or_default();
    let all = pod
        .spec
        .iter()
        .flat_map(|spec| spec.ephemeral_containers.iter().flatten());
    let Some(made) = all.into_iter().find(|container| container.name == name) else {
        return vec!["it is not there".into()];
    };
    let made = serde_json::to_value(made).unwrap_or_default();
    let mut wanted = planned.clone();
    wanted["terminationMessagePath"] = json!("/dev/termination-log");
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    };
    let fields = [&wanted, &made].map(|value| value.as_object().cloned().unwrap_or_default());
    let names: BTreeSet<&String> = fields.iter().flat_map(|map| map.keys()).collect();
    let differs = |field: &&&String| {
        let (wanted, made) = (&wanted[field.as_str()], &made[field.as_str()]);
        wanted != made && !(empty(wanted) && empty(made))
    };
    names
        .iter()
        .filter(differs)
        .map(ToString::to_string)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_that_is_named_by_tag_is_noted() {
        for image in ["probe", "probe:1", "registry.example:5000/probe:1"] {
            assert!(by_tag(image).contains("by digest"), "{image}");
        }
        let digest = format!("probe:1@sha256:{}", "0".repeat(64));
        assert_eq!(by_tag(&digest), "");
    }

    /// What somebody does to a container.
    type Change = fn(&mut Value);

    #[test]
    fn a_container_that_is_not_as_planned_is_seen_field_by_field() {
        let planned = json!({
            "name": "x", "image": "probe", "imagePullPolicy": "IfNotPresent", "command": ["a"],
            "targetContainerName": "web", "terminationMessagePolicy": "File",
            "securityContext": {"runAsUser": 1, "capabilities": {"drop": ["ALL"]}},
        });
        let pod = |change: &dyn Fn(&mut Value)| -> Pod {
            let mut made = planned.clone();
            made["terminationMessagePath"] = json!("/dev/termination-log");
            made["resources"] = json!({});
            change(&mut made);
            serde_json::from_value(
                json!({"spec": {"containers": [], "ephemeralContainers": [made]}}),
            )
            .unwrap()
        };
        assert!(differences(&planned, &pod(&|_| ())).is_empty());
        let changes: [(Change, &str); 5] = [
            (|c| c["image"] = json!("mirror/probe"), "image"),
            (
                |c| c["env"] = json!([{"name": "LD_PRELOAD", "value": "/x"}]),
                "env",
            ),
            (
                |c| c["volumeMounts"] = json!([{"name": "v", "mountPath": "/secure-scan-probe"}]),
                "volumeMounts",
            ),
            (
                |c| c["securityContext"]["privileged"] = json!(true),
                "securityContext",
            ),
            (|c| c["name"] = json!("y"), "it is not there"),
        ];
        for (change, field) in changes {
            assert_eq!(differences(&planned, &pod(&change)), [field]);
        }
    }

    #[test]
    fn the_container_is_as_planned() {
        let context = |app_armor| ProbeContext {
            uid: 0,
            gid: 0,
            drop_all: false,
            drop: vec!["NET_RAW".into()],
            add: vec!["MKNOD"],
            app_armor,
            why: "",
        };
        let target = crate::pod::testing::target("shop", "web-0", "web");
        let of = |app_armor| {
            let spec = container("x", &target, "probe", &context(app_armor), 30);
            spec["securityContext"].clone()
        };
        let lists = json!({"drop": ["NET_RAW"], "add": ["MKNOD"]});
        assert_eq!(of(false)["capabilities"], lists);
        assert_eq!(of(false)["appArmorProfile"], Value::Null);
        assert_eq!(of(true)["appArmorProfile"]["type"], "RuntimeDefault");
    }
}
