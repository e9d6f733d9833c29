//! The names in a directory, listed so that changes of names meanwhile are noticed.
//!
//! A large directory is read in several calls, and a name that moves from what was not read yet to what was read is in none
//! of them. The kernel sets the change time of a directory whenever its names change. No program can set that time, except
//! one that is the filesystem itself (FUSE), which can show any names anyway.

use std::{
    ffi::CStr,
    os::fd::OwnedFd,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustix::{
    fs::{RawDir, SeekFrom, Stat, fstat, seek},
    io::Errno,
};

/// Bytes that the kernel returns at once.
const BATCH: usize = 32 << 10;
/// How far the time of a change may be behind the clock: the kernel uses the time of its last tick.
const TICK: Duration = Duration::from_millis(20);
/// How long to wait until a change has another time than those before.
pub(crate) const STEP: Duration = Duration::from_millis(21);
/// The same for a filesystem with whole seconds, or with every second one.
const WHOLE_SECONDS: Duration = Duration::from_secs(2);
/// Bytes of the number that stands before each name.
const INODE: usize = size_of::<u64>();

/// Names of a directory, each with the number of its inode; `.` and `..` are left out.
#[derive(Debug, Default)]
pub(crate) struct Names {
    bytes: Vec<u8>,
    /// Whether there are no more.
    pub(crate) is_last: bool,
}

impl Names {
    fn push(&mut self, inode: u64, name: &CStr) {
        if matches!(name.to_bytes(), b"." | b"..") {
            return;
        }
        self.bytes.extend_from_slice(&inode.to_ne_bytes());
        self.bytes.extend_from_slice(name.to_bytes_with_nul());
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &CStr)> {
        let mut left = self.bytes.as_slice();
        std::iter::from_fn(move || {
            let (inode, rest) = left.split_first_chunk::<INODE>()?;
            let name = CStr::from_bytes_until_nul(rest).ok()?;
            left = rest.get(name.count_bytes() + 1..)?;
            Some((u64::from_ne_bytes(*inode), name))
        })
    }

    /// Bytes that they take.
    pub(crate) const fn size(&self) -> usize {
        self.bytes.len()
    }
}

/// One reading of a directory, from its first name to its last.
pub(crate) struct Listing<'d> {
    dir: &'d OwnedFd,
    /// When its names had changed last, seen before the first one was read.
    changed: Time,
    began: Time,
    buffer: Vec<u8>,
}

impl<'d> Listing<'d> {
    /// A reading of a directory that was opened for reading and not read yet; `seen` is how it was before.
    pub(crate) fn of(dir: &'d OwnedFd, seen: &Stat) -> Self {
        Self {
            dir,
            changed: changed(seen),
            began: now(),
            buffer: Vec::with_capacity(BATCH),
        }
    }

    /// The next names: all that are left, unless they take more than `room` bytes. At least one answer of the kernel is
    /// always taken.
    ///
    /// # Errors
    ///
    /// Fails when the directory cannot be read on.
    pub(crate) fn part(&mut self, room: usize) -> Result<Names, Errno> {
        let mut names = Names::default();
        let mut entries = RawDir::new(self.dir, self.buffer.spare_capacity_mut());
        let mut is_begun = false;
        loop {
            // An answer of the kernel is taken as a whole, because the next one continues after it.
            if is_begun && entries.is_buffer_empty() && names.size() >= room {
                return Ok(names);
            }
            is_begun = true;
            let Some(entry) = entries.next() else {
                names.is_last = true;
                return Ok(names);
            };
            let entry = entry?;
            names.push(entry.ino(), entry.file_name());
        }
    }

    /// Whether no name changed since before the first one was read.
    ///
    /// # Errors
    ///
    /// Fails when the directory cannot be looked at.
    pub(crate) fn is_steady(&self) -> Result<bool, Errno> {
        let last = changed(&fstat(self.dir)?);
        Ok(last == self.changed && !self.may_hide(last))
    }

    /// When its names had changed last before the first one was read.
    pub(crate) const fn changed(&self) -> Moment {
        Moment(self.changed)
    }

    /// Whether a change since the first name was read will be seen: not within the tick of the clock in which it began.
    pub(crate) fn shows_changes(&self) -> bool {
        !self.may_hide(self.changed)
    }

    /// Whether another change may have followed one at that time without a trace.
    fn may_hide(&self, last: Time) -> bool {
        hides(last, self.began) && last <= now()
    }

    /// Starts anew once the clock has moved on since the last change, and returns whether it did. If that takes seconds, it
    /// does not wait.
    ///
    /// # Errors
    ///
    /// Fails when the directory cannot be read again.
    pub(crate) fn again(&mut self) -> Result<bool, Errno> {
        let Some(wait) = until_shown(changed(&fstat(self.dir)?), now()) else {
            return Ok(false);
        };
        thread::sleep(wait);
        self.changed = changed(&fstat(self.dir)?);
        self.began = now();
        seek(self.dir, SeekFrom::Start(0))?;
        Ok(true)
    }
}

/// Whether a change at `from` or later may have the same time as one at `last`.
fn hides(last: Time, from: Time) -> bool {
    let step = if has_whole_seconds(last) {
        WHOLE_SECONDS
    } else {
        TICK
    };
    later(last, step) >= from
}

/// How long to wait after a change until the next one has another time; `None` where that is long. A time in the future is
/// from another machine's clock.
fn until_shown(last: Time, now: Time) -> Option<Duration> {
    if last > now || !hides(last, now) {
        Some(Duration::ZERO)
    } else if has_whole_seconds(last) {
        None
    } else {
        Some(STEP)
    }
}

const fn has_whole_seconds((_, nanoseconds): Time) -> bool {
    nanoseconds == 0
}

/// A moment by the clock of this machine, or of the one that keeps the filesystem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment(Time);

impl Moment {
    pub(crate) fn now() -> Self {
        Self(now())
    }

    /// When a file had changed last.
    pub(crate) fn of(stat: &Stat) -> Self {
        Self(changed(stat))
    }

    /// Whether a change at this time may have been made after `other`. A time in the future is from another machine's
    /// clock.
    pub(crate) fn may_follow(self, other: Self) -> bool {
        hides(self.0, other.0) && self.0 <= now()
    }
}

/// Seconds and nanoseconds since 1970.
type Time = (i64, i64);

fn changed(stat: &Stat) -> Time {
    let nanoseconds = i64::try_from(stat.st_ctime_nsec).unwrap_or_default();
    (stat.st_ctime, nanoseconds)
}

fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let since = since.unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    (seconds, since.subsec_nanos().into())
}

fn later((seconds, nanoseconds): Time, by: Duration) -> Time {
    let sum = nanoseconds + i64::from(by.subsec_nanos());
    let whole = i64::try_from(by.as_secs()).unwrap_or(i64::MAX);
    let seconds = seconds.saturating_add(whole.saturating_add(sum / 1_000_000_000));
    (seconds, sum % 1_000_000_000)
}

#[cfg(test)]
mod tests;
