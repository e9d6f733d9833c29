//! Whether the processes of a pod can change what a container has from its image.

use scanner_core::{
    escape::visible,
    inventory::{Collected, ContainerFacts, FilePath, Inventory, PodFacts, VolumeMountFacts},
};

use crate::evaluate::{HOST_PATH, has_own};

/// Capabilities with which a process, whatever its own mounts are, can change a root filesystem or the files of the node below
/// it. `SYS_ADMIN` remounts, and mounts `proc` anew, in which the node names the program that root runs for a crash. The others
/// lead through the kernel (`SYS_MODULE`), memory (`SYS_RAWIO`) and handles of files (`DAC_READ_SEARCH`).
const PAST_MOUNTS: [&str; 5] = [
    "ALL",
    "SYS_ADMIN",
    "SYS_MODULE",
    "SYS_RAWIO",
    "DAC_READ_SEARCH",
];

/// Where a runtime has its socket.
const SOCKETS: [&str; 2] = ["/run", "/var/run"];

/// Why a process of the pod may be able to change what the container has from its image. `None` where none can: the root
/// filesystem is mounted read-only, as the specification says, and nothing that reaches it may mount it otherwise.
pub(crate) fn why_not(container: &Inventory) -> Option<String> {
    let Collected::Complete { data: pod } = &container.pod else {
        return Some("the pod's specification is not known".into());
    };
    let Collected::Complete { data: mounts } = &container.mounts else {
        return Some("not all mounts of the container are known".into());
    };
    if !pod.read_only_root_filesystem {
        return Some("readOnlyRootFilesystem is not set".into());
    }
    let mut roots = mounts.iter().filter(|mount| mount.target == "/");
    let is_read_only = roots.all(|root| root.options.iter().any(|option| option == "ro"));
    if !is_read_only || !mounts.iter().any(|mount| mount.target == "/") {
        return Some("its root filesystem is not mounted read-only".into());
    }
    if let Some(power) = power(pod.privileged, &pod.added_capabilities) {
        return Some(format!("the container {power}"));
    }
    of_node(pod).or_else(|| pod.containers.iter().find_map(|one| of_container(pod, one)))
}

/// Whether no process of the pod can change what the container has from its image.
pub(crate) fn is_fixed(container: &Inventory) -> bool {
    why_not(container).is_none()
}

/// What leads a container past its mounts: that it is privileged, or a capability.
fn power(privileged: bool, added: &[String]) -> Option<String> {
    if privileged {
        return Some("is privileged".into());
    }
    let added: Vec<String> = added.iter().map(|name| name.to_uppercase()).collect();
    let names = added
        .iter()
        .map(|name| name.strip_prefix("CAP_").unwrap_or(name));
    let mut names = names.filter_map(|name| PAST_MOUNTS.iter().find(|one| **one == name));
    names.next().map(|name| format!("has capability {name}"))
}

/// What the pod as a whole gives its processes.
fn of_node(pod: &PodFacts) -> Option<String> {
    if pod.host_pid {
        return Some("the pod sees the processes of its node (hostPID)".into());
    }
    let is_known = pod.containers.iter().any(|one| one.target);
    (pod.share_process_namespace && !is_known)
        .then(|| "the containers that see its processes are not known".into())
}

/// How a container of the pod, the target or another one, reaches its node: the image and the container's writable layer are
/// files of the node. It may have ended, or been added to look at the target, and may have changed them before.
fn of_container(pod: &PodFacts, one: &ContainerFacts) -> Option<String> {
    let who = if one.target {
        "the container".to_owned()
    } else {
        format!("container {} of the pod", visible(&one.name, 80))
    };
    if let Some(power) = power(one.privileged, &one.added_capabilities) {
        return Some(format!("{who} {power}"));
    }
    if let Some(device) = one.devices.first() {
        let device = visible(device, 80);
        return Some(format!("{who} has the block device {device}"));
    }
    let mut mounts = one.mounts.iter().filter(|mount| mount.kind == HOST_PATH);
    mounts.find_map(|mount| {
        if !mount.read_only {
            return Some(format!("{who} may write files of its node (hostPath)"));
        }
        may_have_runtime(pod, mount)
            .then(|| format!("{who} may reach the container runtime of its node (hostPath)"))
    })
}

/// Whether a mounted directory of the node may hold the files of the runtime, or its socket: a read-only mount does not
/// prevent use of a socket.
fn may_have_runtime(pod: &PodFacts, mount: &VolumeMountFacts) -> bool {
    let volume = pod.volumes.iter().find(|one| one.name == mount.volume);
    let path = volume.map_or("", |volume| volume.path.as_str());
    let place = FilePath::from(if path.is_empty() { "/" } else { path });
    let is_near = |known: &str| {
        let known = FilePath::from(known);
        place.is_below(&known) || known.is_below(&place)
    };
    has_own(&place) || SOCKETS.into_iter().any(is_near)
}
