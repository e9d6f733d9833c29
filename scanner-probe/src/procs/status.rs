//! The status of a process, as the kernel shows it.

use std::io::{self, Write};

use crate::proc_file::{has_key, read};

pub(super) fn status(
    pid: u32,
    keys: &[&str],
    more: &[&str],
    out: &mut impl Write,
) -> io::Result<()> {
    let text = read(&format!("/proc/{pid}/status"))?;
    let is_asked = |line: &&str| has_key(line, keys) || has_key(line, more);
    for line in text.lines().filter(is_asked) {
        writeln!(out, "/proc/{pid}/status:{line}")?;
    }
    Ok(())
}
