//! Whether the processes of a pod can change what a container has from its image.

use scanner_core::{
    escape::visible,
    inventory::{Collected, ContainerFacts, FilePath, Inventory, PodFacts, VolumeMountFacts},
};

use crate::evaluate::{HOST_PATH, has_own};

/// Capabilities with which a process can remount a root filesystem, its own or that of another process that it sees.
const MOUNTING: [&str; 2] = ["ALL", "SYS_ADMIN"];
/// Capabilities with which a process can reach files of its node past its own mounts: through the kernel, memory or file
/// handles.
const PAST_MOUNTS: [&str; 3] = ["SYS_MODULE", "SYS_RAWIO", "DAC_READ_SEARCH"];

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
    let own = [&MOUNTING[..], &PAST_MOUNTS].concat();
    if let Some(power) = power(pod.privileged, &pod.added_capabilities, &own) {
        return Some(format!("the container {power}"));
    }
    of_others(pod).or_else(|| of_node(pod))
}

/// Whether no process of the pod can change what the container has from its image.
pub(crate) fn is_fixed(container: &Inventory) -> bool {
    why_not(container).is_none()
}

/// What gives a container that power: that it is privileged, or one of these capabilities.
fn power(privileged: bool, added: &[String], all: &[&str]) -> Option<String> {
    if privileged {
        return Some("is privileged".into());
    }
    let added: Vec<String> = added.iter().map(|name| name.to_uppercase()).collect();
    let names = added
        .iter()
        .map(|name| name.strip_prefix("CAP_").unwrap_or(name));
    let mut names = names.filter_map(|name| all.iter().find(|one| **one == name));
    names.next().map(|name| format!("has capability {name}"))
}

/// How a container of the pod reaches its node: the image and the container's writable layer are files of the node.
fn of_node(pod: &PodFacts) -> Option<String> {
    if pod.host_pid {
        return Some("the pod sees the processes of its node (hostPID)".into());
    }
    pod.containers.iter().find_map(|one| {
        let who = if one.target {
            "the container".to_owned()
        } else {
            format!("container {}", visible(&one.name, 80))
        };
        if one.privileged {
            return Some(format!(
                "{who} is privileged, and has the devices of its node"
            ));
        }
        let mut mounts = one.mounts.iter().filter(|mount| mount.kind == HOST_PATH);
        mounts.find_map(|mount| {
            if !mount.read_only {
                return Some(format!("{who} may write files of its node (hostPath)"));
            }
            may_have_runtime(pod, mount)
                .then(|| format!("{who} may reach the container runtime of its node (hostPath)"))
        })
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

/// Which process outside of the container may mount filesystems and can enter the container's mounts, as it can through any
/// process of the container that it sees. A container that was added to debug it sees these processes whatever the pod
/// shares, and may have been there before. Nothing is known about the node's own processes.
fn of_others(pod: &PodFacts) -> Option<String> {
    let shares = pod.share_process_namespace;
    if shares && !pod.containers.iter().any(|one| one.target) {
        return Some("the containers that see its processes are not known".into());
    }
    let sees = |one: &&ContainerFacts| !one.target && (shares || one.kind == "ephemeral");
    let mut others = pod.containers.iter().filter(sees);
    others.find_map(|one| {
        let power = power(one.privileged, &one.added_capabilities, &MOUNTING)?;
        let name = visible(&one.name, 80);
        Some(format!(
            "container {name}, which may see its processes, {power}"
        ))
    })
}
