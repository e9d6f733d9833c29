//! What the ephemeral container is, for plan, guard and patch.

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
        let target = Target {
            namespace: "shop".parse().unwrap(),
            pod: "web-0".parse().unwrap(),
            pod_uid: String::new(),
            container: "web".parse().unwrap(),
            container_id: String::new(),
            image: String::new(),
            image_id: String::new(),
            node: String::new(),
            restarts: 0,
            form: scanner_core::target::TargetForm::Container,
        };
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
