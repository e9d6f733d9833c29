//! Holds the files and mounts of a running container against its image.

use std::collections::{BTreeMap, BTreeSet};

use scanner_core::{
    escape::visible,
    finding::Findings,
    inventory::{
        Collected, FileEntry, FileKind, FileSelector, Inventory, InventoryRequest, Mount, Section,
    },
};

use super::{
    checks,
    differences::{Differences, SHOWN, executable},
};

/// Empty files with which runtimes mark a container.
const MARKS: [&str; 2] = ["/.dockerenv", "/run/.containerenv"];
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
/// Every file with its digest, with its capabilities where an agent reads them, and `more`.
pub(super) fn request(more: &[Section], capabilities: bool) -> InventoryRequest {
    let mut sections = BTreeSet::from([Section::Files]);
    sections.extend(more);
    InventoryRequest {
        sections,
        files: vec![FileSelector {
            digest: true,
            capabilities,
            ..FileSelector::default()
        }],
        // An image has no mounts.
        one_filesystem: true,
        ..InventoryRequest::default()
    }
}

/// Compares the running container with its image. What the pod's specification mounts is expected to be mounted;
/// where the specification is not known, no mount is.
pub fn compare(image: &Inventory, running: &Inventory) -> Findings {
    let mut drift = Differences::default();
    coverage("image", &image.files, &mut drift.unseen);
    coverage("container", &running.files, &mut drift.unseen);
    coverage(
        "mounts of the container",
        &running.mounts,
        &mut drift.unseen,
    );
    let (before, now) = (entries(image), entries(running));
    for (side, tree) in [("image", &before), ("container", &now)] {
        if tree.is_empty() {
            drift.unseen.push(format!("{side}: no file was seen"));
        }
    }
    let mounts: Vec<&Mount> = running.mounts.data().into_iter().flatten().collect();
    let over = Over::new(&mounts);
    match planned(running) {
        Some(planned) => over.unplanned(&mounts, &planned, &before, &mut drift),
        None => coverage("the pod's specification", &running.pod, &mut drift.unseen),
    }
    over.list(&mut drift);
    let image_view = SideView::new(image, &before);
    let running_view = SideView::new(running, &now);
    let paths: BTreeSet<&str> = before.keys().chain(now.keys()).copied().collect();
    for path in paths {
        let none = Vec::new();
        let (was, is) = (
            before.get(path).unwrap_or(&none),
            now.get(path).unwrap_or(&none),
        );
        if over.hides(path, was.is_empty()) || marks(path, is) {
            continue;
        }
        drift.compared += 1;
        match (was.as_slice(), is.as_slice()) {
            ([], added) if image_view.could_see(path) => {
                for file in added {
                    drift.added(file);
                }
            }
            (removed, []) if running_view.could_see(path) => {
                for file in removed {
                    drift.removed(file);
                }
            }
            // What a side could not read proves nothing; that it is partial is reported already.
            ([], _) | (_, []) => {}
            ([was], [is]) => drift.changed(was, is),
            // Names that differ only in bytes that cannot be shown: compared as a whole.
            (was, is) if was == is => {}
            (was, is) => drift.ambiguous(path, was.len(), is.len()),
        }
    }
    let blind = |f: &&&FileEntry| executable(f) && !f.capabilities_known;
    let first = before.values().chain(now.values()).flatten().find(blind);
    drift.uncompared = first.map(|file| visible(file.path.as_text(), SHOWN));
    checks::findings(drift)
}

/// Paths that the pod's specification mounts in the container, where it is known.
fn planned(running: &Inventory) -> Option<Vec<String>> {
    let containers = running.pod.data()?.containers.iter();
    let mounts = containers.filter(|c| c.target).flat_map(|c| &c.mounts);
    Some(mounts.map(|m| m.path.clone()).collect())
}

/// Files by path; several where names look the same.
fn entries(side: &Inventory) -> BTreeMap<&str, Vec<&FileEntry>> {
    let mut found: BTreeMap<&str, Vec<&FileEntry>> = BTreeMap::new();
    let there = side.files.data().into_iter().flatten().filter(|f| f.exists);
    for file in there {
        found.entry(file.path.as_text()).or_default().push(file);
    }
    found
}

/// What a side could have seen.
struct SideView<'a> {
    whole: bool,
    entries: &'a BTreeMap<&'a str, Vec<&'a FileEntry>>,
    /// Directories of which an entry was seen.
    listed: BTreeSet<&'a str>,
}

