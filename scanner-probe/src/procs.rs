//! Processes, sockets, mounts, environment and kernel state, from this machine's `/proc`.

mod bound;
mod container;
mod env;
mod moment;
mod processes;
mod status;

use std::{
    fs,
    io::{self, BufRead as _, BufReader, Read as _, Write},
};

use scanner_inventory::Section;

use crate::{
    end::End,
    inside::Process,
    proc_file::{has_key, read},
    subject::Subject,
};
use bound::{bound, mounts, still};
pub use container::of_container;
pub(crate) use env::search_path;
use env::{env, overwritten};
pub(crate) use moment::started;
use processes::{hides_others, not_read, others_hidden, processes};
use status::status;

/// Longest row of a table of sockets, in bytes.
const MAX_ROW: u64 = 4096;
/// Keys of the status that describe the identity of a process.
const IDENTITY: [&str; 7] = [
    "Uid",
    "Gid",
    "Groups",
    "CapEff",
    "CapBnd",
    "NoNewPrivs",
    "Seccomp",
];

pub(crate) fn section(
    subject: &Subject,
    section: Section,
    out: &mut impl Write,
) -> io::Result<End> {
    let Some(process) = &subject.process else {
        return Ok(End::Missing("a directory has no processes".into()));
    };
    let pid = process.pid;
    let done = match section {
        Section::Identity => bound(process, out, |out| {
            status(pid, &IDENTITY, &[], out).and_then(|()| own(out))
        }),
        Section::Processes => match processes(subject, out) {
            Ok(unread) if unread > 0 => return Ok(not_read(unread)),
            Ok(_) if hides_others(&read("/proc/self/mounts").unwrap_or_default()) => {
                return Ok(others_hidden());
            }
            done => done.map(drop),
        },
        Section::Listeners => table(process, true, out),
        Section::Connections => table(process, false, out),
        Section::Mounts => bound(process, out, |out| {
            mounts(process).and_then(|t| out.write_all(t.as_bytes()))
        }),
        Section::Env => match bound(process, out, |out| env(pid, out)) {
            Ok(0) => Ok(()),
            Ok(odd) => return Ok(overwritten(odd)),
            Err(error) => Err(error),
        },
        _ => bound(process, out, |out| kernel(process, out)),
    };
    match done {
        Ok(()) => Ok(End::Ok),
        // The reader is gone, which ends the whole answer.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(error),
        Err(error) => Ok(End::Missing(format!("/proc/{pid} cannot be read: {error}"))),
    }
}

/// Writes the identity by which the kernel decides what this probe may read.
fn own(out: &mut impl Write) -> io::Result<()> {
    // The kernel decides by the thread that reads.
    let text = read("/proc/thread-self/status")?;
    let keys = ["Uid", "Gid", "Groups", "CapEff"];
    for line in text.lines().filter(|line| has_key(line, &keys)) {
        writeln!(out, "agent {line}")?;
    }
    Ok(())
}

/// A table of sockets may be too long to be kept until its process was looked at again.
fn table(process: &Process, listening: bool, out: &mut impl Write) -> io::Result<()> {
    still(process)?;
    sockets(process.pid, listening, out)?;
    still(process)
}

fn sockets(pid: u32, listening: bool, out: &mut impl Write) -> io::Result<()> {
    for name in ["tcp", "tcp6", "udp", "udp6"] {
        rows(pid, name, |row| {
            let state = row.split_whitespace().nth(3).unwrap_or_default();
            // In a table of a hundred thousand connections, few sockets listen.
            if listening && name.starts_with("tcp") && !matches!(state, "0A" | "st") {
                return Ok(());
            }
            writeln!(out, "/proc/net/{name}:{row}")
        })?;
    }
    Ok(())
}

/// Reads each row of a table of sockets, however long the table is. A kernel without IPv6 does not have the tables for it;
/// every other error is returned.
pub(crate) fn rows(
    pid: u32,
    name: &str,
    mut each: impl FnMut(&str) -> io::Result<()>,
) -> io::Result<()> {
    let file = match fs::File::open(format!("/proc/{pid}/net/{name}")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && name != "tcp" => return Ok(()),
        other => other?,
    };
    let mut reader = BufReader::new(file);
    let mut row = Vec::new();
    loop {
        row.clear();
        if reader.by_ref().take(MAX_ROW).read_until(b'\n', &mut row)? == 0 {
            return Ok(());
        }
        each(String::from_utf8_lossy(&row).trim_end_matches('\n'))?;
    }
}

fn kernel(process: &Process, out: &mut impl Write) -> io::Result<()> {
    let pid = process.pid;
    let release = read("/proc/sys/kernel/osrelease")?;
    let label = read(&format!("/proc/{pid}/attr/current")).unwrap_or_default();
    let mounts = mounts(process)?;
    let read_only = mounts.lines().any(|line| {
        let mut fields = line.split(' ').skip(1);
        let (target, options) = (fields.next(), fields.nth(1).unwrap_or_default());
        target == Some("/proc/sys") && options.split(',').any(|o| o == "ro")
    });
    let root = read(&format!("/proc/{pid}/status"))?
        .lines()
        .any(|line| line.starts_with("Uid:") && line.split_whitespace().nth(2) == Some("0"));
    writeln!(out, "release {}", release.trim())?;
    writeln!(out, "label {}", label.trim_matches(['\0', '\n']))?;
    writeln!(
        out,
        "writable {}",
        if root && !read_only { "yes" } else { "no" }
    )
}

#[cfg(test)]
mod tests;
