//! Where something is mounted over the image.

use std::collections::BTreeSet;

use scanner_core::inventory::{
    Collected, ContainerFacts, FilePath, Inventory, PodFacts, VolumeMountFacts,
};

use crate::evaluate::{HOST_PATH, has_own};

/// What lets a process mount the root filesystem anew.
const MOUNTING: [&str; 4] = ["ALL", "CAP_ALL", "SYS_ADMIN", "CAP_SYS_ADMIN"];

/// Kind of a container that was added to a running pod.
const EPHEMERAL: &str = "ephemeral";
/// Where a runtime has its socket. A mount that is read-only does not keep anyone from it.
const SOCKETS: [&str; 2] = ["/run", "/var/run"];

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
        && !reaches_node(pod)
        && roots.all(|root| root.options.iter().any(|option| option == "ro"))
        && mounts.iter().any(|mount| mount.target == "/")
}

/// Whether a container may mount filesystems.
fn may_mount(privileged: bool, added: &[String]) -> bool {
    let mut names = added.iter().map(|name| name.to_uppercase());
    privileged || names.any(|name| MOUNTING.contains(&name.as_str()))
}

/// Whether no process outside of the container that may mount filesystems can get into its mounts, as it can by a process of
/// the container that it sees: an ephemeral container may have joined the target's processes in any pod. Of the node's
/// processes nothing is known.
fn is_out_of_reach(pod: &PodFacts) -> bool {
    let mut neighbours = pod.containers.iter().filter(|one| !one.target);
    let is_known = pod.containers.iter().any(|one| one.target);
    let sees = |one: &ContainerFacts| pod.share_process_namespace || one.kind == EPHEMERAL;
    let mounts = |one: &ContainerFacts| may_mount(one.privileged, &one.added_capabilities);
    let is_known = is_known || !pod.share_process_namespace;
    !pod.host_pid && is_known && !neighbours.any(|one| sees(one) && mounts(one))
}

/// Whether a container of the pod may get at the node's copy of the files: a privileged one has the node's devices, and a
/// directory of the node may be where its runtime keeps them, or have a socket by which the runtime takes orders.
fn reaches_node(pod: &PodFacts) -> bool {
    let on_node = |mount: &VolumeMountFacts| {
        let volume = pod.volumes.iter().find(|one| one.name == mount.volume);
        let path = volume.map_or("", |volume| volume.path.as_str());
        let place = FilePath::from(if path.is_empty() { "/" } else { path });
        let is_of_runtime = has_own(&place)
            || SOCKETS.iter().any(|known| {
                let known = FilePath::from(*known);
                place.is_below(&known) || known.is_below(&place)
            });
        mount.kind == HOST_PATH && (!mount.read_only || is_of_runtime)
    };
    let mut containers = pod.containers.iter();
    containers.any(|one| one.privileged || one.mounts.iter().any(on_node))
}