impl<'a> SideView<'a> {
    fn new(side: &Inventory, entries: &'a BTreeMap<&'a str, Vec<&'a FileEntry>>) -> Self {
        let parents = entries.keys().filter_map(|path| path.rsplit_once('/'));
        Self {
            whole: matches!(side.files, Collected::Complete { .. }),
            entries,
            listed: parents.map(|(parent, _)| parent).collect(),
        }
    }

    /// Whether `path` would have been seen if it were there: its nearest directory that is there was
    /// listed, or everyone may list it.
    fn could_see(&self, path: &str) -> bool {
        let mut below = path;
        while let Some((parent, _)) = below.rsplit_once('/').filter(|(p, _)| !p.is_empty()) {
            if let Some(found) = self.entries.get(parent) {
                return self.whole
                    || self.listed.contains(parent)
                    || found.iter().all(|f| f.mode & 0o005 == 0o005);
            }
            below = parent;
        }
        true
    }
}

fn coverage<T>(side: &str, section: &Collected<T>, unseen: &mut Vec<String>) {
    match section {
        Collected::Complete { .. } => {}
        Collected::Partial { gaps, .. } => {
            unseen.extend(gaps.iter().map(|gap| format!("{side}: {gap}")));
        }
        Collected::Unavailable { reason } => {
            unseen.push(format!("{side}: {}", visible(reason, SHOWN)));
        }
        Collected::NotRequested => unseen.push(format!("{side}: not asked for")),
    }
}

fn marks(path: &str, is: &[&FileEntry]) -> bool {
    MARKS.contains(&path) && is.iter().all(|f| f.kind == FileKind::File && f.size == 0)
}

/// What is mounted over the image.
struct Over<'a> {
    targets: Vec<&'a str>,
    /// Directories that lead to a mount.
    above: BTreeSet<&'a str>,
}

impl<'a> Over<'a> {
    fn new(mounts: &[&'a Mount]) -> Self {
        let mut targets: Vec<&str> = mounts.iter().map(|m| m.target.as_text()).collect();
        targets.retain(|target| *target != "/");
        targets.sort_unstable();
        targets.dedup();
        let mut above = BTreeSet::new();
        for target in &targets {
            let mut path = *target;
            while let Some((parent, _)) = path.rsplit_once('/').filter(|(p, _)| !p.is_empty()) {
                above.insert(parent);
                path = parent;
            }
        }
        Self { targets, above }
    }

    /// Whether `path` is under a mount, or a directory that the runtime made to mount something.
    fn hides(&self, path: &str, new: bool) -> bool {
        self.targets.iter().any(|target| below(path, target)) || (new && self.above.contains(path))
    }

    /// Lists what is left out.
    fn list(&self, drift: &mut Differences) {
        let inside = |target: &str| {
            let mut all = RUNTIME.iter();
            all.any(|path| target != *path && below(target, path))
        };
        let shown = self.targets.iter().filter(|target| !inside(target));
        drift.left_out = shown.map(|target| visible(target, SHOWN)).collect();
    }

    /// Lists what is mounted though nobody planned it.
    fn unplanned(
        &self,
        mounts: &[&Mount],
        planned: &[String],
        image: &BTreeMap<&str, Vec<&FileEntry>>,
        drift: &mut Differences,
    ) {
        let planned: Vec<String> = planned.iter().map(|path| resolved(path, image)).collect();
        let known = |target: &str| {
            let usual = RUNTIME.iter().any(|path| below(target, path));
            usual || planned.iter().any(|path| path == target)
        };
        for target in &self.targets {
            if !known(target) {
                let shown = visible(target, SHOWN);
                let of = mounts.iter().find(|m| m.target.as_text() == *target);
                let fstype = of.map_or("", |m| m.fstype.as_str());
                drift
                    .mounts
                    .push(format!("{shown} ({})", visible(fstype, 40)));
            }
        }
    }
}

fn below(path: &str, dir: &str) -> bool {
    let dir = dir.trim_end_matches('/');
    path.strip_prefix(dir)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// `path` with the links of its directories followed, as a runtime does before it mounts there.
fn resolved(path: &str, image: &BTreeMap<&str, Vec<&FileEntry>>) -> String {
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
        let link = image.get(next.as_str()).and_then(|found| found.first());
        match link.filter(|f| f.kind == FileKind::Symlink && !f.link.is_empty()) {
            Some(link) if links > 0 => {
                links -= 1;
                if link.link.as_text().starts_with('/') {
                    done.clear();
                }
                todo.extend(link.link.as_text().split('/').rev().map(str::to_owned));
            }
            _ => done = next,
        }
    }
    done
}
