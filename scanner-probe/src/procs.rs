//! Processes, sockets, mounts, environment and kernel state, from this machine's `/proc`.

use std::{
    fs,
    io::{self, BufRead as _, BufReader, Read as _, Write},
    os::unix::fs::MetadataExt as _,
};

use scanner_inventory::{Gap, GapKind, Gaps, Section};

use crate::{
    end::End,
    places,
    proc_file::{read, read_bytes},
    subject::Subject,
    threads,
};

/// Longest row of a table of sockets, in bytes.
const MAX_ROW: u64 = 4096;
/// What is said of the identity of a process.
const IDENTITY: [&str; 7] = [
    "Uid:",
    "Gid:",
    "Groups:",
    "CapEff:",
    "CapBnd:",
    "NoNewPrivs:",
    "Seccomp:",
];
/// What is said of each process.
const KEYS: [&str; 13] = [
    "Name:",
    "Pid:",
    "PPid:",
    "Threads:",
    "Uid:",
    "Gid:",
    "Groups:",
    "CapInh:",
    "CapPrm:",
    "CapEff:",
    "CapBnd:",
    "NoNewPrivs:",
    "Seccomp:",
];

/// Processes whose cgroup names the container, in order; all when `container` is empty. A whole list of
/// cgroups, as in `/proc/PID/cgroup`, names the processes that have the very same.
pub fn of_container(container: &str) -> Vec<u32> {
    let mut found: Vec<u32> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| {
            container.is_empty()
                || read(&format!("/proc/{pid}/cgroup")).is_ok_and(|text| is_of(&text, container))
        })
        .collect();
    found.sort_unstable();
    found
}

fn is_of(cgroups: &str, container: &str) -> bool {
    if container.contains(':') {
        cgroups.trim() == container
    } else {
        cgroups.contains(container)
    }
}

pub(crate) fn section(
    subject: &Subject,
    section: Section,
    out: &mut impl Write,
) -> io::Result<End> {
    let Some(pid) = subject.pid else {
        return Ok(End::Missing("a directory has no processes".into()));
    };
    let done = match section {
        Section::Identity => status(pid, &IDENTITY, out).and_then(|()| own(out)),
        Section::Processes => match processes(subject, out) {
            Ok(unread) if unread > 0 => return Ok(not_read(unread)),
            Ok(_) if hides_others(&read("/proc/self/mounts").unwrap_or_default()) => {
                return Ok(others_hidden());
            }
            done => done.map(drop),
        },
        Section::Listeners => sockets(pid, true, out),
        Section::Connections => sockets(pid, false, out),
        Section::Mounts => {
            read(&format!("/proc/{pid}/mounts")).and_then(|t| out.write_all(t.as_bytes()))
        }
        Section::Env => match env(pid, out) {
            Ok(0) => Ok(()),
            Ok(odd) => return Ok(overwritten(odd)),
            Err(error) => Err(error),
        },
        _ => kernel(pid, out),
    };
    match done {
        Ok(()) => Ok(End::Ok),
        // The reader is gone, which ends the whole answer.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(error),
        Err(error) => Ok(End::Missing(format!("/proc/{pid} cannot be read: {error}"))),
    }
}

fn status(pid: u32, keys: &[&str], out: &mut impl Write) -> io::Result<()> {
    let text = read(&format!("/proc/{pid}/status"))?;
    for line in text
        .lines()
        .filter(|l| keys.iter().any(|key| l.starts_with(key)))
    {
        writeln!(out, "/proc/{pid}/status:{line}")?;
    }
    Ok(())
}

/// What the kernel lets this probe read by.
fn own(out: &mut impl Write) -> io::Result<()> {
    // What the kernel goes by is of the thread that reads.
    let text = read("/proc/thread-self/status")?;
    let keys = ["Uid:", "Gid:", "Groups:", "CapEff:"];
    for line in text
        .lines()
        .filter(|l| keys.iter().any(|key| l.starts_with(key)))
    {
        writeln!(out, "agent {line}")?;
    }
    Ok(())
}

/// Writes what is known of each process, and returns how many could not be read though they are there.
fn processes(subject: &Subject, out: &mut impl Write) -> io::Result<u64> {
    let mut unread = 0;
    if let Some(pid) = subject.pid {
        writeln!(out, "container {pid}")?;
    }
    let root = subject.pid.and_then(places::root);
    for pid in of_container(&subject.container) {
        match status(pid, &KEYS, out) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Err(error),
            Err(_) => {
                // One that ended since it was listed is not there.
                unread += u64::from(fs::exists(format!("/proc/{pid}")).unwrap_or(true));
                continue;
            }
            Ok(()) => {}
        }
        for name in ["user", "mnt"] {
            // Not shown to everyone: unknown then.
            if let Ok(namespace) = fs::metadata(format!("/proc/{pid}/ns/{name}")) {
                writeln!(out, "/proc/{pid}/ns/{name}:inode:{}", namespace.ino())?;
            }
        }
        let mounts = read(&format!("/proc/{pid}/mountinfo")).unwrap_or_default();
        for line in mounts.lines().filter(|line| is_root(line)) {
            writeln!(out, "/proc/{pid}/mountinfo:{line}")?;
        }
        places::write(pid, root.as_ref(), out)?;
        threads::write(pid, out)?;
    }
    Ok(unread)
}

