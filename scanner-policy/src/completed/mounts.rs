//! Where something is mounted over the image.

use std::collections::BTreeSet;

use scanner_core::inventory::{Collected, FilePath, Inventory};

/// The mounts of a container. If they are not known, anything may be mounted anywhere.
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
