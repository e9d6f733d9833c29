//! Facts of one container from its pod's specification and status, for checks.

mod container;

use container::escalates;
use k8s_openapi::api::core::v1::{Container, Pod, Volume};
use scanner_core::{
    Target,
    inventory::{Collected, PodFacts},
};

use super::containers;

/// Where a service account's token is mounted.
pub(crate) const TOKEN_MOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Facts of `target`'s container, of whatever kind it is. Unset values are those that the kubelet then uses; a container
/// that is not in the specification has no facts.
pub(crate) fn of(pod: &Pod, target: &Target) -> Collected<PodFacts> {
    let name = target.container.as_str();
    let spec = pod.spec.as_ref();
    match spec.and_then(|spec| containers::of_name(spec, name)) {
        Some(container) => Collected::Complete {
            data: known(pod, &container, target),
        },
        None => Collected::Unavailable {
            reason: format!("the pod's specification has no container {name}"),
        },
    }
}

fn known(pod: &Pod, container: &Container, target: &Target) -> PodFacts {
    let spec = pod.spec.clone().unwrap_or_default();
    let name = target.container.as_str();
    let own = container.security_context.clone().unwrap_or_default();
    let shared = spec.security_context.clone().unwrap_or_default();
    let capabilities = own.capabilities.clone().unwrap_or_default();
    let seccomp = own
        .seccomp_profile
        .clone()
        .or(shared.seccomp_profile.clone());
    let mounts = container.volume_mounts.clone().unwrap_or_default();
    let volumes = spec.volumes.iter().flatten();
    let mounted = |volume: &&Volume| mounts.iter().any(|mount| mount.name == volume.name);
    let paths = volumes.clone().filter(mounted);
    let host_paths = paths.filter_map(|v| v.host_path.as_ref().map(|host| host.path.clone()));
    // A token counts wherever it is mounted.
    let at_its_place = mounts
        .iter()
        .any(|mount| mount.mount_path.trim_end_matches('/') == TOKEN_MOUNT);
    let mut tokens = volumes.clone().filter(mounted);
    let token = at_its_place || tokens.any(|v| container::tokens(v).next().is_some());
    let mut owners = pod.metadata.owner_references.iter().flatten();
    let owner = owners.find(|o| o.controller == Some(true));
    let windows = shared.windows_options.iter();
    let windows = windows.chain(own.windows_options.iter());
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
        service_account_token: token,
        seccomp_profile: seccomp.map(|p| p.type_).unwrap_or_default(),
        image: target.image.clone(),
        image_id: target.image_id.clone(),
        limits: limited(container),
        host_ports: ports.filter_map(|p| p.host_port).map(i64::from).collect(),
        namespace: pod.metadata.namespace.clone().unwrap_or_default(),
        owner: owner.map(|o| o.kind.clone()).unwrap_or_default(),
        service_account: spec.service_account_name.unwrap_or_default(),
        automount_token: spec.automount_service_account_token != Some(false),
        host_users: spec.host_users != Some(false),
        share_process_namespace: spec.share_process_namespace.unwrap_or_default(),
        windows_host_process: windows.clone().any(|w| w.host_process.unwrap_or_default()),
        restart_policy: spec.restart_policy.unwrap_or_default(),
        runtime_class: spec.runtime_class_name.unwrap_or_default(),
        sysctls: shared
            .sysctls
            .into_iter()
            .flatten()
            .map(|s| s.name)
            .collect(),
        fs_group: shared.fs_group.unwrap_or(-1),
        supplemental_groups: shared.supplemental_groups.unwrap_or_default(),
        volumes: volumes.map(container::volume).collect(),
        containers: container::all(pod, name),
    }
}

