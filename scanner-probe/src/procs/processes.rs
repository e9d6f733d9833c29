//! What is known about each process of a target, while it exists.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::MetadataExt as _,
};

use scanner_inventory::{Gap, GapKind, Gaps, wire::THREAD_KEYS};

use super::{container::of_container, moment::Moment, status::status};
use crate::{
    end::End,
    places,
    proc_file::{is_gone, read},
    root::Root,
    subject::Subject,
    threads,
};

/// Status keys that are sent for each process, beside those for each thread.
const OF_PROCESS: [&str; 4] = ["Name", "Pid", "PPid", "Threads"];

/// Writes what is known about each process, and returns how many exist but could not be read.
pub(super) fn processes(subject: &Subject, out: &mut impl Write) -> io::Result<u64> {
    let mut unread = 0;
    let first = subject.process.as_ref().map(|process| process.pid);
    if let Some(pid) = first {
        writeln!(out, "container {pid}")?;
    }
    let root = first.and_then(places::root);
    for pid in of_container(&subject.container) {
        match seen(pid, |lines| more(pid, root.as_ref(), lines)) {
            Ok(lines) => out.write_all(&lines)?,
            // A process that ended since it was listed is left out; the post-scan audit lists it among those that ended.
            Err(error) if is_gone(&error) => {}
            Err(_) => unread += 1,
        }
    }
    Ok(unread)
}

/// The lines about a process: its status, and what `more` writes. If the process ends meanwhile, the kernel shows only a
/// part, which would look as if it hid the rest. Then only its status is written, so that no process whose status was read
/// is left out.
fn seen(pid: u32, more: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> io::Result<Vec<u8>> {
    let before = Moment::of(pid)?;
    let mut lines = Vec::new();
    status(pid, &OF_PROCESS, &THREAD_KEYS, &mut lines)?;
    before.goes_on(pid)?;
    let status_alone = lines.len();
    match more(&mut lines).and_then(|()| before.goes_on(pid)) {
        Err(error) if is_gone(&error) => lines.truncate(status_alone),
        other => other?,
    }
    Ok(lines)
}

/// Writes the lines about a process beside its status.
fn more(pid: u32, root: Option<&Root>, out: &mut impl Write) -> io::Result<()> {
    for name in ["user", "mnt"] {
        // Not shown to every user: unknown then.
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

    /// Ends a process so that its parent does not know yet.
    fn become_zombie(child: &mut Child) {
        child.kill().unwrap();
        while !Moment::of(child.id()).unwrap().has_ended {
            std::thread::yield_now();
        }
    }

    #[test]
    fn of_a_process_that_ends_while_it_is_read_its_status_is_left() {
        type Ends = fn(&mut Child);
        // The first one ends and its parent does not know yet; of the second one nothing is left.
        let endings: [(Ends, bool); 2] = [(become_zombie, false), (end, true)];
        for (ends, is_gone_then) in endings {
            let mut child = sleeper();
            let pid = child.id();
            let text = |lines: io::Result<Vec<u8>>| String::from_utf8(lines.unwrap()).unwrap();
            let whole = text(seen(pid, |lines| more(pid, None, lines)));
            assert!(whole.contains("/cwd:"), "{whole}");
            let part = text(seen(pid, |lines| {
                more(pid, None, lines)?;
                ends(&mut child);
                Ok(())
            }));
            assert!(part.contains("/status:Uid:"), "{part}");
            assert!(part.lines().all(|line| line.contains("/status:")), "{part}");
            // A shell too would see a process that had already ended.
            let after = seen(pid, |lines| more(pid, None, lines));
            let nothing = after.is_err_and(|error| is_gone(&error));
            assert_eq!(nothing, is_gone_then);
            child.wait().unwrap();
        }
    }

    #[test]
    fn a_process_goes_on_until_it_ends_or_its_id_is_of_another() {
        let mut child = sleeper();
        let pid = child.id();
        let before = Moment::of(pid).unwrap();
        before.goes_on(pid).unwrap();
        let other = std::os::unix::process::parent_id();
        assert!(is_gone(&before.goes_on(other).unwrap_err()));
        become_zombie(&mut child);
        assert!(is_gone(&before.goes_on(pid).unwrap_err()));
        Moment::of(pid).unwrap().goes_on(pid).unwrap();
        child.wait().unwrap();
        assert!(is_gone(&before.goes_on(pid).unwrap_err()));
    }

    #[test]
    fn processes_that_come_and_go_are_never_unreadable() {
        let subject = Subject {
            root: Box::new(places::root(std::process::id()).unwrap()),
            process: crate::inside::Process::of(std::process::id()).ok(),
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
