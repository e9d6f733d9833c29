//! What the functions about mounts and volumes see: only what is known as a whole.

use std::collections::BTreeSet;

use cel::Value;
use scanner_core::inventory::{Collected, Inventory, PodFacts, Process};

use crate::expression::places::{MOUNTS, READ_ONLY, VOLUMES, WRITABLE};

/// The type of volume whose directory is always open to all users.
const EMPTY_DIR: &str = "emptyDir";

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

fn mounts(inventory: &Inventory) -> Vec<String> {
    let Collected::Complete { data } = &inventory.mounts else {
        return Vec::new();
    };
    data.iter()
        .map(|mount| {
            let is_read_only = mount.options.iter().any(|option| option == "ro");
            let mark = if is_read_only { READ_ONLY } else { WRITABLE };
            format!("{mark}{}", mount.target.as_text())
        })
        .collect()
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
    uids.len() == 1 && processes.iter().all(|p| p.mixed_ids != Some(true))
}

/// Volumes that other containers mount.
fn of_others(pod: &PodFacts) -> BTreeSet<&str> {
    let others = pod.containers.iter().filter(|container| !container.target);
    let mounts = others.flat_map(|container| &container.mounts);
    mounts.map(|mount| mount.volume.as_str()).collect()
}
