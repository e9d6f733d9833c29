//! Ephemeral containers: added to a pod that runs, and never changed or taken away.

use serde_json::Value;

use crate::{
    api::{answer::Refusal, asked::Asked},
    defaults,
};

/// Names of the ephemeral containers that come with `new`; those of before must stay as they are.
pub(super) fn added(asked: &Asked, old: &Value, new: &mut Value) -> Result<Vec<String>, Refusal> {
    let before = old["spec"]["ephemeralContainers"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let pod_containers = old["spec"]["containers"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let refuse = |why: &str| Err(Refusal::invalid(&asked.kind, &asked.info.name, why));
    let Some(now) = new["spec"]["ephemeralContainers"].as_array_mut() else {
        return refuse(
            "spec.ephemeralContainers: Forbidden: existing ephemeral containers may not be removed",
        );
    };
    for container in &before {
        if !now.contains(container) {
            let name = &container["name"];
            return refuse(&format!(
                "spec.ephemeralContainers: Forbidden: existing ephemeral containers {name} may not be changed"
            ));
        }
    }
    let mut added = Vec::new();
    for container in now.iter_mut().filter(|c| !before.contains(c)) {
        let name = container["name"].as_str().unwrap_or_default().to_owned();
        let beside = &container["targetContainerName"];
        if !beside.is_null() && pod_containers.iter().all(|c| c["name"] != *beside) {
            return refuse(&format!(
                "spec.ephemeralContainers[0].targetContainerName: Not found: {beside}"
            ));
        }
        if pod_containers.iter().any(|c| c["name"] == name.as_str()) {
            return refuse(&format!(
                "spec.ephemeralContainers[0].name: Duplicate value: {name:?}"
            ));
        }
        for field in [
            "ports",
            "livenessProbe",
            "readinessProbe",
            "startupProbe",
            "lifecycle",
            "resources",
        ] {
            if !container[field].is_null() {
                return refuse(&format!(
                    "spec.ephemeralContainers[0].{field}: Forbidden: cannot be set for an Ephemeral Container"
                ));
            }
        }
        defaults::container(container);
        added.push(name);
    }
    Ok(added)
}
