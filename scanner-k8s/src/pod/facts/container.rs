//! Facts of each container and volume in a pod's specification.

use k8s_openapi::api::core::v1::{
    AppArmorProfile, Container, EnvFromSource, KeyToPath, LifecycleHandler, Pod,
    PodSecurityContext, Probe, SELinuxOptions, SecurityContext, ServiceAccountTokenProjection,
    Volume, VolumeMount,
};
use scanner_core::inventory::{ContainerFacts, EnvSource, VolumeFacts, VolumeMountFacts};

/// `AppArmor` before Kubernetes 1.30.
const APPARMOR_ANNOTATION: &str = "container.apparmor.security.beta.kubernetes.io/";

/// `terminationMessagePath` when unset.
const TERMINATION_LOG: &str = "/dev/termination-log";

/// Every container of the pod; `target` is the one that is scanned.
pub(super) fn all(pod: &Pod, target: &str) -> Vec<ContainerFacts> {
    let spec = pod.spec.clone().unwrap_or_default();
    let init = spec.init_containers.into_iter().flatten().map(|c| {
        let sidecar = c.restart_policy.as_deref() == Some("Always");
        (if sidecar { "sidecar" } else { "init" }, c)
    });
    let main = spec.containers.into_iter().map(|c| ("container", c));
    // An ephemeral container has the fields of a container and one more.
    let ephemeral = spec.ephemeral_containers.into_iter().flatten();
    let ephemeral = ephemeral.filter_map(|c| {
        let value = serde_json::to_value(c).ok()?;
        Some(("ephemeral", serde_json::from_value(value).ok()?))
    });
    let volumes: Vec<(VolumeFacts, bool)> = spec
        .volumes
        .iter()
        .flatten()
        .map(|one| (volume(one), forces_read_only(one)))
        .collect();
    let shared = spec.security_context.unwrap_or_default();
    let containers = init.chain(main).chain(ephemeral);
    containers
        .map(|(kind, c)| {
            let mut facts = of(&c, &shared, &volumes);
            if facts.apparmor_profile.is_empty() {
                facts.apparmor_profile = annotated(pod, &c.name);
            }
            kind.clone_into(&mut facts.kind);
            facts.target = c.name == target;
            facts
        })
        .collect()
}

/// Facts of a container; `volumes` are those of the pod, with whether each forces its mounts to be read-only.
fn of(
    c: &Container,
    shared: &PodSecurityContext,
    volumes: &[(VolumeFacts, bool)],
) -> ContainerFacts {
    let own = c.security_context.clone().unwrap_or_default();
    let image = c.image.clone().unwrap_or_default();
    let (registry, tag, digest) = parts(&image);
    let capabilities = own.capabilities.clone().unwrap_or_default();
    let seccomp = own.seccomp_profile.as_ref();
    let seccomp = seccomp.or(shared.seccomp_profile.as_ref());
    let apparmor = own.app_armor_profile.as_ref();
    let apparmor = apparmor.or(shared.app_armor_profile.as_ref());
    let selinux = own.se_linux_options.clone();
    let selinux: SELinuxOptions = selinux
        .or_else(|| shared.se_linux_options.clone())
        .unwrap_or_default();
    let ports = || c.ports.iter().flatten();
    let resources = c.resources.clone().unwrap_or_default();
    ContainerFacts {
        name: c.name.clone(),
        image_tag: tag,
        image_digest: digest,
        image_registry: registry,
        image,
        pull_policy: c.image_pull_policy.clone().unwrap_or_default(),
        privileged: own.privileged.unwrap_or_default(),
        allow_privilege_escalation: escalates(&own),
        read_only_root_filesystem: own.read_only_root_filesystem.unwrap_or_default(),
        run_as_non_root: own
            .run_as_non_root
            .or(shared.run_as_non_root)
            .unwrap_or_default(),
        run_as_user: own.run_as_user.or(shared.run_as_user).unwrap_or(-1),
        run_as_group: own.run_as_group.or(shared.run_as_group).unwrap_or(-1),
        added_capabilities: capabilities.add.unwrap_or_default(),
        dropped_capabilities: capabilities.drop.unwrap_or_default(),
        seccomp_profile: seccomp.map(|p| p.type_.clone()).unwrap_or_default(),
        apparmor_profile: apparmor
            .map(|p: &AppArmorProfile| p.type_.clone())
            .unwrap_or_default(),
        selinux_type: selinux.type_.unwrap_or_default(),
        selinux_user: selinux.user.unwrap_or_default(),
        selinux_role: selinux.role.unwrap_or_default(),
        proc_mount: own.proc_mount.unwrap_or_else(|| "Default".into()),
        ports: ports().map(|p| i64::from(p.container_port)).collect(),
        host_ports: ports().filter_map(|p| p.host_port).map(i64::from).collect(),
        limits: resources.limits.unwrap_or_default().into_keys().collect(),
        requests: resources.requests.unwrap_or_default().into_keys().collect(),
        liveness_probe: c.liveness_probe.is_some(),
        readiness_probe: c.readiness_probe.is_some(),
        startup_probe: c.startup_probe.is_some(),
        probe_hosts: probe_hosts(c),
        mounts: c
            .volume_mounts
            .iter()
            .flatten()
            .map(|m| mount(m, volumes))
            .collect(),
        devices: c
            .volume_devices
            .iter()
            .flatten()
            .map(|d| d.device_path.clone())
            .collect(),
        termination_message_path: c
            .termination_message_path
            .clone()
            .filter(|path| !path.is_empty())
            .unwrap_or_else(|| TERMINATION_LOG.into()),
        env: c.env.iter().flatten().map(env).collect(),
        secret_env_from: c
            .env_from
            .iter()
            .flatten()
            .filter_map(|s| Some(s.secret_ref.as_ref()?.name.clone()))
            .collect(),
        env_from: c
            .env_from
            .iter()
            .flatten()
            .filter_map(whole_source)
            .collect(),
        interactive: c.tty.unwrap_or_default() || c.stdin.unwrap_or_default(),
        ..ContainerFacts::default()
    }
}

