//! Mounts over the image, which are not compared with it.

use std::collections::{BTreeMap, BTreeSet};

use scanner_core::{
    escape::visible,
    inventory::{FileKind, FilePath, Inventory, Mount},
};

use super::{
    differences::{Differences, SHOWN},
    tree::Tree,
};

/// Where every runtime mounts something of its own.
const RUNTIME: [&str; 7] = [
    "/proc",
    "/sys",
    "/dev",
    "/etc/hosts",
    "/etc/hostname",
    "/etc/resolv.conf",
    "/run/.containerenv",
];

/// Paths that the pod's specification mounts in the container, where it is known, with the file for its last words.
pub(super) fn planned(running: &Inventory) -> Option<Vec<FilePath>> {
    let containers = running.pod.data()?.containers.iter();
    let target = containers.filter(|c| c.target);
    let logs = target.clone().map(|c| &c.termination_message_path);
    let logs = logs.filter(|path| !path.is_empty());
    let mounts = target.flat_map(|c| &c.mounts).map(|mount| &mount.path);
    Some(logs.chain(mounts).map(FilePath::from).collect())
}

/// Where something is mounted over the image.
#[derive(Debug, Default)]
pub(super) struct Over {
    /// Mount points and kinds of filesystems, by the text of the mount point.
    targets: BTreeMap<String, (FilePath, String)>,
}

impl Over {
    pub(super) fn new(mounts: &[Mount]) -> Self {
        let mut over = Self::default();
        for mount in mounts {
            if mount.target == "/" {
                continue;
            }
            let known = over.targets.entry(mount.target.to_text());
            known.or_insert_with(|| (mount.target.clone(), mount.fstype.clone()));
        }
        over
    }

    /// Whether `path` is under a mount, or a directory that the runtime made to mount something.
    pub(super) fn hides(&self, path: &FilePath, new: bool) -> bool {
        self.targets.contains_key(path.as_text())
            || path.above().any(|above| self.targets.contains_key(above))
            || (new && self.leads_to_one(path))
    }

    /// Whether something is mounted below `path`.
    fn leads_to_one(&self, path: &FilePath) -> bool {
        let below = format!("{}/", path.as_text().trim_end_matches('/'));
        let mut next = self.targets.range(below.clone()..);
        next.next()
            .is_some_and(|(target, _)| target.starts_with(&below))
    }

    /// Lists the mounts that are left out.
    pub(super) fn list(&self, drift: &mut Differences) {
        let inside = |target: &FilePath| {
            let mut all = RUNTIME.iter();
            all.any(|path| *target != **path && target.is_below(&(*path).into()))
        };
        let targets = self.targets.values().map(|(target, _)| target);
        let shown = targets.filter(|target| !inside(target));
        drift
            .left_out
            .extend(shown.map(|target| visible(target.as_text(), SHOWN)));
    }

    /// Lists mounts that nobody planned.
    pub(super) fn unplanned(&self, planned: &[FilePath], image: &Tree, drift: &mut Differences) {
        let planned = planned.iter().map(|path| resolved(path.as_text(), image));
        let planned: BTreeSet<String> = planned.collect();
        for (text, (target, kind)) in &self.targets {
            let mut usual = RUNTIME.iter();
            if !usual.any(|path| target.is_below(&(*path).into())) && !planned.contains(text) {
                let shown = visible(text, SHOWN);
                let item = format!("{shown} ({})", visible(kind, 40));
                drift.mounts.insert(item);
            }
        }
    }
}

/// `path` with the links of its directories followed, as a runtime does before it mounts there.
fn resolved(path: &str, image: &Tree) -> String {
    let mut todo: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
    let mut done = String::new();
    // As many links as the kernel follows, see path_resolution(7).
    let mut links = 40;
    while let Some(part) = todo.pop() {
        match part.as_str() {
            "" | "." => continue,
            ".." => {
                done.truncate(done.rfind('/').unwrap_or_default());
                continue;
            }
            _ => {}
        }
        let next = format!("{done}/{part}");
        let found = image.find(&next).and_then(|id| image.file(id));
        match found.filter(|f| f.kind == FileKind::Symlink && !f.link.is_empty()) {
            Some(found) if links > 0 => {
                links -= 1;
                let link = found.link.as_text();
                if link.starts_with('/') {
                    done.clear();
                }
                todo.extend(link.split('/').rev().map(str::to_owned));
            }
            _ => done = next,
        }
    }
    done
}
