//! Where the kubelet mounted files that it wrote for the pod.

use scanner_core::inventory::{Collected, FilePath, Inventory, Mount};

/// Types of volumes whose files the kubelet writes, and nobody else.
const WRITTEN: [&str; 4] = ["configMap", "secret", "downwardAPI", "projected"];
/// The type of volume whose files a driver writes: for this pod alone where they are in memory.
const DRIVER: &str = "csi";
const MEMORY: &str = "tmpfs";
/// The file for the last words of a container, if the specification names no other.
const TERMINATION_LOG: &str = "/dev/termination-log";
/// A directory that the first of these is a link to in most images, and where a runtime mounts then.
const LINK: (&str, &str) = ("/var/run", "/run");

/// These places: the specification mounts such a volume there, and the kernel shows one mount there, which is read-only. The
/// kubelet mounts its own volumes so in every container; a driver's must be one that `is_fixed`: nobody can write it.
pub(super) fn mounted(inventory: &Inventory, is_fixed: impl Fn(&Mount) -> bool) -> Vec<String> {
    let (Collected::Complete { data: mounts }, Collected::Complete { data: pod }) =
        (&inventory.mounts, &inventory.pod)
    else {
        return Vec::new();
    };
    let target = pod.containers.iter().filter(|container| container.target);
    let planned: Vec<(String, &str)> = target
        .flat_map(|container| &container.mounts)
        .map(|mount| (place(&FilePath::from(&mount.path)), mount.kind.as_str()))
        .collect();
    let is_written = |mount: &Mount, kind: &str| {
        let is_read_only = mount.options.iter().any(|option| option == "ro");
        let is_drivers = kind == DRIVER && mount.fstype == MEMORY && is_fixed(mount);
        is_read_only && (WRITTEN.contains(&kind) || is_drivers)
    };
    let its = |mount: &&Mount| {
        let here = place(&mount.target);
        let same = mounts.iter().filter(|other| place(&other.target) == here);
        let mut kinds = planned.iter().filter(|(place, _)| *place == here);
        let is_one = same.count() == 1 && kinds.clone().count() == 1;
        is_one && kinds.all(|(_, kind)| is_written(mount, kind))
    };
    let found = mounts.iter().filter(its);
    found.map(|mount| mount.target.to_text()).collect()
}

/// Where the kubelet mounted the file for the last words of the target: the mounts at the place that the specification names.
/// Where mounts or specification are not known, the place that is usual, or named.
pub(super) fn termination_logs(inventory: &Inventory) -> Vec<String> {
    let pod = match &inventory.pod {
        Collected::Complete { data } => Some(data),
        _ => None,
    };
    let mut containers = pod.into_iter().flat_map(|pod| &pod.containers);
    let target = containers.find(|container| container.target);
    let named = target.map(|target| target.termination_message_path.as_str());
    let named = named.filter(|path| !path.is_empty());
    let named = FilePath::from(named.unwrap_or(TERMINATION_LOG));
    let Collected::Complete { data: mounts } = &inventory.mounts else {
        return vec![named.to_text()];
    };
    let here = mounts
        .iter()
        .filter(|mount| place(&mount.target) == place(&named));
    here.map(|mount| mount.target.to_text()).collect()
}

/// A path as all spell it who follow that link.
fn place(path: &FilePath) -> String {
    let text = path.as_text().trim_end_matches('/');
    let below = text.strip_prefix(LINK.0);
    match below.filter(|below| below.is_empty() || below.starts_with('/')) {
        Some(below) => format!("{}{below}", LINK.1),
        None => text.to_owned(),
    }
}
