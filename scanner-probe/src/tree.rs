//! Seam: a root filesystem, in a kernel's view or in the layers of an image.

use std::{
    fmt::Debug,
    io::{self, Write},
};

use rustix::io::Errno;
use scanner_core::inventory::{FileEntry, FileKind, FileSelector};

/// What is known of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta {
    /// Type and permission bits, as `st_mode`.
    pub mode: u32,
    /// Owner.
    pub uid: u64,
    /// Group.
    pub gid: u64,
    /// Size in bytes.
    pub size: u64,
}

/// Models a root filesystem whose paths are resolved within it, whatever its links say.
pub trait Tree: Debug {
    /// What is at `path`, without following a link at its end; `None` when there is nothing.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be looked at.
    fn meta(&self, path: &str) -> Result<Option<Meta>, Errno>;

    /// The text of a regular file, bounded in size; `None` when there is none.
    ///
    /// # Errors
    ///
    /// Fails when there is something that cannot be read.
    fn text(&self, path: &str) -> Result<Option<String>, Errno>;

    /// Names in a directory, sorted; none when there is no such directory.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be read.
    fn names(&self, path: &str) -> Result<Vec<String>, Errno>;

    /// Whether `path`, links followed, is a program.
    fn is_program(&self, path: &str) -> bool;

    /// Writes every file that one of `selectors` keeps, none of which names paths, and returns how
    /// many could not be looked at.
    ///
    /// # Errors
    ///
    /// Fails when the reader of `out` is gone.
    fn walk(&self, selectors: &[&FileSelector], out: &mut dyn Write) -> io::Result<u64>;
}

/// Writes the union of `selectors`, and returns how much could not be looked at.
pub(crate) fn files(
    tree: &dyn Tree,
    selectors: &[FileSelector],
    out: &mut dyn Write,
) -> io::Result<u64> {
    let mut named: Vec<&String> = selectors.iter().flat_map(|s| &s.paths).collect();
    named.sort();
    named.dedup();
    let mut lost = 0;
    for path in named {
        match tree.meta(path) {
            Ok(Some(meta)) => line(meta, path, out)?,
            Ok(None) => writeln!(out, "- {path}")?,
            Err(_) => lost += 1,
        }
    }
    let walked: Vec<&FileSelector> = selectors.iter().filter(|s| s.walks()).collect();
    if walked.is_empty() {
        return Ok(lost);
    }
    Ok(lost + tree.walk(&walked, out)?)
}

/// Writes `path` as a line `MODE UID GID SIZE PATH` if one of `selectors` keeps it.
pub(crate) fn keep(
    selectors: &[&FileSelector],
    meta: Meta,
    path: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    let entry = FileEntry {
        kind: kind(meta.mode),
        exists: true,
        mode: i64::from(meta.mode & 0o7777),
        path: path.replace('\n', "?"),
        ..FileEntry::default()
    };
    if selectors.iter().any(|s| s.matches(&entry)) {
        line(meta, &entry.path, out)?;
    }
    Ok(())
}

fn line(meta: Meta, path: &str, out: &mut dyn Write) -> io::Result<()> {
    let Meta {
        mode,
        uid,
        gid,
        size,
    } = meta;
    writeln!(out, "{mode:x} {uid} {gid} {size} {path}")
}

fn kind(mode: u32) -> FileKind {
    use rustix::fs::FileType;
    match FileType::from_raw_mode(mode) {
        FileType::Directory => FileKind::Directory,
        FileType::Symlink => FileKind::Symlink,
        FileType::BlockDevice => FileKind::BlockDevice,
        FileType::CharacterDevice => FileKind::CharDevice,
        FileType::Fifo => FileKind::Fifo,
        FileType::Socket => FileKind::Socket,
        _ => FileKind::File,
    }
}
