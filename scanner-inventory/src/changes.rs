//! What changed in a target while it was read: an agent's snapshot at its start against one at its end.
//!
//! Lines of the part [`PART`] of an answer, each with `b` (before) or `a` (after) and a kind:
//! `self PID` is the agent, `b p STAT` a process as in `/proc/PID/stat`, `b s PROTOCOL ADDRESS INODE` a
//! listening socket as in `/proc/net`, `b f STATE PATH` an entry of one of [`WATCHED`], `same f COUNT`
//! says that those are the same, `closed /PATH` is a directory that the agent's user may not read, and
//! `lost REASON` says what could not be compared.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    collected::Collected,
    escape::visible,
    gap::{Gap, GapKind},
    gaps::Gaps,
    parse::{proc::descendants, sockets::ip},
    path::FilePath,
    wire::{Ending, RawSection, decode_path},
};

/// Name of the part of an answer.
pub const PART: &str = "changes";
/// Name of the part before the files, with the processes at the start and those after the other sections.
pub const PRESENT: &str = "present";

/// Directories whose entries are compared: what starts programs, is loaded by them, or can be written.
pub const WATCHED: [&str; 28] = [
    "/",
    "/bin",
    "/boot",
    "/dev/shm",
    "/etc",
    "/etc/cron.d",
    "/etc/init.d",
    "/etc/ld.so.conf.d",
    "/etc/pam.d",
    "/etc/profile.d",
    "/etc/ssh",
    "/etc/ssl",
    "/etc/sudoers.d",
    "/home",
    "/lib",
    "/opt",
    "/root",
    "/root/.ssh",
    "/run",
    "/sbin",
    "/srv",
    "/tmp",
    "/usr/bin",
    "/usr/lib",
    "/usr/local/bin",
    "/usr/sbin",
    "/var/spool/cron",
    "/var/tmp",
];

/// Most entries that are compared.
pub const MAX_ENTRIES: usize = 4000;
/// Most processes that are compared.
pub const MAX_PROCESSES: usize = 2000;
/// Most listening sockets that are compared, for each protocol.
pub const MAX_SOCKETS: usize = 1000;
/// Most lines that are read, for both moments together. An agent sends no more; a hostile target may.
pub(crate) const MAX_LINES: usize = 2 * (MAX_ENTRIES + 1 + MAX_PROCESSES + 5 * MAX_SOCKETS) + 200;
/// Most differences that are reported one by one.
const MAX_REPORTED: usize = 50;

/// What is different at the end of an answer from its start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Changes {
    /// Each difference, for a reader.
    pub differences: Vec<String>,
    /// Processes that were compared, the agent's own left out.
    pub processes: usize,
    /// Listening sockets that were compared.
    pub sockets: usize,
    /// Entries of directories that were compared.
    pub files: usize,
    /// Directories that the agent's user may not read.
    pub closed: Vec<String>,
    /// Ids and names of processes that were there all the time.
    #[serde(skip)]
    pub stayed: Vec<(i64, String)>,
}

#[derive(Debug, PartialEq, Eq)]
struct Process {
    parent: i64,
    name: String,
}

/// The state of a target at one moment.
#[derive(Debug, Default, PartialEq, Eq)]
struct Snapshot<'a> {
    /// By process id and start time, so that an id that is used again is another process.
    processes: BTreeMap<(i64, u64), Process>,
    sockets: BTreeSet<String>,
    files: BTreeMap<FilePath, &'a [u8]>,
}

impl<'a> Snapshot<'a> {
    /// Takes one line; `None` when it cannot be read.
    fn take(&mut self, line: &'a [u8]) -> Option<()> {
        if let Some(file) = line.strip_prefix(b"f ") {
            return self.take_file(file);
        }
        if let Some(stat) = line.strip_prefix(b"p ") {
            let (identity, process) = process(&String::from_utf8_lossy(stat))?;
            return self
                .processes
                .insert(identity, process)
                .is_none()
                .then_some(());
        }
        let socket = FilePath::from_bytes(line.strip_prefix(b"s ")?).to_text();
        self.sockets.insert(socket).then_some(())
    }

    fn take_file(&mut self, line: &'a [u8]) -> Option<()> {
        let start = |pair: &[u8]| matches!(pair, b" /" | b" \\");
        let (state, path) = line.split_at(line.windows(2).position(start)?);
        let path = decode_path(&path[1..])?;
        // find prints the entries of a directory after the `.` that it was given.
        let path = match path.as_text().split_once("/./") {
            Some((directory, name)) => FilePath::from_text(&format!("{directory}/{name}")).ok()?,
            None => path,
        };
        self.files.insert(path, state).is_none().then_some(())
    }

    /// Leaves out the agent and what it started.
    fn without(&mut self, agent: i64) {
        let all = self.processes.iter();
        let own = descendants(agent, all.map(|((pid, _), process)| (*pid, process.parent)));
        self.processes.retain(|(pid, _), _| !own.contains(pid));
    }
}

/// `PID (NAME) STATE PPID ... STARTTIME`: fields 1, 2, 4 and 22 of `proc_pid_stat(5)`. The name may hold
/// anything, so that the last parenthesis ends it.
fn process(stat: &str) -> Option<((i64, u64), Process)> {
    let (pid, rest) = stat.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let identity = (pid.parse().ok()?, fields.get(19)?.parse().ok()?);
    let parent = fields.get(1)?.parse().ok()?;
    let name = visible(name, 40);
    Some((identity, Process { parent, name }))
}

