//! Where something is mounted over the image.

use std::collections::BTreeSet;

use scanner_core::inventory::{Collected, ContainerFacts, FilePath, Inventory, PodFacts};

/// What lets a process mount the root filesystem anew.
const MOUNTING: [&str; 4] = ["ALL", "CAP_ALL", "SYS_ADMIN", "CAP_SYS_ADMIN"];

/// The mounts of a container. Where they are not known, anything may be mounted anywhere.
#[derive(Debug, Default)]
pub(super) struct Mounts {
    known: bool,
    /// Texts of their paths.
    targets: BTreeSet<String>,
}

impl Mounts {
    pub(super) fn of(container: &Inventory) -> Self {
        let Collected::Complete { data } = &container.mounts else {
            return Self::default();
        };
        let targets = data.iter().map(|mount| mount.target.to_text());
        Self {
            known: data.iter().any(|mount| mount.target == "/"),
            targets: targets.filter(|target| target != "/").collect(),
        }
    }

    /// Whether `path` may be no part of the image.
    pub(super) fn hide(&self, path: &FilePath) -> bool {
        let mut at = path.as_text();
        while !at.is_empty() {
            if self.targets.contains(at) {
                return true;
            }
            at = at.rsplit_once('/').map_or("", |(above, _)| above);
        }
        !self.known
    }

    /// Where something is mounted below `place`.
    pub(super) fn below<'a>(&'a self, place: &'a FilePath) -> impl Iterator<Item = FilePath> + 'a {
        let targets = self.targets.iter();
        let targets = targets.filter_map(|target| FilePath::from_text(target).ok());
        targets.filter(move |target| target.is_below(place) && target != place)
    }
}

/// Whether no process of the pod can have changed what its image has: its root filesystem is mounted read-only, as the
/// specification says, and nothing that reaches it may mount it otherwise.
pub(super) fn is_fixed(container: &Inventory) -> bool {
    let (Collected::Complete { data: pod }, Collected::Complete { data: mounts }) =
        (&container.pod, &container.mounts)
    else {
        return false;
    };
    let mut roots = mounts.iter().filter(|mount| mount.target == "/");
    pod.read_only_root_filesystem
        && !may_mount(pod.privileged, &pod.added_capabilities)
        && is_out_of_reach(pod)
        && roots.all(|root| root.options.iter().any(|option| option == "ro"))
        && mounts.iter().any(|mount| mount.target == "/")
}

/// Whether a container may mount filesystems.
fn may_mount(privileged: bool, added: &[String]) -> bool {
    let mut names = added.iter().map(|name| name.to_uppercase());
    privileged || names.any(|name| MOUNTING.contains(&name.as_str()))
}

/// Whether no process outside of the container that may mount filesystems can get into its mounts, as it can by a process of
/// the container that it sees. Of the node's processes nothing is known.
fn is_out_of_reach(pod: &PodFacts) -> bool {
    let mut neighbours = pod.containers.iter().filter(|one| !one.target);
    let is_known = pod.containers.iter().any(|one| one.target);
    let mounts = |one: &ContainerFacts| may_mount(one.privileged, &one.added_capabilities);
    !pod.host_pid && (!pod.share_process_namespace || (is_known && !neighbours.any(mounts)))
}