/// The name of a source whose keys all become variables; `None` if the source is optional.
fn whole_source(source: &EnvFromSource) -> Option<String> {
    let (kind, name, optional) = match (&source.secret_ref, &source.config_map_ref) {
        (Some(secret), _) => ("Secret", &secret.name, secret.optional),
        (None, Some(map)) => ("ConfigMap", &map.name, map.optional),
        (None, None) => return None,
    };
    (optional != Some(true)).then(|| format!("{kind} {name}"))
}

/// Unset is true, except that it cannot be false for a privileged container.
pub(super) fn escalates(context: &SecurityContext) -> bool {
    context.privileged == Some(true) || context.allow_privilege_escalation != Some(false)
}

fn annotated(pod: &Pod, container: &str) -> String {
    let annotations = pod.metadata.annotations.as_ref();
    let value = annotations.and_then(|a| a.get(&format!("{APPARMOR_ANNOTATION}{container}")));
    match value.map(String::as_str) {
        Some("runtime/default") => "RuntimeDefault".into(),
        Some("unconfined") => "Unconfined".into(),
        Some(other) if other.starts_with("localhost/") => "Localhost".into(),
        _ => String::new(),
    }
}

/// Registry, tag and whether there is a digest, of `[HOST[:PORT]/]PATH[:TAG][@DIGEST]`.
fn parts(image: &str) -> (String, String, bool) {
    let (name, digest) = match image.split_once('@') {
        Some((name, _)) => (name, true),
        None => (image, false),
    };
    let (host, path) = match name.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path),
        _ => ("docker.io", name),
    };
    let tag = match path.rsplit_once(':') {
        Some((_, tag)) => tag,
        None if digest => "",
        None => "latest",
    };
    (host.to_owned(), tag.to_owned(), digest)
}

/// Hosts to which the container's probes and hooks make the kubelet connect, beside the pod itself.
fn probe_hosts(c: &Container) -> Vec<String> {
    let of_probe = |p: &Probe| {
        let http = p.http_get.as_ref().and_then(|h| h.host.clone());
        http.or_else(|| p.tcp_socket.as_ref().and_then(|t| t.host.clone()))
    };
    let of_hook = |h: &LifecycleHandler| {
        let http = h.http_get.as_ref().and_then(|g| g.host.clone());
        http.or_else(|| h.tcp_socket.as_ref().and_then(|t| t.host.clone()))
    };
    let probes = [&c.liveness_probe, &c.readiness_probe, &c.startup_probe];
    let probes = probes.into_iter().flatten().filter_map(of_probe);
    let hooks = c.lifecycle.iter();
    let hooks = hooks.flat_map(|l| [l.post_start.as_ref(), l.pre_stop.as_ref()]);
    let hooks = hooks.flatten().filter_map(of_hook);
    probes.chain(hooks).filter(|h| !h.is_empty()).collect()
}

