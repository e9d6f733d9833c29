//! Drift: how the filesystem of a running container differs from the image that it was started from.
//!
//! Two inventories go in, findings come out. What is mounted over the image, and what the runtime put
//! there to mount it, is left out and told; what one side could not read is told, and is never a pass.

mod checks;
mod engine;

pub use engine::{Drift as DriftEngine, ReadImage};

use std::collections::{BTreeMap, BTreeSet};

use scanner_core::{
    escape::visible,
    finding::Findings,
    inventory::{
        Collected, FileEntry, FileKind, FileSelector, Inventory, InventoryRequest, Mount, Section,
    },
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
/// Longest path in evidence.
const SHOWN: usize = 300;

/// Every file with its digest, with its capabilities where an agent reads them, and `more`.
fn request(more: &[Section], capabilities: bool) -> InventoryRequest {
    let mut sections = BTreeSet::from([Section::Files]);
    sections.extend(more);
    InventoryRequest {
        sections,
        files: vec![FileSelector {
            digest: true,
            capabilities,
            ..FileSelector::default()
        }],
        ..InventoryRequest::default()
    }
}

/// What was compared, and how it differs. Paths are ready to be shown.
#[derive(Debug, Default, PartialEq, Eq)]
struct Drift {
    executables_added: Vec<String>,
    executables_changed: Vec<String>,
    links_changed: Vec<String>,
    devices_added: Vec<String>,
    mounts: Vec<String>,
    executables_removed: Vec<String>,
    permissions: Vec<String>,
    files_changed: Vec<String>,
    files_added: Vec<String>,
    files_removed: Vec<String>,
    /// What one side could not read.
    unseen: Vec<String>,
    left_out: Vec<String>,
    /// Of a program, one for all: what was not compared.
    uncompared: Option<String>,
    compared: u64,
}

/// Judges the running container by its image. `planned` are the paths that the pod's specification
/// mounts in the container.
pub fn judge(image: &Inventory, running: &Inventory, planned: &[String]) -> Findings {
    let mut drift = Drift::default();
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
    over.unplanned(&mounts, planned, &before, &mut drift);
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
            // What a side could not look at tells nothing; that it is partial is told already.
            ([], _) | (_, []) => {}
            ([was], [is]) => drift.changed(was, is),
            // Names that differ only in bytes that cannot be shown: compared as a whole.
            (was, is) if was == is => {}
            (was, is) => drift.ambiguous(path, was.len(), is.len()),
        }
    }
    let blind = |f: &&&FileEntry| executable(f) && !f.capabilities_known;
    let first = before.values().chain(now.values()).flatten().find(blind);
    drift.uncompared = first.map(|file| visible(&file.path, SHOWN));
    checks::findings(drift)
}

