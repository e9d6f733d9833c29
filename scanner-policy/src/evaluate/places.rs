//! What the functions about mounts and volumes see: only what is known as a whole.

use std::collections::BTreeSet;

use cel::Value;
use scanner_core::inventory::{
    Collected, FilePath, Inventory, Mount, PodFacts, Process, VolumeMountFacts,
};

use crate::expression::places::{MOUNTS, READ_ONLY, VOLUMES, WRITABLE};

/// The type of volume whose directory is always open to all users.
const EMPTY_DIR: &str = "emptyDir";
/// Types of volumes that the kubelet lets no container write, whatever the specification says.
const ALWAYS_READ_ONLY: [&str; 5] = ["configMap", "secret", "downwardAPI", "projected", "image"];
/// Types of which each volume has files of its own.
const OWN: [&str; 7] = [
    EMPTY_DIR,
    "ephemeral",
    "configMap",
    "secret",
    "downwardAPI",
    "projected",
    "image",
];

/// Values of the variables of those functions.
pub(super) fn variables(inventory: &Inventory) -> [(&'static str, Value); 2] {
    [
        (MOUNTS, list(mounts(inventory))),
        (VOLUMES, list(private_volumes(inventory))),
    ]
}

fn list(texts: Vec<String>) -> Value {
    let texts = texts.into_iter().map(|text| Value::String(text.into()));
    Value::List(texts.collect::<Vec<_>>().into())
}

/// Mounts, each with whether nobody can write it: no process of the target, and no other container of its pod.
fn mounts(inventory: &Inventory) -> Vec<String> {
    let Collected::Complete { data } = &inventory.mounts else {
        return Vec::new();
    };
    data.iter()
        .map(|mount| {
            let is_read_only = mount.options.iter().any(|option| option == "ro")
                && !is_written_elsewhere(&inventory.pod, data, &mount.target);
            let mark = if is_read_only { READ_ONLY } else { WRITABLE };
            format!("{mark}{}", mount.target.as_text())
        })
        .collect()
}

/// Whether what is mounted there may be written by another way: another container, or another mount of the target. Without
/// the specification that is known of the root alone, which is the target's own.
fn is_written_elsewhere(pod: &Collected<PodFacts>, mounts: &[Mount], place: &FilePath) -> bool {
    let Collected::Complete { data: pod } = pod else {
        return *place != "/";
    };
    let is_at = |mount: &VolumeMountFacts, place: &FilePath| {
        mount.path.trim_end_matches('/') == place.as_text().trim_end_matches('/')
    };
    let target = pod.containers.iter().filter(|container| container.target);
    let own: Vec<&VolumeMountFacts> = target.clone().flat_map(|c| &c.mounts).collect();
    // Init containers ended before the others started.
    let is_started = target
        .clone()
        .any(|container| container.kind == "container");
    let others = pod.containers.iter().filter(|c| !c.target);
    let others = others.filter(|c| !(is_started && c.kind == "init"));
    let others: Vec<&VolumeMountFacts> = others.flat_map(|container| &container.mounts).collect();
    let is_written = |mount: &VolumeMountFacts| {
        !mount.read_only && !ALWAYS_READ_ONLY.contains(&mount.kind.as_str())
    };
    let mut here: Vec<&VolumeMountFacts> = own.clone();
    here.retain(|mount| is_at(mount, place));
    if here.is_empty() {
        // A runtime follows links, and takes paths that are not written as the kernel shows them: any that is not found may
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

/// Whether two mounts may show the same files. Two volumes of a pod may be one place of a node, and one claim.
fn may_be_same(pod: &PodFacts, one: &VolumeMountFacts, other: &VolumeMountFacts) -> bool {
    if one.volume == other.volume {
        return true;
    }
    if one.kind != other.kind || OWN.contains(&one.kind.as_str()) {
        return false;
    }
    let place = |mount: &VolumeMountFacts| {
        let volume = pod.volumes.iter().find(|v| v.name == mount.volume);
        volume
            .map(|v| v.path.as_str())
            .filter(|path| !path.is_empty())
            .map(FilePath::from)
    };
    match (place(one), place(other)) {
        (Some(one), Some(other)) => one.is_below(&other) || other.is_below(&one),
        _ => true,
    }
}

/// Where the target has a volume for itself, in which one user alone can write: an emptyDir that no other container mounts,
/// where every process has one user.
fn private_volumes(inventory: &Inventory) -> Vec<String> {
    let (Collected::Complete { data: pod }, Collected::Complete { data: processes }) =
        (&inventory.pod, &inventory.processes)
    else {
        return Vec::new();
    };
    if !has_one_user(processes) {
        return Vec::new();
    }
    let shared = of_others(pod);
    let target = pod.containers.iter().filter(|container| container.target);
    let mounts = target.flat_map(|container| &container.mounts);
    let private = mounts.filter(|m| m.kind == EMPTY_DIR && !shared.contains(m.volume.as_str()));
    private.map(|mount| mount.path.clone()).collect()
}

fn has_one_user(processes: &[Process]) -> bool {
    let uids: BTreeSet<i64> = processes.iter().map(|process| process.uid).collect();
    uids.len() == 1 && processes.iter().all(|p| p.mixed_ids == Some(false))
}

/// Volumes that other containers mount.
fn of_others(pod: &PodFacts) -> BTreeSet<&str> {
    let others = pod.containers.iter().filter(|container| !container.target);
    let mounts = others.flat_map(|container| &container.mounts);
    mounts.map(|mount| mount.volume.as_str()).collect()
}