fn mount(m: &VolumeMount, volumes: &[(VolumeFacts, bool)]) -> VolumeMountFacts {
    let volume = volumes.iter().find(|(v, _)| v.name == m.name);
    let is_forced = volume.is_some_and(|(_, is_forced)| *is_forced);
    VolumeMountFacts {
        path: m.mount_path.clone(),
        volume: m.name.clone(),
        kind: volume.map(|(v, _)| v.kind.clone()).unwrap_or_default(),
        read_only: m.read_only.unwrap_or_default() || is_forced,
        propagation: m.mount_propagation.clone().unwrap_or_else(|| "None".into()),
        sub_path: m
            .sub_path
            .clone()
            .or(m.sub_path_expr.clone())
            .unwrap_or_default(),
    }
}

fn env(variable: &k8s_openapi::api::core::v1::EnvVar) -> EnvSource {
    let from = variable.value_from.as_ref();
    let source = match from {
        None => "literal",
        Some(from) if from.secret_key_ref.is_some() => "secret",
        Some(from) if from.config_map_key_ref.is_some() => "config_map",
        Some(_) => "field",
    };
    let length = variable.value.as_ref().map_or(0, String::len);
    let optional = from.and_then(|from| {
        let of_secret = from.secret_key_ref.as_ref().map(|key| key.optional);
        of_secret.or(from.config_map_key_ref.as_ref().map(|key| key.optional))?
    });
    EnvSource {
        name: variable.name.clone(),
        source: source.into(),
        length: i64::try_from(length).unwrap_or(i64::MAX),
        optional: optional.unwrap_or_default(),
    }
}

/// Permissions of files for which none are set.
const DEFAULT_MODE: i32 = 0o644;

/// Permission bits that any file of a Secret in the volume has. A key's own win over the volume's.
fn secret_mode(volume: &Volume) -> i64 {
    let bits = |default: Option<i32>, items: Option<&Vec<KeyToPath>>| {
        let default = default.unwrap_or(DEFAULT_MODE);
        match items {
            Some(items) if !items.is_empty() => items
                .iter()
                .fold(0, |bits, item| bits | item.mode.unwrap_or(default)),
            _ => default,
        }
    };
    let secret = volume.secret.as_ref();
    let own = secret.map(|s| bits(s.default_mode, s.items.as_ref()));
    let projected = volume.projected.as_ref();
    let sources = projected.into_iter().flat_map(|p| {
        let secrets = p.sources.iter().flatten().filter_map(|s| s.secret.as_ref());
        secrets.map(|s| bits(p.default_mode, s.items.as_ref()))
    });
    own.into_iter()
        .chain(sources)
        .fold(0, |all, bits| all | i64::from(bits))
}

/// Tokens of the pod's service account that a volume holds.
pub(super) fn tokens(volume: &Volume) -> impl Iterator<Item = &ServiceAccountTokenProjection> {
    let projected = volume.projected.iter();
    let sources = projected.flat_map(|projected| projected.sources.iter().flatten());
    sources.filter_map(|source| source.service_account_token.as_ref())
}

/// Whether the volume itself is read-only, which makes each mount of it read-only whatever the mount says: `makeMounts` of
/// the kubelet. Such a field have claims, `csi` volumes and network disks.
fn forces_read_only(volume: &Volume) -> bool {
    let fields = serde_json::to_value(volume).unwrap_or_default();
    let sources = fields.as_object().into_iter().flat_map(|all| all.values());
    sources.into_iter().any(|source| source["readOnly"] == true)
}

/// Facts of one volume. Its type is the one field that it has beside its name.
pub(super) fn volume(volume: &Volume) -> VolumeFacts {
    let fields = serde_json::to_value(volume).unwrap_or_default();
    let kind = fields
        .as_object()
        .and_then(|fields| fields.keys().find(|key| *key != "name").cloned());
    let mode = [
        volume.secret.as_ref().and_then(|s| s.default_mode),
        volume.config_map.as_ref().and_then(|c| c.default_mode),
        volume.projected.as_ref().and_then(|p| p.default_mode),
        volume.downward_api.as_ref().and_then(|d| d.default_mode),
    ];
    let seconds = tokens(volume).map(|token| token.expiration_seconds.unwrap_or(3600));
    VolumeFacts {
        name: volume.name.clone(),
        kind: kind.unwrap_or_else(|| "emptyDir".into()),
        path: volume
            .host_path
            .as_ref()
            .map(|h| h.path.clone())
            .unwrap_or_default(),
        mode: mode.into_iter().flatten().next().map_or(-1, i64::from),
        secret_mode: secret_mode(volume),
        unlimited: volume
            .empty_dir
            .as_ref()
            .is_some_and(|e| e.size_limit.is_none()),
        token_seconds: seconds.max().unwrap_or_default(),
    }
}
