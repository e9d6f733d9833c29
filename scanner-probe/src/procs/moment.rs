//! A process at one moment, to see whether it is the same later.

use std::io;

use crate::proc_file::{gone, read};

/// When a process started, in ticks of the kernel since its own start: an id that is used again is another process.
pub(crate) fn started(pid: u32) -> io::Result<String> {
    Moment::of(pid).map(|moment| moment.started)
}

/// A process at one moment.
pub(super) struct Moment {
    /// When it started: an id that is used again is another process.
    started: String,
    /// Whether only its status is left, which its parent has not read yet.
    pub(super) has_ended: bool,
}

impl Moment {
    pub(super) fn of(pid: u32) -> io::Result<Self> {
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

    /// Fails as for a process that is gone, unless it is still the same process and has not ended.
    pub(super) fn goes_on(&self, pid: u32) -> io::Result<()> {
        let now = Self::of(pid)?;
        if now.started == self.started && (self.has_ended || !now.has_ended) {
            Ok(())
        } else {
            Err(gone())
        }
    }
}