/// Whether a mount table has a `/proc` that does not show a user the processes of others, see proc(5).
fn hides_others(mounts: &str) -> bool {
    let hides = |option: &str| option.starts_with("hidepid=") || option.starts_with("subset=");
    mounts.lines().any(|line| {
        let mut fields = line.split(' ').skip(1);
        let (target, options) = (fields.next(), fields.nth(1).unwrap_or_default());
        target == Some("/proc") && options.split(',').any(hides)
    })
}

fn not_read(processes: u64) -> End {
    let mut gaps = Gaps::default();
    gaps.add_counted(Gap::new(GapKind::NotReadable), processes);
    End::Partial(
        gaps,
        "processes whose status this probe may not read".into(),
    )
}

fn others_hidden() -> End {
    let reason = "/proc is mounted so that it does not show the processes of other users";
    End::Partial(Gap::new(GapKind::Hidden).into(), reason.into())
}

/// Whether a line of mountinfo is of what is mounted at the root.
fn is_root(mount: &str) -> bool {
    mount.split(' ').nth(4) == Some("/")
}

fn sockets(pid: u32, listening: bool, out: &mut impl Write) -> io::Result<()> {
    for name in ["tcp", "tcp6", "udp", "udp6"] {
        rows(pid, name, |row| {
            let state = row.split_whitespace().nth(3).unwrap_or_default();
            // Of a table of a hundred thousand connections those that listen are few.
            if listening && name.starts_with("tcp") && !matches!(state, "0A" | "st") {
                return Ok(());
            }
            writeln!(out, "/proc/net/{name}:{row}")
        })?;
    }
    Ok(())
}

/// Gives each row of a table of sockets, however long the table is. A kernel without IPv6 has no such
/// table; every other error is one.
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

/// Name, length and shape: a value never leaves the target.
fn env(pid: u32, out: &mut impl Write) -> io::Result<u64> {
    variables(&read_bytes(&format!("/proc/{pid}/environ"))?, out)
}

/// Servers such as nginx write their title over their environment, so that what was there cannot be read any more.
fn overwritten(odd: u64) -> End {
    let reason = format!(
        "{odd} parts of it are no variables: the process wrote something else over its environment"
    );
    let mut gaps = Gaps::default();
    gaps.add_counted(Gap::new(GapKind::Malformed), odd);
    End::Partial(gaps, reason)
}

/// Writes the variables, and returns how many parts are none: without `=`, or with a space in the name. An empty part is
/// none either, but for the one after the last.
fn variables(bytes: &[u8], out: &mut impl Write) -> io::Result<u64> {
    let mut odd = 0;
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    if bytes.is_empty() {
        return Ok(0);
    }
    for variable in bytes.split(|byte| *byte == 0) {
        let Some(end) = variable.iter().position(|byte| *byte == b'=') else {
            odd += 1;
            continue;
        };
        // A length is that of the bytes, not of the text that replaces some.
        let length = variable.len() - end - 1;
        let name = String::from_utf8_lossy(&variable[..end]);
        let value = String::from_utf8_lossy(&variable[end + 1..]);
        if name.contains(' ') {
            odd += 1;
        }
        writeln!(
            out,
            "{length} {} {}",
            shape(&value),
            name.replace('\n', "?")
        )?;
    }
    Ok(odd)
}

fn shape(value: &str) -> &'static str {
    let starts = |any: &[&str]| any.iter().any(|start| value.starts_with(start));
    if value.is_empty() {
        "empty"
    } else if value.contains("-----BEGIN ") && value.contains("PRIVATE KEY") {
        "private_key"
    } else if value.chars().count() == 20 && starts(&["AKIA", "ASIA"]) {
        "aws_key"
    } else if value.starts_with("eyJ") && value.contains(".eyJ") {
        "jwt"
    } else if starts(&["ghp_", "gho_", "ghs_", "ghu_", "github_pat_"]) {
        "github_token"
    } else if starts(&["xoxa-", "xoxb-", "xoxr-", "xoxs-", "xoxp-"]) {
        "slack_token"
    } else if value.split_once("://").is_some_and(|(_, rest)| {
        rest.split_once('@')
            .is_some_and(|(user, _)| user.contains(':'))
    }) {
        "url_credentials"
    } else {
        "plain"
    }
}

fn kernel(pid: u32, out: &mut impl Write) -> io::Result<()> {
    let release = read("/proc/sys/kernel/osrelease")?;
    let label = read(&format!("/proc/{pid}/attr/current")).unwrap_or_default();
    let mounts = read(&format!("/proc/{pid}/mounts"))?;
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