fn limited(container: &Container) -> bool {
    let limits = container.resources.clone().and_then(|r| r.limits);
    limits.is_some_and(|l| l.contains_key("cpu") && l.contains_key("memory"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::resolve::target_of;
    use serde_json::json;

    fn facts(pod_spec: &serde_json::Value, container: &serde_json::Value) -> PodFacts {
        facts_among("containers", pod_spec, container)
    }

    fn facts_among(
        kind: &str,
        pod_spec: &serde_json::Value,
        container: &serde_json::Value,
    ) -> PodFacts {
        let mut spec = pod_spec.clone();
        spec["containers"] = json!([{"name": "first"}]);
        spec[kind] = json!([container]);
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "p", "namespace": "n", "uid": "u"},
            "spec": spec,
            "status": {"containerStatuses": [{
                "name": "c", "image": "i", "imageID": "i@sha256:0", "ready": true,
                "restartCount": 0, "state": {"running": {}},
            }]},
        }))
        .unwrap();
        let simple = serde_json::from_value(json!({
            "metadata": {"name": "p", "namespace": "n", "uid": "u"},
            "spec": {"containers": [{"name": "c"}]}, "status": pod.status,
        }));
        let mut target = target_of(&simple.unwrap(), None).unwrap();
        target.container = "other".parse().unwrap();
        assert!(matches!(of(&pod, &target), Collected::Unavailable { .. }));
        target.container = "c".parse().unwrap();
        match of(&pod, &target) {
            Collected::Complete { data } => data,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_container_of_any_kind_has_its_own_facts() {
        let pod = json!({"volumes": [{"name": "h", "hostPath": {"path": "/"}}]});
        let container = json!({
            "name": "c", "securityContext": {"privileged": true, "capabilities": {"add": ["SYS_ADMIN"]}},
            "volumeMounts": [{"name": "h", "mountPath": "/h"}], "ports": [{"containerPort": 1, "hostPort": 2}],
        });
        for kind in ["containers", "initContainers", "ephemeralContainers"] {
            let found = facts_among(kind, &pod, &container);
            assert!(found.privileged, "{kind}");
            assert_eq!(found.added_capabilities, ["SYS_ADMIN"], "{kind}");
            assert_eq!(found.host_paths, ["/"], "{kind}");
            assert_eq!(found.host_ports, [2], "{kind}");
        }
    }

    #[test]
    fn a_token_is_one_wherever_it_is_mounted() {
        let token = |seconds: u32| json!({"serviceAccountToken": {"path": "t", "expirationSeconds": seconds}});
        let pod = json!({"volumes": [
            {"name": "v", "projected": {"sources": [token(3600), token(604_800)]}},
        ]});
        let mount = |name: &str, path: &str| json!({"name": "c", "volumeMounts": [{"name": name, "mountPath": path}]});
        let found = facts(&pod, &mount("v", "/token"));
        assert!(found.service_account_token);
        assert_eq!(found.volumes[0].token_seconds, 604_800);
        let slash = format!("{TOKEN_MOUNT}/");
        assert!(facts(&pod, &mount("other", &slash)).service_account_token);
        assert!(!facts(&pod, &mount("other", "/token")).service_account_token);
    }

    #[test]
    fn what_is_unset_is_what_the_kubelet_takes_it_for() {
        let found = facts(&json!({}), &json!({"name": "c"}));
        assert!(found.allow_privilege_escalation);
        assert!(!found.run_as_non_root && !found.read_only_root_filesystem && !found.limits);
        assert!(!found.service_account_token);
        let log = |container: &serde_json::Value| {
            let found = facts(&json!({}), container);
            found.containers[0].termination_message_path.clone()
        };
        assert_eq!(log(&json!({"name": "c"})), "/dev/termination-log");
        let named = json!({"name": "c", "terminationMessagePath": "/tmp/last"});
        assert_eq!(log(&named), "/tmp/last");
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

    #[test]
    fn every_container_of_the_pod_is_listed() {
        let pod = json!({
            "hostUsers": false, "serviceAccountName": "web",
            "securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}], "runAsUser": 7},
            "initContainers": [
                {"name": "setup", "image": "r.io:5000/a/b:2@sha256:0", "securityContext": {"privileged": true}},
                {"name": "mesh", "image": "proxy", "restartPolicy": "Always"},
            ],
            "ephemeralContainers": [{"name": "debug", "image": "localhost/x", "targetContainerName": "c",
                "securityContext": {"capabilities": {"add": ["SYS_PTRACE"]}}}],
            "volumes": [
                {"name": "s", "secret": {"secretName": "x", "defaultMode": 420}},
                {"name": "e", "emptyDir": {}},
                {"name": "t", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}},
            ],
        });
        let container = json!({
            "name": "c", "image": "team/app:1", "tty": true,
            "env": [
                {"name": "A", "value": "four"},
                {"name": "B", "valueFrom": {"secretKeyRef": {"name": "x", "key": "k"}}},
                {"name": "C", "valueFrom": {"secretKeyRef": {"name": "x", "key": "k", "optional": true}}},
                {"name": "D", "valueFrom": {"configMapKeyRef": {"name": "x", "key": "k", "optional": true}}},
            ],
            "envFrom": [
                {"secretRef": {"name": "all"}},
                {"configMapRef": {"name": "settings"}},
                {"configMapRef": {"name": "more", "optional": true}},
            ],
            "ports": [{"containerPort": 80, "hostPort": 8080}],
            "resources": {"limits": {"memory": "1Mi"}},
            "livenessProbe": {"httpGet": {"host": "169.254.169.254", "port": 80}},
            "volumeMounts": [{"name": "s", "mountPath": "/s", "mountPropagation": "Bidirectional"}],
        });
        let found = facts(&pod, &container);
        let kinds: Vec<(&str, &str, bool)> = found
            .containers
            .iter()
            .map(|c| (c.name.as_str(), c.kind.as_str(), c.target))
            .collect();
        assert_eq!(
            kinds,
            [
                ("setup", "init", false),
                ("mesh", "sidecar", false),
                ("c", "container", true),
                ("debug", "ephemeral", false),
            ]
        );
        let [setup, mesh, own, debug] = &found.containers[..] else {
            unreachable!("four");
        };
        assert!(setup.privileged && setup.image_digest);
        assert_eq!(
            (setup.image_registry.as_str(), setup.image_tag.as_str()),
            ("r.io:5000", "2")
        );
        assert_eq!(
            (mesh.image_registry.as_str(), mesh.image_tag.as_str()),
            ("docker.io", "latest")
        );
        assert_eq!(debug.added_capabilities, ["SYS_PTRACE"]);
        assert_eq!(debug.image_registry, "localhost");
        assert_eq!(
            (own.run_as_user, own.run_as_group, own.interactive),
            (7, -1, true)
        );
        assert_eq!(own.probe_hosts, ["169.254.169.254"]);
        assert_eq!((own.limits.len(), own.requests.len()), (1, 0));
        assert_eq!(
            (own.env[0].source.as_str(), own.env[0].length),
            ("literal", 4)
        );
        assert_eq!(own.env[1].source, "secret");
        let optional: Vec<bool> = own.env.iter().map(|e| e.optional).collect();
        assert_eq!(optional, [false, false, true, true]);
        assert_eq!(own.secret_env_from, ["all"]);
        assert_eq!(own.env_from, ["Secret all", "ConfigMap settings"]);
        assert_eq!(
            (
                own.mounts[0].kind.as_str(),
                own.mounts[0].propagation.as_str()
            ),
            ("secret", "Bidirectional")
        );
        assert_eq!(found.sysctls, ["kernel.msgmax"]);
        assert!(!found.host_users && found.owner.is_empty());
        let volumes: Vec<(&str, i64, bool, i64)> = found
            .volumes
            .iter()
            .map(|v| (v.kind.as_str(), v.mode, v.unlimited, v.token_seconds))
            .collect();
        assert_eq!(
            volumes,
            [
                ("secret", 420, false, 0),
                ("emptyDir", -1, true, 0),
                ("projected", -1, false, 3600)
            ]
        );
    }

    #[test]
    fn a_volume_that_is_read_only_forces_its_mounts_to_be() {
        let pod = json!({
            "volumes": [
                {"name": "keys", "csi": {"driver": "d", "readOnly": true}},
                {"name": "claim", "persistentVolumeClaim": {"claimName": "c", "readOnly": true}},
                {"name": "free", "csi": {"driver": "d"}},
            ],
        });
        let container = json!({"name": "c", "volumeMounts": [
            {"name": "keys", "mountPath": "/keys"},
            {"name": "claim", "mountPath": "/claim", "readOnly": false},
            {"name": "free", "mountPath": "/free"},
            {"name": "free", "mountPath": "/own", "readOnly": true},
        ]});
        let found = facts(&pod, &container);
        let mounts = found.containers[0].mounts.iter().map(|m| m.read_only);
        assert_eq!(mounts.collect::<Vec<_>>(), [true, true, false, true]);
    }

    #[test]
    fn the_modes_of_secrets_are_those_of_each_file_also_in_projections() {
        let key = |mode: Option<i64>| json!({"key": "k", "path": "k", "mode": mode});
        let pod = json!({"volumes": [
            {"name": "unset", "secret": {"secretName": "x"}},
            {"name": "key", "secret": {"secretName": "x", "defaultMode": 0o400, "items": [key(Some(0o404)), key(None)]}},
            {"name": "keys", "secret": {"secretName": "x", "defaultMode": 0o644, "items": [key(Some(0o400))]}},
            {"name": "projected", "projected": {"defaultMode": 0o440, "sources": [
                {"secret": {"name": "x"}}, {"secret": {"name": "y", "items": [key(Some(0o444))]}},
            ]}},
            {"name": "token", "projected": {"defaultMode": 0o644, "sources": [
                {"serviceAccountToken": {"path": "token"}},
            ]}},
            {"name": "map", "configMap": {"name": "x", "defaultMode": 0o644}},
        ]});
        let found = facts(&pod, &json!({"name": "c"}));
        let modes: Vec<i64> = found.volumes.iter().map(|v| v.secret_mode).collect();
        assert_eq!(modes, [0o644, 0o404, 0o400, 0o444, 0, 0]);
    }

    #[test]
    fn an_apparmor_annotation_counts_where_the_field_is_not_set() {
        let annotated = |value: &str| {
            let pod: Pod = serde_json::from_value(json!({
                "metadata": {"name": "p", "annotations":
                    {"container.apparmor.security.beta.kubernetes.io/c": value}},
                "spec": {"containers": [{"name": "c"}]},
            }))
            .unwrap();
            container::all(&pod, "c")[0].apparmor_profile.clone()
        };
        assert_eq!(annotated("unconfined"), "Unconfined");
        assert_eq!(annotated("runtime/default"), "RuntimeDefault");
    }
}
