//! What the cluster says about a pod and each of its containers, as checks see it.
//!
//! Numbers are `i64` as in [`crate::model`]; a number that is not set is `-1`.

use serde::{Deserialize, Serialize};

/// What the cluster says about the target's pod and container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one field of the pod's specification, named as it is there"
)]
pub struct PodFacts {
    /// `securityContext.privileged`.
    pub privileged: bool,
    /// `securityContext.allowPrivilegeEscalation`; true when unset, as the kubelet does.
    pub allow_privilege_escalation: bool,
    /// `securityContext.readOnlyRootFilesystem`.
    pub read_only_root_filesystem: bool,
    /// `runAsNonRoot` of the container or the pod.
    pub run_as_non_root: bool,
    /// `capabilities.add`.
    pub added_capabilities: Vec<String>,
    /// `capabilities.drop`.
    pub dropped_capabilities: Vec<String>,
    /// `spec.hostNetwork`.
    pub host_network: bool,
    /// `spec.hostPID`.
    pub host_pid: bool,
    /// `spec.hostIPC`.
    pub host_ipc: bool,
    /// Paths of hostPath volumes that the container mounts.
    pub host_paths: Vec<String>,
    /// Whether a service account token is mounted in the container.
    pub service_account_token: bool,
    /// Seccomp profile type of the container or the pod; empty when unset.
    pub seccomp_profile: String,
    /// Image as written in the specification.
    pub image: String,
    /// Image as the node reports it, with its digest.
    pub image_id: String,
    /// Whether CPU and memory limits are set.
    pub limits: bool,
    /// Host ports of the container.
    pub host_ports: Vec<i64>,
    /// Namespace of the pod.
    pub namespace: String,
    /// Kind of the controller that owns the pod, such as `ReplicaSet`; empty when nothing owns it.
    pub owner: String,
    /// `spec.serviceAccountName`.
    pub service_account: String,
    /// Whether the pod, or the cluster for it, mounts a service account token: true when unset.
    pub automount_token: bool,
    /// `spec.hostUsers`; true when unset: root in the container is root on the node.
    pub host_users: bool,
    /// `spec.shareProcessNamespace`.
    pub share_process_namespace: bool,
    /// Whether the pod asks for a Windows `HostProcess` container.
    pub windows_host_process: bool,
    /// `spec.restartPolicy`.
    pub restart_policy: String,
    /// `spec.runtimeClassName`; empty when unset.
    pub runtime_class: String,
    /// Names of `securityContext.sysctls`.
    pub sysctls: Vec<String>,
    /// `securityContext.fsGroup`.
    pub fs_group: i64,
    /// `securityContext.supplementalGroups`.
    pub supplemental_groups: Vec<i64>,
    /// Volumes.
    pub volumes: Vec<VolumeFacts>,
    /// Every container of the pod, in the order of the specification: init containers and
    /// sidecars, containers, ephemeral containers.
    pub containers: Vec<ContainerFacts>,
}

