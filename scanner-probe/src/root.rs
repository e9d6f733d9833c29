//! A root filesystem that cannot be left: every path is resolved by the kernel within it.

use std::{
    fs::File,
    io::{self, Read as _, Write},
    os::fd::{AsFd as _, OwnedFd},
    path::Path,
};

use rustix::{
    fs::{
        AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, open, openat, openat2,
        statat,
    },
    io::Errno,
};
use scanner_core::inventory::FileSelector;

use crate::{
    contents::Reader,
    tree::{Contents, Meta, Tree},
    walk,
};

/// Longest text file that is read, in bytes.
const MAX_TEXT: u64 = 16 << 20;
/// How often a path is tried that changes while it is resolved: a target that renames without end
/// keeps no probe busy.
const MAX_TRIES: u32 = 1000;

/// A directory that is taken for the root of a filesystem.
#[derive(Debug)]
pub struct Root {
    pub(crate) dir: OwnedFd,
    pub(crate) device: u64,
    pub(crate) contents: Reader,
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
        let device = fstat(&dir)?.st_dev;
        Ok(Self {
            dir,
            device,
            contents: Reader::default(),
        })
    }

    pub(crate) fn resolve(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let path = if path == "/" {
            "."
        } else {
            path.trim_start_matches('/')
        };
        let flags = flags | OFlags::CLOEXEC;
        for _ in 0..MAX_TRIES {
            match openat2(&self.dir, path, flags, Mode::empty(), INSIDE) {
                // The tree changed while it was resolved.
                Err(Errno::AGAIN) => {}
                other => return other,
            }
        }
        Err(Errno::AGAIN)
    }

    /// What is at `path`, without following a link at its end; `None` when there is nothing.
    pub(crate) fn stat(&self, path: &str) -> Result<Option<Stat>, Errno> {
        let (parent, name) = split(path);
        let found = self
            .resolve(parent, OFlags::PATH)
            .and_then(|dir| statat(dir.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW));
        match found {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(error) => Err(error),
        }
    }
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

impl Tree for Root {
    fn meta(&self, path: &str) -> Result<Option<Meta>, Errno> {
        Ok(self.stat(path)?.as_ref().map(walk::meta))
    }

    fn state(&self, path: &str) -> Option<String> {
        let s = self.stat(path).ok()??;
        Some(format!(
            "{:x} {} {} {} {} {}.{:09} {}.{:09}",
            s.st_mode,
            s.st_uid,
            s.st_gid,
            s.st_size,
            s.st_ino,
            s.st_mtime,
            s.st_mtime_nsec,
            s.st_ctime,
            s.st_ctime_nsec
        ))
    }

    fn contents(&self, path: &str) -> Contents {
        let (parent, name) = split(path);
        match self.resolve(parent, OFlags::PATH) {
            Ok(dir) => self.contents.of(dir.as_fd(), name),
            Err(_) => Contents::Unknown,
        }
    }

    fn text(&self, path: &str) -> Result<Option<String>, Errno> {
        // Looked at before it is opened: opening a device or a FIFO has effects.
        let place = match self.resolve(path, OFlags::PATH) {
            Ok(place) => place,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(error) => return Err(error),
        };
        if FileType::from_raw_mode(fstat(&place)?.st_mode) != FileType::RegularFile {
            return Err(Errno::INVAL);
        }
        let again = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&place));
        let file = openat(CWD, again, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let mut bytes = Vec::new();
        let read = File::from(file).take(MAX_TEXT).read_to_end(&mut bytes);
        read.map_err(|_| Errno::IO)?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn names(&self, path: &str) -> Result<Vec<String>, Errno> {
        let dir = match self.resolve(path, OFlags::RDONLY | OFlags::DIRECTORY) {
            Ok(dir) => dir,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(dir)?.take(100_000) {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name != "." && name != ".." {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn is_program(&self, path: &str) -> bool {
        let found = self.resolve(path, OFlags::PATH).and_then(|fd| fstat(&fd));
        found.is_ok_and(|stat| {
            FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
                && stat.st_mode & 0o111 != 0
        })
    }

    fn walk(&self, selectors: &[&FileSelector], out: &mut dyn Write) -> io::Result<u64> {
        walk::walk(self, selectors, out)
    }
}
