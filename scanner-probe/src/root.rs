//! A root filesystem that cannot be left: every path is resolved within it, by the kernel if it can.

mod by_hand;
mod tree;

use std::{
    borrow::Cow,
    cell::Cell,
    fs::File,
    io,
    os::{
        fd::{AsFd as _, AsRawFd as _, OwnedFd},
        unix::fs::FileExt as _,
    },
    path::Path,
};

use rustix::{
    fs::{
        AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, open, openat, openat2,
        statat,
    },
    io::Errno,
};
use scanner_inventory::FilePath;

use crate::{
    contents::{self, Reader},
    tree::ReadAt,
};

/// Longest text file that is read, in bytes.
const MAX_TEXT: u64 = 16 << 20;
/// Most names of a directory that is read by itself; they are all in memory at once.
const MAX_NAMES: usize = 20_000;
/// How often a path is tried that changes while it is resolved: a target that renames without end must not keep a probe
/// busy.
const MAX_TRIES: u32 = 1000;

/// A directory that serves as the root of a filesystem.
#[derive(Debug)]
pub struct Root {
    pub(crate) dir: OwnedFd,
    pub(crate) contents: Reader,
    /// Whether the kernel does not resolve paths within a root: it has no openat2(2), or a seccomp
    /// filter refuses it.
    by_hand: Cell<bool>,
}

/// Links are followed, but `..` and absolute targets stay in the root, and links of `/proc` that
/// jump elsewhere are refused; see openat2(2).
const INSIDE: ResolveFlags = ResolveFlags::IN_ROOT.union(ResolveFlags::NO_MAGICLINKS);

impl Root {
    /// Opens a root, such as `/proc/17/root`.
    ///
    /// # Errors
    ///
    /// Fails when this process may not see it.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let dir = open(path, flags, Mode::empty())?;
        Ok(Self {
            dir,
            contents: Reader::default(),
            by_hand: Cell::new(false),
        })
    }

    #[cfg(test)]
    pub(crate) fn open_by_hand(path: &Path) -> io::Result<Self> {
        let root = Self::open(path)?;
        root.by_hand.set(true);
        Ok(root)
    }

    #[cfg(test)]
    pub(crate) fn is_by_hand(&self) -> bool {
        self.by_hand.get()
    }

    pub(crate) fn resolve(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::CLOEXEC;
        let path = &*bytes(path)?;
        if self.by_hand.get() {
            return by_hand::resolve(&self.dir, path, flags);
        }
        let start = path.iter().position(|byte| *byte != b'/');
        let path = start.map_or(&b"."[..], |start| &path[start..]);
        for _ in 0..MAX_TRIES {
            match openat2(&self.dir, path, flags, Mode::empty(), INSIDE) {
                // The tree changed while it was resolved.
                Err(Errno::AGAIN) => {}
                // Filters older than the call refuse it by one error or the other.
                Err(Errno::NOSYS | Errno::PERM) => {
                    self.by_hand.set(true);
                    return by_hand::resolve(&self.dir, path, flags);
                }
                other => return other,
            }
        }
        Err(Errno::AGAIN)
    }

    /// The regular file at `path`, opened; `None` when there is none.
    fn regular(&self, path: &str) -> Result<Option<Opened>, Errno> {
        // Checked before it is opened: opening a device or a FIFO has effects.
        let place = match self.resolve(path, OFlags::PATH) {
            Ok(place) => place,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(error) => return Err(error),
        };
        let before = fstat(&place)?;
        if FileType::from_raw_mode(before.st_mode) != FileType::RegularFile {
            return Err(Errno::INVAL);
        }
        let again = format!("/proc/self/fd/{}", place.as_raw_fd());
        let file = openat(CWD, again, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let file = File::from(file);
        Ok(Some(Opened { file, before }))
    }

    /// The status of `path`, without following a link at its end; `None` if there is nothing.
    pub(crate) fn stat(&self, path: &str) -> Result<Option<Stat>, Errno> {
        let (parent, name) = split(path);
        let found = self.resolve(parent, OFlags::PATH).and_then(|dir| {
            let name = bytes(name)?;
            statat(dir.as_fd(), &*name, AtFlags::SYMLINK_NOFOLLOW)
        });
        match found {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A file that is read in parts.
#[derive(Debug)]
struct Opened {
    file: File,
    before: Stat,
}

impl ReadAt for Opened {
    fn size(&self) -> u64 {
        u64::try_from(self.before.st_size).unwrap_or_default()
    }

    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(into, offset)
    }

    fn is_unchanged(&self) -> bool {
        fstat(&self.file).is_ok_and(|now| contents::same(&self.before, &now))
    }
}

/// A path or name as the kernel has it.
pub(crate) fn bytes(text: &str) -> Result<Cow<'_, [u8]>, Errno> {
    if !text.contains('\\') {
        return Ok(Cow::Borrowed(text.as_bytes()));
    }
    let path = FilePath::from_text(text).map_err(|_| Errno::INVAL)?;
    Ok(Cow::Owned(path.to_bytes().into_owned()))
}

/// The directory that holds `path`, and its name there.
fn split(path: &str) -> (&str, &str) {
    let path = path.trim_end_matches('/');
    let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
    (
        if parent.is_empty() { "/" } else { parent },
        if name.is_empty() { "." } else { name },
    )
}
