//! The data of the functions about mounts and volumes: only what is completely known.

use std::collections::BTreeSet;

use cel::Value;
use scanner_core::inventory::{
    Collected, ContainerFacts, FilePath, Inventory, Mount, PodFacts, Process, VolumeMountFacts,
};

use super::kubelet;
use crate::expression::places::{KUBELET, MOUNTS, READ_ONLY, TERMINATION_LOGS, VOLUMES, WRITABLE};

/// The type of volume whose directory is always open to all users.
const EMPTY_DIR: &str = "emptyDir";
/// Types of volumes that the kubelet lets no container write, whatever the specification says.
const ALWAYS_READ_ONLY: [&str; 5] = ["configMap", "secret", "downwardAPI", "projected", "image"];
/// Types whose volumes each have files of their own, made by the kubelet or the runtime of the node.
const OWN: [&str; 6] = [
    EMPTY_DIR,
    "configMap",
    "secret",
    "downwardAPI",
    "projected",
    "image",
];
/// The type whose volumes each have a claim of their own, which another volume may name.
const EPHEMERAL: &str = "ephemeral";
/// The type of volume that is a directory of the node.
pub(crate) const HOST_PATH: &str = "hostPath";
/// Where those files are by default. If an administrator chose another place, a part of its path is one of [`PROGRAMS`].
const OF_NODE: [&str; 4] = [
    "/var/lib/kubelet",
    "/run/containerd",
    "/var/lib/containerd",
    "/var/lib/containers",
];
const PROGRAMS: [&str; 4] = ["kubelet", "containerd", "containers", "crio"];

