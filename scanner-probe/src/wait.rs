//! `wait`: keeps the probe's container for as long as a collector is in it.

use std::{
    env, fs,
    mem::MaybeUninit,
    os::fd::{AsFd, OwnedFd},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::inotify::{self, CreateFlags, Reader, WatchFlags},
    io::Errno,
    process::{Pid, PidfdFlags, pidfd_open},
};
use scanner_probe::of_container;

/// How long it stays without a collector.
const GRACE: Duration = Duration::from_secs(30);
/// Pause between two looks for a collector if the kernel reports its start. A sandbox such as gVisor may not report it.
const SLOW: Duration = Duration::from_secs(1);
/// The same if the kernel cannot report it: then there is no event to wait for.
const FAST: Duration = Duration::from_millis(100);
/// How long after its start a collector must be seen among the processes.
const SETTLE: Duration = Duration::from_secs(1);

/// Ends when a collector came and went, when none came, or at the deadline.
pub(crate) fn wait(limit: Duration) -> Result<(), String> {
    let own = fs::read_to_string("/proc/self/cgroup").map_err(|e| e.to_string())?;
    let me = std::process::id();
    let waiting = Waiting {
        starts: env::current_exe().ok().and_then(|path| Starts::of(&path)),
        others: || {
            let mut all = of_container(own.trim());
            all.retain(|pid| *pid != me);
            all
        },
        limit,
        grace: GRACE,
    };
    waiting.run();
    Ok(())
}

struct Waiting<F> {
    starts: Option<Starts>,
    /// The other processes of this container.
    others: F,
    limit: Duration,
    grace: Duration,
}

/// The other processes, at one moment.
struct Others {
    /// Those whose end can be waited for.
    followed: Vec<OwnedFd>,
    /// Whether there are more.
    more: bool,
}

impl<F: Fn() -> Vec<u32>> Waiting<F> {
    fn run(&self) {
        let begun = Instant::now();
        let left = |limit: Duration| limit.saturating_sub(begun.elapsed());
        let (mut came, mut started) = (false, None::<Instant>);
        while !left(self.limit).is_zero() {
            let others = self.look();
            if others.more || !others.followed.is_empty() {
                came = true;
                others.wait(left(self.limit));
                continue;
            }
            // The start of a collector that came and went between two looks was reported.
            let went = came || started.is_some_and(|at| at.elapsed() >= SETTLE);
            if went || left(self.grace).is_zero() {
                return;
            }
            let pause = left(self.grace).min(left(self.limit));
            let Some(starts) = &self.starts else {
                thread::sleep(pause.min(FAST));
                continue;
            };
            if starts.wait(pause.min(SLOW)) {
                started.get_or_insert_with(Instant::now);
            }
        }
    }

    /// The other processes that have not ended.
    fn look(&self) -> Others {
        let mut others = Others {
            followed: Vec::new(),
            more: false,
        };
        for pid in (self.others)() {
            let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
            match pid.map(|pid| pidfd_open(pid, PidfdFlags::empty())) {
                // A process that ended and whose parent has not read its status yet is not a collector any more.
                Some(Ok(process)) if !ready(&[process.as_fd()], Duration::ZERO) => {
                    others.followed.push(process);
                }
                Some(Ok(_) | Err(Errno::SRCH)) | None => {}
                Some(Err(_)) => others.more = true,
            }
        }
        others
    }
}

impl Others {
    /// Waits until one of them ends.
    fn wait(&self, limit: Duration) {
        if self.more {
            // A kernel or a seccomp profile without pidfd_open(2) has no event for the end of a process that is no child.
            thread::sleep(limit.min(FAST));
            return;
        }
        let all: Vec<_> = self.followed.iter().map(AsFd::as_fd).collect();
        ready(&all, limit);
    }
}

/// The starts of one program, as inotify(7) reports that its file is opened.
struct Starts {
    reports: OwnedFd,
    /// The program's name in its folder.
    name: Vec<u8>,
}

impl Starts {
    /// The folder is watched: its user may not read the program itself.
    fn of(program: &Path) -> Option<Self> {
        let name = program.file_name()?.as_encoded_bytes().to_vec();
        let reports = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok()?;
        inotify::add_watch(&reports, program.parent()?, WatchFlags::OPEN).ok()?;
        Some(Self { reports, name })
    }

    /// Whether one was seen within `limit`.
    fn wait(&self, limit: Duration) -> bool {
        ready(&[self.reports.as_fd()], limit);
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(&self.reports, &mut buffer);
        let mut seen = false;
        while let Ok(event) = reader.next() {
            // Without a name it is about the folder itself, or some were lost.
            let name = event.file_name().map(std::ffi::CStr::to_bytes);
            seen |= name == Some(&self.name)
                || event.events().contains(inotify::ReadFlags::QUEUE_OVERFLOW);
        }
        seen
    }
}

/// Waits until one of them is readable; a pidfd is, once its process has ended.
fn ready(all: &[rustix::fd::BorrowedFd<'_>], limit: Duration) -> bool {
    let mut polled: Vec<PollFd<'_>> = all
        .iter()
        .map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN))
        .collect();
    let limit = Timespec::try_from(limit).ok();
    match poll(&mut polled, limit.as_ref()) {
        Ok(count) => count > 0,
        Err(Errno::INTR) => false,
        Err(_) => {
            // Without memory for it there is no event to wait for.
            thread::sleep(FAST);
            false
        }
    }
}

#[cfg(test)]
mod tests;
