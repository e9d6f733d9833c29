//! Lines of files with the packages that own them.

use std::io::{self, Write};

use rustix::fs::FileType;

use super::Owners;

/// Writes the package that owns a file or link after its line: `%PACKAGE`.
pub(crate) struct Annotated<'a, W: Write> {
    owners: Owners,
    line: Vec<u8>,
    out: &'a mut W,
}

impl<'a, W: Write> Annotated<'a, W> {
    pub(crate) const fn new(owners: Owners, out: &'a mut W) -> Self {
        Self {
            owners,
            line: Vec::new(),
            out,
        }
    }
}

impl<W: Write> Write for Annotated<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            let Some(line) = self.line.strip_suffix(b"\n") else {
                continue;
            };
            self.out.write_all(&self.line)?;
            if let Some(package) = path(line).and_then(|path| self.owners.package(path)) {
                writeln!(self.out, "%{package}")?;
            }
            self.line.clear();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The path in the line of a file or link: numbers come before it. `None` for another line.
fn path(line: &[u8]) -> Option<&[u8]> {
    // The target of a link has another path than the line.
    if line.first() == Some(&b'+') {
        return None;
    }
    let mode = line.split(|byte| *byte == b' ').next()?;
    let mode = u32::from_str_radix(std::str::from_utf8(mode).ok()?, 16).ok()?;
    let starts = |pair: &[u8]| matches!(pair, b" /" | b" \\");
    let at = line.windows(2).position(starts)?;
    match FileType::from_raw_mode(mode) {
        FileType::RegularFile | FileType::Symlink => line.get(at + 1..),
        _ => None,
    }
}
