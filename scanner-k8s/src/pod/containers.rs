//! Every container of a pod, of whatever kind: regular, init, native sidecar or ephemeral.

use k8s_openapi::api::core::v1::{Container, ContainerStatus, Pod, PodSpec};
use scanner_core::Target;

/// The container of that name.
pub(crate) fn of_name(spec: &PodSpec, name: &str) -> Option<Container> {
    let plain = spec.containers.iter();
    let mut plain = plain.chain(spec.init_containers.iter().flatten());
    if let Some(found) = plain.find(|container| container.name == name) {
        return Some(found.clone());
    }
    let added = spec.ephemeral_containers.iter().flatten();
    let mut added = added.filter(|container| container.name == name);
    // It has the fields of any other, and the name of the one that it looks at.
    added.find_map(|container| serde_json::from_value(serde_json::to_value(container).ok()?).ok())
}

/// Names of all containers, regular ones first.
pub(crate) fn names(spec: &PodSpec) -> Vec<&str> {
    let plain = spec.containers.iter();
    let plain = plain.chain(spec.init_containers.iter().flatten());
    let added = spec.ephemeral_containers.iter().flatten();
    plain
        .map(|container| container.name.as_str())
        .chain(added.map(|container| container.name.as_str()))
        .collect()
}

/// Name and kind of the other containers of the pod that run, or may run again, for a reader.
pub(crate) fn beside(pod: &Pod, target: &Target) -> Vec<String> {
    let spec = pod.spec.clone().unwrap_or_default();
    let own = target.container.as_str();
    let kind = |name: &str| {
        let init = spec
            .init_containers
            .iter()
            .flatten()
            .find(|c| c.name == name);
        match init {
            Some(init) if init.restart_policy.as_deref() == Some("Always") => "sidecar",
            Some(_) => "init",
            None if spec.containers.iter().any(|c| c.name == name) => "container",
            None => "ephemeral",
        }
    };
    names(&spec)
        .into_iter()
        .filter(|name| *name != own && !has_ended(pod, name))
        .map(|name| format!("{name} ({})", kind(name)))
        .collect()
}

/// Whether the container of that name was added while the pod ran.
pub(crate) fn is_ephemeral(pod: &Pod, name: &str) -> bool {
    let spec = pod.spec.as_ref();
    let added = spec.and_then(|spec| spec.ephemeral_containers.as_ref());
    added.into_iter().flatten().any(|c| c.name == name)
}

/// Whether a container ended that is never started again: one that was to end, or was added while the pod ran.
pub(crate) fn has_ended(pod: &Pod, name: &str) -> bool {
    let spec = pod.spec.as_ref();
    let regular = spec.is_some_and(|spec| spec.containers.iter().any(|c| c.name == name));
    let state = status(pod, name).and_then(|status| status.state.as_ref());
    !regular && state.is_some_and(|state| state.terminated.is_some())
}

/// What the server last reported of the container of that name.
pub(crate) fn status<'a>(pod: &'a Pod, name: &str) -> Option<&'a ContainerStatus> {
    let status = pod.status.as_ref()?;
    let lists = [
        &status.container_statuses,
        &status.init_container_statuses,
        &status.ephemeral_container_statuses,
    ];
    let mut all = lists.into_iter().flatten().flatten();
    all.find(|container| container.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_of_every_kind_is_found_with_its_image_and_status() {
        let status = |name: &str| {
            serde_json::json!({
                "name": name, "image": "i", "imageID": "i", "ready": true, "restartCount": 0,
                "containerID": format!("containerd://{name}")
            })
        };
        let pod: Pod = serde_json::from_value(serde_json::json!({
            "spec": {
                "containers": [{"name": "web", "image": "web:1"}],
                "initContainers": [{"name": "mesh", "image": "mesh:1", "restartPolicy": "Always"}],
                "ephemeralContainers": [{"name": "debug", "image": "debug:1", "targetContainerName": "web"}]
            },
            "status": {
                "containerStatuses": [status("web")],
                "initContainerStatuses": [status("mesh")],
                "ephemeralContainerStatuses": [status("debug")]
            }
        }))
        .unwrap();
        let spec = pod.spec.as_ref().unwrap();
        assert_eq!(super::names(spec), ["web", "mesh", "debug"]);
        for name in ["web", "mesh", "debug"] {
            let found = of_name(spec, name).unwrap();
            assert_eq!(found.image, Some(format!("{name}:1")));
            let id = super::status(&pod, name).unwrap().container_id.clone();
            assert_eq!(id, Some(format!("containerd://{name}")));
        }
        assert!(of_name(spec, "other").is_none() && super::status(&pod, "other").is_none());
    }

    #[test]
    fn what_is_not_scanned_is_named_with_its_kind() {
        let ended = |name: &str| {
            serde_json::json!({
                "name": name, "image": "", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"terminated": {"exitCode": 0}},
            })
        };
        let pod: Pod = serde_json::from_value(serde_json::json!({
            "metadata": {"name": "p", "uid": "u"},
            "spec": {
                "containers": [{"name": "web"}, {"name": "log"}],
                "initContainers": [
                    {"name": "setup"}, {"name": "wait"}, {"name": "mesh", "restartPolicy": "Always"},
                ],
                "ephemeralContainers": [{"name": "debug"}, {"name": "old"}],
            },
            "status": {
                "containerStatuses": [ended("log")],
                "initContainerStatuses": [ended("setup")],
                "ephemeralContainerStatuses": [ended("old")],
            },
        }))
        .unwrap();
        let target = crate::pod::testing::target("n", "p", "web");
        assert_eq!(
            beside(&pod, &target),
            [
                "log (container)",
                "wait (init)",
                "mesh (sidecar)",
                "debug (ephemeral)"
            ]
        );
    }
}
