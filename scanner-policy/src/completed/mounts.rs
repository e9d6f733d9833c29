//! Where something is mounted over the image.

use std::collections::BTreeSet;

use scanner_core::inventory::{Collected, FilePath, Inventory};

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

/// Whether no process of the container can have changed what its image has: its root filesystem is mounted read-only, as
/// the specification says, and nothing in it may mount it otherwise.
pub(super) fn is_fixed(container: &Inventory) -> bool {
    let (Collected::Complete { data: pod }, Collected::Complete { data: mounts }) =
        (&container.pod, &container.mounts)
    else {
        return false;
    };
    let mounting = |name: &String| {
        let name = name.to_uppercase();
        MOUNTING.contains(&name.as_str())
    };
    let mut roots = mounts.iter().filter(|mount| mount.target == "/");
    pod.read_only_root_filesystem
        && !pod.privileged
        && !pod.added_capabilities.iter().any(mounting)
        && roots.all(|root| root.options.iter().any(|option| option == "ro"))
        && mounts.iter().any(|mount| mount.target == "/")
}
