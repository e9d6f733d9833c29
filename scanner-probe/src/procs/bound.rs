//! Reads about a process by its number, and verifies that it is still the same process at the same place.
//!
//! A number can be used again, and a process can switch to another root for a moment and back: it can choose what it shows
//! meanwhile.

use std::io::{self, Write};

use crate::{
    inside::{Process, root_of},
    proc_file::read,
};

/// How often something is read again if its process changes meanwhile.
const MAX_TRIES: u32 = 20;

/// Writes what `read` returns about the process, if the process was the same and at the same place before and after.
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

/// Fails if it is not the first process any more, or is at another place.
pub(super) fn still(process: &Process) -> io::Result<()> {
    match process.now() {
        Ok(true) => Ok(()),
        Ok(false) => Err(changes(process)),
        Err(error) => Err(error),
    }
}

/// The mounts that the process sees from its first root: `mounts` lists those below the current root, and `mountinfo` shows
/// which mount that root is on.
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