/// Compares the snapshot of an agent at its start with that at its end.
///
/// What could not be compared makes the result partial, with the reason; it is never left out.
pub fn read(part: Option<RawSection<'_>>) -> Collected<Changes> {
    let Some(part) = part else {
        return Collected::Unavailable {
            reason: "the agent took no snapshots".into(),
        };
    };
    let mut gaps: Gaps = part.gaps.into_iter().collect();
    let mut miss = |kind: GapKind, note: &str| gaps.add(Gap::new(kind).with_note(note));
    match part.ending {
        Ending::Missing(reason) => return Collected::Unavailable { reason },
        Ending::Partial(_, reason) => miss(GapKind::Unknown, &reason),
        Ending::Ok => {}
    }
    let (mut before, mut after) = (Snapshot::default(), Snapshot::default());
    let (mut agent, mut same, mut lost) = (None, None, 0_u64);
    let mut closed = Vec::new();
    if part.lines.len() > MAX_LINES {
        miss(
            GapKind::OverLimit,
            "the snapshots are longer than an agent makes them",
        );
    }
    for line in part.lines.iter().take(MAX_LINES) {
        let moment = line.split_at_checked(2).unwrap_or_default();
        let taken = match moment {
            (b"b ", line) => before.take(line),
            (b"a ", line) => after.take(line),
            _ => match String::from_utf8_lossy(line).split_once(' ') {
                Some(("self", pid)) => pid.parse().ok().map(|pid: i64| agent = Some(pid)),
                Some(("same", rest)) => {
                    let count = rest
                        .strip_prefix("f ")
                        .and_then(|n| n.parse::<usize>().ok());
                    count.map(|count| same = Some(count))
                }
                Some(("closed", path)) => {
                    let known = WATCHED.contains(&path) && closed.len() < WATCHED.len();
                    known.then(|| closed.push(path.to_owned()))
                }
                Some(("lost", reason)) => {
                    miss(GapKind::Unknown, reason);
                    Some(())
                }
                _ => None,
            },
        };
        lost += u64::from(taken.is_none());
    }
    if lost > 0 {
        miss(
            GapKind::Malformed,
            &format!("{lost} lines of the snapshots could not be read"),
        );
    }
    if let Some(agent) = agent {
        before.without(agent);
        after.without(agent);
    }
    for (what, nothing) in [
        ("before", before.processes.is_empty()),
        ("after", after.processes.is_empty()),
    ] {
        if nothing {
            miss(GapKind::Hidden, &format!("no process was seen {what}"));
        }
    }
    if same.is_none() && before.files.is_empty() && after.files.is_empty() {
        miss(GapKind::Unknown, "no file was looked at");
    }
    let files = same.unwrap_or(before.files.len().max(after.files.len()));
    if files > MAX_ENTRIES {
        miss(
            GapKind::OverLimit,
            &format!("only the first {MAX_ENTRIES} files were compared"),
        );
    }
    let data = Changes {
        processes: before.processes.len(),
        sockets: before.sockets.len(),
        files,
        differences: differences(&before, &after),
        stayed: (before.processes.iter())
            .filter(|(identity, _)| after.processes.contains_key(identity))
            .map(|((pid, _), process)| (*pid, process.name.clone()))
            .collect(),
        closed,
    };
    Collected::with_gaps(data, gaps)
}

fn differences(before: &Snapshot<'_>, after: &Snapshot<'_>) -> Vec<String> {
    let mut all = Vec::new();
    let processes =
        |one: &Snapshot<'_>, other: &Snapshot<'_>, all: &mut Vec<String>, what: &str| {
            for (identity, process) in &one.processes {
                if !other.processes.contains_key(identity) {
                    // Only a runtime can start a process without a parent here: it is a probe, or somebody else's exec.
                    let entered = match (identity.0, process.parent) {
                        (2.., 0) => ", which entered from outside the container",
                        _ => "",
                    };
                    all.push(format!(
                        "process {} ({}){entered} {what}",
                        identity.0, process.name
                    ));
                }
            }
        };
    processes(after, before, &mut all, "started");
    processes(before, after, &mut all, "ended");
    let sockets = |one: &Snapshot<'_>, other: &Snapshot<'_>, all: &mut Vec<String>, what: &str| {
        for socket in one.sockets.difference(&other.sockets) {
            all.push(format!("socket {} {what}", place(socket)));
        }
    };
    sockets(after, before, &mut all, "began to listen");
    sockets(before, after, &mut all, "no longer listens");
    for (path, state) in &after.files {
        match before.files.get(path) {
            None => all.push(format!("file {} is new", visible(path.as_text(), 200))),
            Some(then) if then != state => {
                all.push(format!("file {} changed", visible(path.as_text(), 200)));
            }
            Some(_) => {}
        }
    }
    for path in before
        .files
        .keys()
        .filter(|path| !after.files.contains_key(*path))
    {
        all.push(format!("file {} is gone", visible(path.as_text(), 200)));
    }
    let more = all.len().saturating_sub(MAX_REPORTED);
    all.truncate(MAX_REPORTED);
    if more > 0 {
        all.push(format!("and {more} more differences"));
    }
    all
}

/// `PROTOCOL ADDRESS INODE` for a reader.
fn place(socket: &str) -> String {
    let mut fields = socket.splitn(3, ' ');
    let (protocol, address) = (
        fields.next().unwrap_or_default(),
        fields.next().unwrap_or_default(),
    );
    let readable = address.rsplit_once(':').and_then(|(host, port)| {
        let port = u16::from_str_radix(port, 16).ok()?;
        Some(format!("{protocol} {} port {port}", ip(host)?))
    });
    visible(
        &readable.unwrap_or_else(|| format!("{protocol} {address}")),
        200,
    )
}

#[cfg(test)]
mod tests;
