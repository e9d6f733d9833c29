//! What is known of each process of a target, while it is there.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::MetadataExt as _,
};

use scanner_inventory::{Gap, GapKind, Gaps, wire::THREAD_KEYS};

use super::{container::of_container, status::status};
use crate::{
    end::End,
    places,
    proc_file::{gone, is_gone, read},
    root::Root,
    subject::Subject,
    threads,
};

/// What is said of each process, beside what is said of each thread.
const OF_PROCESS: [&str; 4] = ["Name", "Pid", "PPid", "Threads"];

/// Writes what is known of each process, and returns how many could not be read though they are there.
pub(super) fn processes(subject: &Subject, out: &mut impl Write) -> io::Result<u64> {
    let mut unread = 0;
    if let Some(pid) = subject.pid {
        writeln!(out, "container {pid}")?;
    }
    let root = subject.pid.and_then(places::root);
    for pid in of_container(&subject.container) {
        match while_there(pid, |lines| process(pid, root.as_ref(), lines)) {
            Ok(lines) => out.write_all(&lines)?,
            // One that ended since it was listed is not there; the post-scan audit has it among those that ended.
            Err(error) if is_gone(&error) => {}
            Err(_) => unread += 1,
        }
    }
    Ok(unread)
}

/// What `read` says of a process, if it is the same one after that and has not ended: of one that ends meanwhile the kernel
/// shows a part, by which it would look like one that hides the rest.
fn while_there(pid: u32, read: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> io::Result<Vec<u8>> {
    let before = Moment::of(pid)?;
    let mut lines = Vec::new();
    read(&mut lines)?;
    let after = Moment::of(pid)?;
    if after.started != before.started || (after.has_ended && !before.has_ended) {
        return Err(gone());
    }
    Ok(lines)
}

/// A process at one moment.
struct Moment {
    /// When it started: an id that is used again is another process.
    started: String,
    /// Whether nothing is left of it but its status, for which its parent has not asked yet.
    has_ended: bool,
}

impl Moment {
    fn of(pid: u32) -> io::Result<Self> {
        let stat = read(&format!("/proc/{pid}/stat"))?;
        // The name may hold anything, so that the last parenthesis ends it; see proc_pid_stat(5).
        let (_, fields) = stat.rsplit_once(") ").ok_or(io::ErrorKind::InvalidData)?;
        let mut fields = fields.split(' ');
        let state = fields.next().unwrap_or_default();
        Ok(Self {
            started: fields.nth(18).unwrap_or_default().to_owned(),
            has_ended: matches!(state, "Z" | "X" | "x"),
        })
    }
}

fn process(pid: u32, root: Option<&Root>, out: &mut impl Write) -> io::Result<()> {
    status(pid, &OF_PROCESS, &THREAD_KEYS, out)?;
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
    places::write(pid, root, out)?;
    threads::write(pid, out)
}

/// Whether a mount table has a `/proc` that does not show a user the processes of others, see proc(5).
pub(super) fn hides_others(mounts: &str) -> bool {
    let hides = |option: &str| option.starts_with("hidepid=") || option.starts_with("subset=");
    mounts.lines().any(|line| {
        let mut fields = line.split(' ').skip(1);
        let (target, options) = (fields.next(), fields.nth(1).unwrap_or_default());
        target == Some("/proc") && options.split(',').any(hides)
    })
}

pub(super) fn not_read(processes: u64) -> End {
    let mut gaps = Gaps::default();
    gaps.add_counted(Gap::new(GapKind::NotReadable), processes);
    End::Partial(
        gaps,
        "processes whose status this probe may not read".into(),
    )
}

pub(super) fn others_hidden() -> End {
    let reason = "/proc is mounted so that it does not show the processes of other users";
    End::Partial(Gap::new(GapKind::Hidden).into(), reason.into())
}

/// Whether a line of mountinfo is of what is mounted at the root.
fn is_root(mount: &str) -> bool {
    mount.split(' ').nth(4) == Some("/")
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    fn sleeper() -> Child {
        Command::new("sleep").arg("60").spawn().unwrap()
    }

    fn end(child: &mut Child) {
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_process_that_ends_while_it_is_read_has_left() {
        let mut child = sleeper();
        let pid = child.id();
        let read_while = |ends: &mut dyn FnMut()| {
            while_there(pid, |lines| {
                process(pid, None, lines)?;
                ends();
                Ok(())
            })
        };
        let whole = read_while(&mut || {}).unwrap();
        assert!(String::from_utf8(whole).unwrap().contains("/status:Pid:"));
        // It ended, and its parent does not know yet.
        let zombie = read_while(&mut || {
            child.kill().unwrap();
            while !Moment::of(pid).unwrap().has_ended {
                std::thread::yield_now();
            }
        });
        assert!(is_gone(&zombie.unwrap_err()));
        // One that had ended before is what a shell would see too.
        assert!(read_while(&mut || {}).is_ok());
        let reaped = read_while(&mut || drop(child.wait()));
        assert!(is_gone(&reaped.unwrap_err()));
        assert!(is_gone(&read_while(&mut || {}).unwrap_err()));
    }

    #[test]
    fn processes_that_come_and_go_are_never_unreadable() {
        let subject = Subject {
            root: Box::new(places::root(std::process::id()).unwrap()),
            pid: Some(std::process::id()),
            container: String::new(),
        };
        let is_done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_done.load(std::sync::atomic::Ordering::Relaxed) {
                    end(&mut sleeper());
                }
            });
            let unread: io::Result<u64> =
                (0..20).map(|_| processes(&subject, &mut io::sink())).sum();
            is_done.store(true, std::sync::atomic::Ordering::Relaxed);
            assert_eq!(unread.unwrap(), 0);
        });
    }
}
