//! What is read of a process by its number, held to the process and the place that were looked at first.
//!
//! A number can be used again, and a process can take another root for a moment and come back: what it shows meanwhile is of
//! its own choice.

use std::io::{self, Write};

use crate::{
    inside::{Process, root_of},
    proc_file::read,
};

/// How often something is read whose process changes meanwhile.
const MAX_TRIES: u32 = 20;

/// Writes what `read` gives of the process, where it was the same and in the same place before and after.
pub(super) fn bound<T>(
    process: &Process,
    out: &mut impl Write,
    mut read: impl FnMut(&mut Vec<u8>) -> io::Result<T>,
) -> io::Result<T> {
    for _ in 0..MAX_TRIES {
        if still(process).is_err() {
            continue;
        }
        let mut lines = Vec::new();
        let got = read(&mut lines);
        if still(process).is_ok() {
            let got = got?;
            out.write_all(&lines)?;
            return Ok(got);
        }
    }
    still(process)?;
    Err(changes(process))
}

/// Fails where it is not the process that was looked at first, or is elsewhere.
pub(super) fn still(process: &Process) -> io::Result<()> {
    match process.now() {
        Ok(true) => Ok(()),
        Ok(false) => Err(changes(process)),
        Err(error) => Err(error),
    }
}

/// The mounts that the process sees from the root that was looked at first: the kernel lists what is below the root of the
/// moment, and says in the other form which mount that is.
pub(super) fn mounts(process: &Process) -> io::Result<String> {
    let pid = process.pid;
    for _ in 0..MAX_TRIES {
        let before = read(&format!("/proc/{pid}/mountinfo"))?;
        let mounts = read(&format!("/proc/{pid}/mounts"))?;
        let after = read(&format!("/proc/{pid}/mountinfo"))?;
        let at_its_root = process.has_root(root_of(&before).as_ref());
        if before == after && at_its_root && are_same(&before, &mounts) {
            return Ok(mounts);
        }
    }
    Err(changes(process))
}

/// Whether both forms of a table have mounts at the same places, in the same order.
pub(super) fn are_same(mountinfo: &str, mounts: &str) -> bool {
    let of_info = mountinfo.lines().map(|line| line.split(' ').nth(4));
    let of_mounts = mounts.lines().map(|line| line.split(' ').nth(1));
    of_info.eq(of_mounts)
}

fn changes(process: &Process) -> io::Error {
    io::Error::other(format!(
        "process {} changes its root again and again, or another one has its number",
        process.pid
    ))
}