/// Files by path; several where names cannot be told apart.
fn entries(side: &Inventory) -> BTreeMap<&str, Vec<&FileEntry>> {
    let mut found: BTreeMap<&str, Vec<&FileEntry>> = BTreeMap::new();
    let there = side.files.data().into_iter().flatten().filter(|f| f.exists);
    for file in there {
        found.entry(&file.path).or_default().push(file);
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
        Collected::Partial { reasons, .. } => {
            let told = reasons
                .iter()
                .map(|r| format!("{side}: {}", visible(r, SHOWN)));
            unseen.extend(told);
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
        let mut targets: Vec<&str> = mounts.iter().map(|m| m.target.as_str()).collect();
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

    /// Tells what is left out, and what is mounted though nobody planned it.
    fn unplanned(
        &self,
        mounts: &[&Mount],
        planned: &[String],
        image: &BTreeMap<&str, Vec<&FileEntry>>,
        drift: &mut Drift,
    ) {
        let planned: Vec<String> = planned.iter().map(|path| resolved(path, image)).collect();
        let known = |target: &str| {
            let usual = RUNTIME.iter().any(|path| below(target, path));
            usual || planned.iter().any(|path| path == target)
        };
        for target in &self.targets {
            let shown = visible(target, SHOWN);
            if !RUNTIME
                .iter()
                .any(|path| *target != *path && below(target, path))
            {
                drift.left_out.push(shown.clone());
            }
            if !known(target) {
                let of = mounts.iter().find(|m| m.target == *target);
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
                if link.link.starts_with('/') {
                    done.clear();
                }
                todo.extend(link.link.split('/').rev().map(str::to_owned));
            }
            _ => done = next,
        }
    }
    done
}

/// Whether the kernel or a loader runs it: an execute bit, or the name of a shared library.
fn executable(file: &FileEntry) -> bool {
    let name = file.path.rsplit('/').next().unwrap_or_default();
    let library = name.split('.').skip(1).any(|part| part == "so");
    file.kind == FileKind::File && (file.mode & 0o111 != 0 || library)
}

/// Whether a link stands where programs are looked for.
fn command(file: &FileEntry) -> bool {
    let dir = file.path.rsplit('/').nth(1).unwrap_or_default();
    file.kind == FileKind::Symlink && matches!(dir, "bin" | "sbin")
}

fn is_device(file: &FileEntry) -> bool {
    matches!(file.kind, FileKind::BlockDevice | FileKind::CharDevice)
}

fn described(file: &FileEntry) -> String {
    let path = visible(&file.path, SHOWN);
    match file.kind {
        FileKind::Symlink => format!("{path} -> {}", visible(&file.link, SHOWN)),
        FileKind::Directory => format!("{path}/"),
        _ => format!(
            "{path} (mode {:o}, {}:{}, {} bytes)",
            file.mode, file.uid, file.gid, file.size
        ),
    }
}

impl Drift {
    fn added(&mut self, file: &FileEntry) {
        let list = if executable(file) || command(file) {
            &mut self.executables_added
        } else if is_device(file) {
            &mut self.devices_added
        } else {
            &mut self.files_added
        };
        list.push(described(file));
    }

    fn ambiguous(&mut self, path: &str, was: usize, is: usize) {
        self.files_changed.push(format!(
            "{}: {is} files of which only {was} were in the image, with names that cannot be told apart",
            visible(path, SHOWN)
        ));
    }

    fn removed(&mut self, file: &FileEntry) {
        let list = if executable(file) || command(file) {
            &mut self.executables_removed
        } else {
            &mut self.files_removed
        };
        list.push(described(file));
    }

    fn changed(&mut self, was: &FileEntry, is: &FileEntry) {
        let path = visible(&is.path, SHOWN);
        if was.kind != is.kind {
            let text = format!("{path}: was {:?}, is {}", was.kind, described(is));
            if is_device(is) {
                self.devices_added.push(text);
            } else if executable(was) || executable(is) || command(was) || command(is) {
                self.executables_changed.push(text);
            } else {
                self.links_changed.push(text);
            }
            return;
        }
        let runs = executable(was) || executable(is);
        match is.kind {
            FileKind::File if was.size != is.size => {
                let text = format!("{path}: {} bytes, {} in the image", is.size, was.size);
                self.contents(runs, text);
            }
            FileKind::File if was.digest.is_empty() || is.digest.is_empty() => {
                self.unseen.push(format!("contents of {path}"));
            }
            FileKind::File if was.digest != is.digest => {
                let text = format!("{path}: sha256 {}, {} in the image", is.digest, was.digest);
                self.contents(runs, text);
            }
            FileKind::Symlink if was.link != is.link => {
                let (now, then) = (visible(&is.link, SHOWN), visible(&was.link, SHOWN));
                let text = format!("{path}: leads to {now}, to {then} in the image");
                if command(is) {
                    self.executables_changed.push(text);
                } else {
                    self.links_changed.push(text);
                }
            }
            _ => {}
        }
        if is.kind == FileKind::Symlink {
            return;
        }
        self.capabilities(was, is);
        if (was.mode, was.uid, was.gid) != (is.mode, is.uid, is.gid) {
            let text = format!(
                "{path}: mode {:o} {}:{}, {:o} {}:{} in the image",
                is.mode, is.uid, is.gid, was.mode, was.uid, was.gid
            );
            let gained = is.mode & !was.mode;
            if is.kind == FileKind::File && gained & 0o111 != 0 && !executable(was) {
                self.executables_added.push(text);
            } else if is.kind == FileKind::File && gained & 0o6000 != 0 {
                self.executables_changed.push(text);
            } else {
                self.permissions.push(text);
            }
        }
    }

    /// What a file may do when it is executed is no part of its contents, and needs no other mode.
    fn capabilities(&mut self, was: &FileEntry, is: &FileEntry) {
        if !(was.capabilities_known && is.capabilities_known) || was.capabilities == is.capabilities
        {
            return;
        }
        let names = |file: &FileEntry| match file.capabilities.as_slice() {
            [] => "none".to_owned(),
            some => visible(&some.join(" "), SHOWN),
        };
        let path = visible(&is.path, SHOWN);
        let text = format!(
            "{path}: capabilities {}, {} in the image",
            names(is),
            names(was)
        );
        if is.capabilities.iter().all(|c| was.capabilities.contains(c)) {
            self.permissions.push(text);
        } else {
            self.executables_changed.push(text);
        }
    }

    fn contents(&mut self, runs: bool, text: String) {
        if runs {
            self.executables_changed.push(text);
        } else {
            self.files_changed.push(text);
        }
    }
}

#[cfg(test)]
mod tests;
