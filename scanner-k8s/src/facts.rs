//! What a pod's specification and status say of one container, for checks.

use k8s_openapi::api::core::v1::{Container, Pod, SecurityContext};
use scanner_core::{Target, inventory::PodFacts};

const TOKEN_MOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Facts of `target`'s container. Values that are unset are what the kubelet takes them for.
pub fn of(pod: &Pod, target: &Target) -> PodFacts {
    let spec = pod.spec.clone().unwrap_or_default();
    let name = target.container.as_str();
    let container = spec
        .containers
        .iter()
        .find(|c| c.name == name)
        .cloned()
        .unwrap_or_default();
    let own = container.security_context.clone().unwrap_or_default();
    let shared = spec.security_context.clone().unwrap_or_default();
    let capabilities = own.capabilities.clone().unwrap_or_default();
    let seccomp = own.seccomp_profile.clone().or(shared.seccomp_profile);
    let mounts = container.volume_mounts.clone().unwrap_or_default();
    let host_paths = spec
        .volumes
        .unwrap_or_default()
        .into_iter()
        .filter_map(|v| {
            let path = v.host_path?.path;
            mounts.iter().any(|m| m.name == v.name).then_some(path)
        });
    let ports = container.ports.iter().flatten();
    PodFacts {
        privileged: own.privileged.unwrap_or_default(),
        allow_privilege_escalation: escalates(&own),
        read_only_root_filesystem: own.read_only_root_filesystem.unwrap_or_default(),
        run_as_non_root: own
            .run_as_non_root
            .or(shared.run_as_non_root)
            .unwrap_or_default(),
        added_capabilities: capabilities.add.unwrap_or_default(),
        dropped_capabilities: capabilities.drop.unwrap_or_default(),
        host_network: spec.host_network.unwrap_or_default(),
        host_pid: spec.host_pid.unwrap_or_default(),
        host_ipc: spec.host_ipc.unwrap_or_default(),
        host_paths: host_paths.collect(),
        service_account_token: mounts.iter().any(|m| m.mount_path == TOKEN_MOUNT),
        seccomp_profile: seccomp.map(|p| p.type_).unwrap_or_default(),
        image: target.image.clone(),
        image_id: target.image_id.clone(),
        limits: limited(&container),
        host_ports: ports.filter_map(|p| p.host_port).map(i64::from).collect(),
    }
}

/// Unset is true, except that it cannot be false for a privileged container.
fn escalates(context: &SecurityContext) -> bool {
    context.privileged == Some(true) || context.allow_privilege_escalation != Some(false)
}

fn limited(container: &Container) -> bool {
    let limits = container.resources.clone().and_then(|r| r.limits);
    limits.is_some_and(|l| l.contains_key("cpu") && l.contains_key("memory"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::target_of;
    use serde_json::json;

    fn facts(pod_spec: &serde_json::Value, container: &serde_json::Value) -> PodFacts {
        let mut spec = pod_spec.clone();
        spec["containers"] = json!([container]);
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "p", "namespace": "n", "uid": "u"},
            "spec": spec,
            "status": {"containerStatuses": [{
                "name": "c", "image": "i", "imageID": "i@sha256:0", "ready": true,
                "restartCount": 0, "state": {"running": {}},
            }]},
        }))
        .unwrap();
        of(&pod, &target_of(&pod, None).unwrap())
    }

    #[test]
    fn what_is_unset_is_what_the_kubelet_takes_it_for() {
        let found = facts(&json!({}), &json!({"name": "c"}));
        assert!(found.allow_privilege_escalation);
        assert!(!found.run_as_non_root && !found.read_only_root_filesystem && !found.limits);
        assert!(!found.service_account_token);
    }

    #[test]
    fn the_container_inherits_from_the_pod_and_overrides_it() {
        let pod = json!({"securityContext": {
            "runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"},
        }});
        let inherited = facts(&pod, &json!({"name": "c"}));
        assert!(inherited.run_as_non_root);
        assert_eq!(inherited.seccomp_profile, "RuntimeDefault");
        let own = json!({"name": "c", "securityContext": {
            "runAsNonRoot": false, "allowPrivilegeEscalation": false,
        }});
        let overridden = facts(&pod, &own);
        assert!(!overridden.run_as_non_root && !overridden.allow_privilege_escalation);
    }

    #[test]
    fn only_what_the_container_mounts_counts() {
        let pod = json!({"volumes": [
            {"name": "a", "hostPath": {"path": "/var"}}, {"name": "b", "hostPath": {"path": "/etc"}},
        ]});
        let container = json!({"name": "c", "volumeMounts": [
            {"name": "b", "mountPath": "/b"}, {"name": "t", "mountPath": TOKEN_MOUNT},
        ]});
        let found = facts(&pod, &container);
        assert_eq!(found.host_paths, ["/etc"]);
        assert!(found.service_account_token);
    }
}