/// What the specification says about one container, including values that it inherits from the pod.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one field of the container's specification, named as it is there"
)]
pub struct ContainerFacts {
    /// Name.
    pub name: String,
    /// `container`, `init`, `sidecar` (an init container that restarts always) or `ephemeral`.
    pub kind: String,
    /// Whether it is the one that is scanned.
    pub target: bool,
    /// Image as written.
    pub image: String,
    /// Tag of the image; `latest` when it has neither tag nor digest.
    pub image_tag: String,
    /// Whether the image is named by digest.
    pub image_digest: bool,
    /// Host of the image's registry; `docker.io` when the name has none.
    pub image_registry: String,
    /// `imagePullPolicy`.
    pub pull_policy: String,
    /// `privileged`.
    pub privileged: bool,
    /// `allowPrivilegeEscalation`; true when unset or when privileged.
    pub allow_privilege_escalation: bool,
    /// `readOnlyRootFilesystem`.
    pub read_only_root_filesystem: bool,
    /// `runAsNonRoot` of the container or the pod.
    pub run_as_non_root: bool,
    /// `runAsUser` of the container or the pod.
    pub run_as_user: i64,
    /// `runAsGroup` of the container or the pod.
    pub run_as_group: i64,
    /// `capabilities.add`.
    pub added_capabilities: Vec<String>,
    /// `capabilities.drop`.
    pub dropped_capabilities: Vec<String>,
    /// Seccomp profile type of the container or the pod; empty when unset.
    pub seccomp_profile: String,
    /// `AppArmor` profile type of the container, its annotation or the pod; empty when unset.
    pub apparmor_profile: String,
    /// `SELinux` type of the container or the pod; empty when unset.
    pub selinux_type: String,
    /// `SELinux` user of the container or the pod; empty when unset.
    pub selinux_user: String,
    /// `SELinux` role of the container or the pod; empty when unset.
    pub selinux_role: String,
    /// `procMount`; `Default` when unset.
    pub proc_mount: String,
    /// `containerPort` of its ports.
    pub ports: Vec<i64>,
    /// `hostPort` of its ports.
    pub host_ports: Vec<i64>,
    /// Names of the resources that are limited, such as `memory`.
    pub limits: Vec<String>,
    /// Names of the resources that are requested.
    pub requests: Vec<String>,
    /// Whether it has a liveness probe.
    pub liveness_probe: bool,
    /// Whether it has a readiness probe.
    pub readiness_probe: bool,
    /// Whether it has a startup probe.
    pub startup_probe: bool,
    /// Hosts other than the pod that its probes and lifecycle hooks connect to.
    pub probe_hosts: Vec<String>,
    /// Volumes that it mounts.
    pub mounts: Vec<VolumeMountFacts>,
    /// Paths of raw block devices.
    pub devices: Vec<String>,
    /// `terminationMessagePath`, where the kubelet mounts a file that everyone may write; `/dev/termination-log` when unset.
    pub termination_message_path: String,
    /// Its variables, in the order of the specification; values are never kept.
    pub env: Vec<EnvSource>,
    /// Names of Secrets of which every key becomes a variable (`envFrom`).
    pub secret_env_from: Vec<String>,
    /// Secrets and `ConfigMap`s of which every key becomes a variable, and that are not optional, as `Secret NAME` or
    /// `ConfigMap NAME`.
    pub env_from: Vec<String>,
    /// `tty` or `stdin`.
    pub interactive: bool,
}

/// A volume of the pod.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeFacts {
    /// Name.
    pub name: String,
    /// Type as the specification names it, such as `configMap` or `hostPath`.
    pub kind: String,
    /// Path on the node, of a hostPath.
    pub path: String,
    /// Default permission bits of its files, of a Secret, `ConfigMap`, downward API or projection.
    pub mode: i64,
    /// Permission bits that any of its files with a Secret has, also in a projection; 0 without one.
    pub secret_mode: i64,
    /// Whether an emptyDir without a size limit.
    pub unlimited: bool,
    /// Seconds that a projected service account token lives at most; 0 without a token.
    pub token_seconds: i64,
}

/// A volume in a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeMountFacts {
    /// Where it is mounted.
    pub path: String,
    /// Name of the volume.
    pub volume: String,
    /// Type of the volume.
    pub kind: String,
    /// Whether the container may not write it.
    pub read_only: bool,
    /// Mount propagation; `None` when unset.
    pub propagation: String,
    /// `subPath`; empty when unset.
    pub sub_path: String,
}

/// Where a variable of a container comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EnvSource {
    /// Name.
    pub name: String,
    /// `literal` (its value is in the specification), `secret`, `config_map` or `field`.
    pub source: String,
    /// Length of a literal value in bytes.
    pub length: i64,
    /// Whether the container also starts without it: the key of a Secret or `ConfigMap` that need not exist.
    pub optional: bool,
}