/// Values of the variables of those functions.
pub(super) fn variables(inventory: &Inventory) -> [(&'static str, Value); 4] {
    [
        (MOUNTS, list(mounts(inventory))),
        (VOLUMES, list(private_volumes(inventory))),
        (KUBELET, list(of_kubelet(inventory))),
        (TERMINATION_LOGS, list(kubelet::termination_logs(inventory))),
    ]
}

fn list(texts: Vec<String>) -> Value {
    let texts = texts.into_iter().map(|text| Value::String(text.into()));
    Value::List(texts.collect::<Vec<_>>().into())
}

/// Mounts, each with whether nobody can write it: neither a process of the target nor another container of its pod.
fn mounts(inventory: &Inventory) -> Vec<String> {
    let Collected::Complete { data } = &inventory.mounts else {
        return Vec::new();
    };
    data.iter()
        .map(|mount| {
            let is_read_only = is_fixed(&inventory.pod, data, mount);
            let mark = if is_read_only { READ_ONLY } else { WRITABLE };
            format!("{mark}{}", mount.target.as_text())
        })
        .collect()
}

/// Mounts of what the kubelet wrote.
fn of_kubelet(inventory: &Inventory) -> Vec<String> {
    let all = inventory.mounts.data().map_or(&[][..], Vec::as_slice);
    kubelet::mounted(inventory, |mount| is_fixed(&inventory.pod, all, mount))
}

/// Whether nobody can write a mount.
fn is_fixed(pod: &Collected<PodFacts>, mounts: &[Mount], mount: &Mount) -> bool {
    let is_read_only = mount.options.iter().any(|option| option == "ro");
    is_read_only && !is_written_elsewhere(pod, mounts, &mount.target)
}

/// Whether what is mounted there may be written another way: by another container, or through another mount of the target.
/// Without the specification, only the root is known not to be, because it is the target's own.
fn is_written_elsewhere(pod: &Collected<PodFacts>, mounts: &[Mount], place: &FilePath) -> bool {
    let Collected::Complete { data: pod } = pod else {
        return *place != "/";
    };
    let is_at = |mount: &VolumeMountFacts, place: &FilePath| {
        mount.path.trim_end_matches('/') == place.as_text().trim_end_matches('/')
    };
    let target = pod.containers.iter().filter(|container| container.target);
    let own: Vec<&VolumeMountFacts> = target.flat_map(|c| &c.mounts).collect();
    let others = others(pod).filter(|other| !has_ended(pod, other));
    let others: Vec<&VolumeMountFacts> = others.flat_map(|container| &container.mounts).collect();
    let is_written = |mount: &VolumeMountFacts| {
        !mount.read_only && !ALWAYS_READ_ONLY.contains(&mount.kind.as_str())
    };
    let mut here: Vec<&VolumeMountFacts> = own.clone();
    here.retain(|mount| is_at(mount, place));
    if here.is_empty() {
        // A runtime follows links and accepts paths in other spellings than the kernel shows: a mount that is not found may
        // be this one.
        here.clone_from(&own);
        here.retain(|own| !mounts.iter().any(|mount| is_at(own, &mount.target)));
    }
    here.iter().any(|mount| {
        let elsewhere = own.iter().filter(|own| !std::ptr::eq(**own, *mount));
        let elsewhere = elsewhere.filter(|own| !is_at(own, place));
        let mut all = others.iter().chain(elsewhere);
        all.any(|other| is_written(other) && may_be_same(pod, mount, other))
    })
}

/// Whether two mounts may show the same files. Two volumes of a pod may be one place of a node, or one claim. Their kinds
/// do not exclude that: a claim may be bound to a directory of the node that another volume names directly.
fn may_be_same(pod: &PodFacts, one: &VolumeMountFacts, other: &VolumeMountFacts) -> bool {
    if one.volume == other.volume {
        return true;
    }
    let place = |mount: &VolumeMountFacts| {
        let volume = pod.volumes.iter().find(|v| v.name == mount.volume);
        volume
            .map(|v| v.path.as_str())
            .filter(|path| !path.is_empty())
            .map(FilePath::from)
    };
    match [one, other].map(|mount| OWN.contains(&mount.kind.as_str())) {
        [true, true] => false,
        // Only a volume of the node's own directories can show files of the other kind.
        [true, false] => other.kind == HOST_PATH && place(other).is_none_or(|p| has_own(&p)),
        [false, true] => one.kind == HOST_PATH && place(one).is_none_or(|p| has_own(&p)),
        [false, false] if one.kind != other.kind => true,
        [false, false] if one.kind == EPHEMERAL => false,
        [false, false] => match (place(one), place(other)) {
            (Some(one), Some(other)) => one.is_below(&other) || other.is_below(&one),
            _ => true,
        },
    }
}

/// Whether a directory of the node may have the files in it, or be among them, that its programs make for volumes.
pub(crate) fn has_own(place: &FilePath) -> bool {
    let is_near = |known: &str| {
        let known = FilePath::from(known);
        place.is_below(&known) || known.is_below(place)
    };
    OF_NODE.into_iter().any(is_near)
        || place
            .as_text()
            .split('/')
            .any(|part| PROGRAMS.contains(&part))
}

/// Where the target has a volume of its own in which only one user can write: an emptyDir that no other container mounts,
/// if all processes have one user. An init container that ran as that user and has ended is none.
fn private_volumes(inventory: &Inventory) -> Vec<String> {
    let (Collected::Complete { data: pod }, Collected::Complete { data: processes }) =
        (&inventory.pod, &inventory.processes)
    else {
        return Vec::new();
    };
    let Some(user) = only_user(processes) else {
        return Vec::new();
    };
    let others = others(pod).filter(|one| !(has_ended(pod, one) && one.run_as_user == user));
    let others: Vec<&VolumeMountFacts> = others.flat_map(|container| &container.mounts).collect();
    let target = pod.containers.iter().filter(|container| container.target);
    let mounts = target.flat_map(|container| &container.mounts);
    let is_shared =
        |mount: &VolumeMountFacts| others.iter().any(|other| may_be_same(pod, mount, other));
    let private = mounts.filter(|m| m.kind == EMPTY_DIR && !is_shared(m));
    private.map(|mount| mount.path.clone()).collect()
}

/// The user of all processes, if they have one.
fn only_user(processes: &[Process]) -> Option<i64> {
    let uids: BTreeSet<i64> = processes.iter().map(|process| process.uid).collect();
    let is_one = uids.len() == 1 && processes.iter().all(|p| p.mixed_ids == Some(false));
    uids.first().copied().filter(|_| is_one)
}

fn others(pod: &PodFacts) -> impl Iterator<Item = &ContainerFacts> {
    pod.containers.iter().filter(|container| !container.target)
}

/// Whether it is an init container, which ended before the target started.
fn has_ended(pod: &PodFacts, container: &ContainerFacts) -> bool {
    let mut target = pod.containers.iter().filter(|one| one.target);
    container.kind == "init" && target.any(|one| one.kind == "container")
}
