//! Which processes belong to a container.

use std::fs;

use crate::proc_file::read;

/// Processes whose cgroup names the container, in order; all when `container` is empty. A complete list of cgroups, as in
/// `/proc/PID/cgroup`, selects the processes with exactly that list.
pub fn of_container(container: &str) -> Vec<u32> {
    let mut found: Vec<u32> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| {
            container.is_empty()
                || read(&format!("/proc/{pid}/cgroup")).is_ok_and(|text| is_of(&text, container))
        })
        .collect();
    found.sort_unstable();
    found
}

pub(super) fn is_of(cgroups: &str, container: &str) -> bool {
    if container.contains(':') {
        cgroups.trim() == container
    } else {
        cgroups.contains(container)
    }
}
