//! What is mounted over the image, and is not compared with it.

use std::collections::{BTreeMap, BTreeSet};

use scanner_core::{
    escape::visible,
    inventory::{FileKind, Inventory, Mount},
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

/// Paths that the pod's specification mounts in the container, where it is known.
pub(super) fn planned(running: &Inventory) -> Option<Vec<String>> {
    let containers = running.pod.data()?.containers.iter();
    let mounts = containers.filter(|c| c.target).flat_map(|c| &c.mounts);
    Some(mounts.map(|m| m.path.clone()).collect())
}

/// Where something is mounted over the image.
#[derive(Debug, Default)]
pub(super) struct Over {
    /// Kinds of filesystems by where they are mounted.
    targets: BTreeMap<String, String>,
}

impl Over {
    pub(super) fn new(mounts: &[Mount]) -> Self {
        let mut over = Self::default();
        for mount in mounts {
            let target = mount.target.as_text();
            if target == "/" {
                continue;
            }
            let kind = over.targets.entry(target.to_owned());
            kind.or_insert_with(|| mount.fstype.clone());
        }
        over
    }

    /// Whether `path` is under a mount, or a directory that the runtime made to mount something.
    pub(super) fn hides(&self, path: &str, new: bool) -> bool {
        self.targets.contains_key(path)
            || parents(path).any(|parent| self.targets.contains_key(parent))
            || (new && self.leads_to_one(path))
    }

    /// Whether something is mounted below `path`.
    fn leads_to_one(&self, path: &str) -> bool {
        let below = format!("{}/", path.trim_end_matches('/'));
        let mut next = self.targets.range(below.clone()..);
        next.next()
            .is_some_and(|(target, _)| target.starts_with(&below))
    }

    /// Lists what is left out.
    pub(super) fn list(&self, drift: &mut Differences) {
        let inside = |target: &str| {
            let mut all = RUNTIME.iter();
            all.any(|path| target != *path && below(target, path))
        };
        let shown = self.targets.keys().filter(|target| !inside(target));
        drift
            .left_out
            .extend(shown.map(|target| visible(target, SHOWN)));
    }

    /// Lists what is mounted though nobody planned it.
    pub(super) fn unplanned(&self, planned: &[String], image: &Tree, drift: &mut Differences) {
        let planned: BTreeSet<String> = planned.iter().map(|path| resolved(path, image)).collect();
        for (target, kind) in &self.targets {
            let usual = RUNTIME.iter().any(|path| below(target, path));
            if !usual && !planned.contains(target) {
                let shown = visible(target, SHOWN);
                drift
                    .mounts
                    .push(format!("{shown} ({})", visible(kind, 40)));
            }
        }
    }
}

/// The directories above `path`, but for the root.
fn parents(path: &str) -> impl Iterator<Item = &str> {
    let slashes = path.match_indices('/').map(|(at, _)| at);
    slashes.filter(|at| *at > 0).map(|at| &path[..at])
}

fn below(path: &str, dir: &str) -> bool {
    path.strip_prefix(dir)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
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
