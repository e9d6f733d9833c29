//! Text of `/proc` as processes, see proc(5).

use std::collections::{BTreeMap, BTreeSet};

use super::{
    capabilities::capabilities,
    line::{Parsed, number, text},
    status::{effective, groups, is_mixed, join, keyed},
    threads::Threads,
};
use crate::{model::Process, path::FilePath, wire::decode_path};

/// The lines about one process.
#[derive(Debug, Default)]
struct Said<'a> {
    process: Process,
    threads: Threads<'a>,
    /// Whether its user ids differ; `None` where they are not known.
    mixed_uids: Option<bool>,
    /// The same for its group ids.
    mixed_gids: Option<bool>,
    /// Whether the agent gets to its working directory by that path.
    cwd_reached: Option<bool>,
    /// The same for its root.
    root_reached: Option<bool>,
}

impl Said<'_> {
    /// Takes a place of the process; text that is not a path counts as unknown.
    fn place(&mut self, place: Place<'_>) {
        let (path, reached) = if place.is_root {
            (&mut self.process.root, &mut self.root_reached)
        } else {
            (&mut self.process.cwd, &mut self.cwd_reached)
        };
        *reached = place.path.is_some().then_some(place.reached);
        *path = place.path;
    }

    /// Takes ids, which are four numbers; `None` where they are not.
    fn ids(&mut self, key: &str, value: &str) -> Option<()> {
        let (id, mixed) = if key == "Uid" {
            (&mut self.process.uid, &mut self.mixed_uids)
        } else {
            (&mut self.process.gid, &mut self.mixed_gids)
        };
        *id = effective(value)?;
        *mixed = Some(is_mixed(value)?);
        Some(())
    }

    /// The process with its threads, and how many lines of these could not be read.
    fn whole(mut self) -> Parsed<Process> {
        self.process.mixed_ids = match (self.mixed_uids, self.mixed_gids) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        };
        let reached = self.cwd_reached.zip(self.root_reached);
        self.process.places_reached = reached.map(|(cwd, root)| cwd && root);
        let unreadable = self.threads.join(&mut self.process);
        (self.process, unreadable)
    }
}

/// Where a process is: `/proc/PID/cwd:WAY:PATH` or `/proc/PID/root:WAY:PATH`, where `WAY` is `seen` if the agent gets there by
/// that path too, else `shut`.
struct Place<'a> {
    pid: &'a str,
    is_root: bool,
    reached: bool,
    path: Option<FilePath>,
}

impl<'a> Place<'a> {
    /// `None` for another line.
    fn parse(line: &'a [u8]) -> Option<Self> {
        let mut parts = line
            .strip_prefix(b"/proc/")?
            .splitn(3, |byte| *byte == b':');
        let (file, way, path) = (parts.next()?, parts.next()?, parts.next()?);
        let (pid, file) = std::str::from_utf8(file).ok()?.split_once('/')?;
        Some(Self {
            pid,
            is_root: match file {
                "cwd" => false,
                "root" => true,
                _ => return None,
            },
            reached: way == b"seen",
            path: decode_path(path),
        })
    }
}

/// Device and type of the filesystem that is mounted at `/`, from a line of mountinfo; `None` for another line.
fn root_of(mount: &str) -> Option<(String, String)> {
    let mut fields = mount.split(' ');
    let device = fields.nth(2).filter(|_| fields.nth(1) == Some("/"))?;
    let (_, after) = mount.split_once(" - ")?;
    Some((device.into(), after.split(' ').next()?.into()))
}

/// Takes a line about a process, by its file below `/proc/PID`; `None` if the line is unknown.
fn of_process(process: &mut Process, file: &str, key: &str, value: &str) -> Option<()> {
    match (file, key) {
        ("status", "Name") => process.name = value.into(),
        ("status", "Pid") => process.pid = number(value)?,
        ("status", "PPid") => process.ppid = number(value)?,
        ("status", "Groups") => process.groups = Some(groups(value)?),
        ("status", "CapInh" | "CapPrm") => join(process.raisable.get_or_insert_default(), value)?,
        ("status", "CapEff") => process.capabilities = capabilities(value)?,
        ("status", "CapBnd") => process.bounding = capabilities(value)?,
        ("status", "NoNewPrivs") => process.no_new_privs = value == "1",
        ("status", "Seccomp") => process.seccomp = number(value)?,
        ("ns/user", "inode") => process.user_namespace = Some(number(value)?),
        ("ns/mnt", "inode") => process.mount_namespace = Some(number(value)?),
        _ => return None,
    }
    Some(())
}

/// Whether one of the namespaces of a process is another one than that of a process of the container.
fn is_elsewhere(process: &Process, container: &Process) -> Option<bool> {
    let differs = |own: Option<i64>, known: Option<i64>| Some(own? != known?);
    let user = differs(process.user_namespace, container.user_namespace);
    let mount = differs(process.mount_namespace, container.mount_namespace);
    match (user, mount) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}

/// All processes but the collector's own. Only those that were seen in `/proc/PID/status` count: lines of other files about
/// processes that started later are ignored.
pub(super) fn processes(lines: &[&[u8]]) -> Parsed<Vec<Process>> {
    let (mut own, mut inside) = (None, None);
    let mut found: BTreeMap<&str, Said<'_>> = BTreeMap::new();
    let mut unreadable = 0;
    let texts = text(lines);
    for (line, bytes) in texts.iter().zip(lines) {
        if let Some(pid) = line.strip_prefix("self ") {
            own = number(pid);
            continue;
        }
        if let Some(pid) = line.strip_prefix("container ") {
            inside = number(pid);
            continue;
        }
        // A path is any bytes.
        if let Some(place) = Place::parse(bytes) {
            if let Some(said) = found.get_mut(place.pid) {
                said.place(place);
            }
            continue;
        }
        let known = keyed(line).and_then(|(file, key, value)| {
            let (pid, file) = file.split_once('/')?;
            let said = if file == "status" {
                found.entry(pid).or_default()
            } else if let Some(said) = found.get_mut(pid) {
                said
            } else {
                // Started since the processes were listed.
                return Some(());
            };
            match (file, key) {
                ("mountinfo", _) => {
                    // Of several mounts at one place, the last one is visible.
                    let (device, fstype) = root_of(line.split_once(':')?.1)?;
                    said.process.root_device = Some(device);
                    said.process.root_fstype = Some(fstype);
                    Some(())
                }
                ("status", "Threads") => said.threads.count(value),
                ("status", "Uid" | "Gid") => said.ids(key, value),
                ("task", key) => said.threads.take(key, value),
                _ => of_process(&mut said.process, file, key, value),
            }
        });
        unreadable += u64::from(known.is_none());
    }
    let mut all = Vec::with_capacity(found.len());
    for said in found.into_values() {
        let (process, lost) = said.whole();
        all.push(process);
        unreadable += lost;
    }
    if let Some(container) = all.iter().find(|p| Some(p.pid) == inside).cloned() {
        for process in &mut all {
            process.other_namespaces = is_elsewhere(process, &container);
        }
    }
    all.sort_by_key(|p| p.pid);
    // The agent itself is a process: without it the list was cut.
    unreadable += u64::from(all.is_empty());
    if let Some(own) = own {
        let ours = descendants(own, all.iter().map(|p| (p.pid, p.ppid)));
        all.retain(|p| !ours.contains(&p.pid));
    }
    (all, unreadable)
}

/// A process and all its descendants, from pairs (process id, parent's id). Each is visited once, whatever a target says
/// about who started whom.
pub(crate) fn descendants(of: i64, all: impl Iterator<Item = (i64, i64)>) -> BTreeSet<i64> {
    let mut children: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for (pid, parent) in all {
        children.entry(parent).or_default().push(pid);
    }
    let (mut found, mut next) = (BTreeSet::from([of]), vec![of]);
    while let Some(parent) = next.pop() {
        let new = children.remove(&parent).unwrap_or_default();
        next.extend(new.into_iter().filter(|pid| found.insert(*pid)));
    }
    found
}

#[cfg(test)]
mod tests;
