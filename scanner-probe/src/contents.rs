//! The contents of a file: its digest, read without a trace and within bounds, or the target of a link.

use std::{
    cell::Cell,
    fs::File,
    io::{self, Read},
    os::fd::{AsRawFd as _, BorrowedFd},
};

use rustix::{
    fs::{CWD, FileType, Mode, OFlags, Stat, fstat, fstatfs, getxattr, openat, readlinkat},
    io::Errno,
    path::Arg,
};
use scanner_inventory::MAX_DIGEST;
use sha2::{Digest as _, Sha256};

use crate::tree::{Contents, Inode, inode};

/// Longest attribute of capabilities, see `XATTR_CAPS_SZ_3` in `linux/capability.h`.
const MAX_CAPABILITY: usize = 24;
/// Most bytes of all files of an answer that are read for digests.
const MAX_TOTAL: u64 = 64 << 30;
/// Filesystems whose files are made as they are read, see statfs(2): reading one may have effects,
/// wait, or never end, and there is nothing in it to compare. In order proc, sysfs, debugfs,
/// tracefs, securityfs, cgroup, cgroup2, bpf, `binfmt_misc`, configfs, efivarfs, selinuxfs, pstore.
const MADE: [u64; 13] = [
    0x9fa0,
    0x6265_6572,
    0x6462_6720,
    0x7472_6163,
    0x7363_6673,
    0x0027_e0eb,
    0x6367_7270,
    0xcafe_4a11,
    0x4249_4e4d,
    0x6265_6570,
    0xde5e_81e4,
    0xf97c_ff8c,
    0x6165_676c,
];

/// Reads contents of files, within one limit for all of them.
#[derive(Debug)]
pub(crate) struct Reader {
    left: Cell<u64>,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            left: Cell::new(MAX_TOTAL),
        }
    }
}

impl Reader {
    /// The contents of `name` in the directory `dir`, links not followed, if it is still the file that was `seen`.
    pub(crate) fn of(
        &self,
        dir: BorrowedFd<'_>,
        name: impl Arg + Copy,
        seen: Option<Inode>,
    ) -> Contents {
        self.look(dir, name, seen).unwrap_or(Contents::Unknown)
    }

    fn look(
        &self,
        dir: BorrowedFd<'_>,
        name: impl Arg + Copy,
        seen: Option<Inode>,
    ) -> Result<Contents, Errno> {
        // Checked before it is opened: opening a device or a FIFO has effects.
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let place = openat(dir, name, flags, Mode::empty())?;
        let before = fstat(&place)?;
        if seen.is_some_and(|seen| seen != inode(&before)) {
            return Ok(Contents::Unknown);
        }
        match FileType::from_raw_mode(before.st_mode) {
            FileType::Symlink => {
                let to = readlinkat(&place, c"", Vec::new())?;
                Ok(Contents::Link(to.into_bytes()))
            }
            FileType::RegularFile => {
                let made = u64::try_from(fstatfs(&place)?.f_type).unwrap_or_default();
                let size = u64::try_from(before.st_size).unwrap_or(u64::MAX);
                if MADE.contains(&(made & 0xffff_ffff)) || size > MAX_DIGEST.min(self.left.get()) {
                    return Ok(Contents::Unknown);
                }
                self.left.set(self.left.get() - size);
                let file = reopen(&place)?;
                let Ok(digest) = digest(&file, size) else {
                    return Ok(Contents::Unknown);
                };
                Ok(match digest {
                    Some(digest) if same(&before, &fstat(&place)?) => Contents::Digest(digest),
                    _ => Contents::Unknown,
                })
            }
            _ => Ok(Contents::Unknown),
        }
    }
}

/// Attribute `security.capability` of the regular file `name` of `dir`, links not followed; empty if it has none, `None` if
/// that cannot be known. Nothing is opened for reading.
pub(crate) fn capability(
    dir: BorrowedFd<'_>,
    name: impl Arg + Copy,
    seen: Option<Inode>,
) -> Option<Vec<u8>> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let place = openat(dir, name, flags, Mode::empty()).ok()?;
    let stat = fstat(&place).ok()?;
    let is_other = seen.is_some_and(|seen| seen != inode(&stat));
    if is_other || FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return None;
    }
    let path = format!("/proc/self/fd/{}", place.as_raw_fd());
    let mut value = [0; MAX_CAPABILITY];
    match getxattr(path, "security.capability", &mut value[..]) {
        Ok(length) => Some(value.get(..length)?.to_vec()),
        Err(Errno::NODATA | Errno::NOTSUP) => Some(Vec::new()),
        Err(_) => None,
    }
}

/// Opens what `place` names for reading, without changing its access time if that is allowed.
fn reopen(place: &impl std::os::fd::AsFd) -> Result<File, Errno> {
    let path = format!("/proc/self/fd/{}", place.as_fd().as_raw_fd());
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let opened = match openat(CWD, path.as_str(), flags | OFlags::NOATIME, Mode::empty()) {
        Err(Errno::PERM) => openat(CWD, path.as_str(), flags, Mode::empty()),
        other => other,
    };
    opened.map(File::from)
}

/// SHA-256 of exactly `size` bytes; `None` when there are more or fewer.
pub(crate) fn digest(mut from: impl Read, size: u64) -> io::Result<Option<[u8; 32]>> {
    let mut buffer = [0; 16 << 10];
    let (mut hash, mut total) = (Sha256::new(), 0u64);
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        total += read as u64;
        if total > size {
            return Ok(None);
        }
        hash.update(&buffer[..read]);
    }
    Ok((total == size).then(|| hash.finalize().into()))
}

/// Whether nothing was written in between. The inode's change time cannot be set by a program.
pub(crate) fn same(before: &Stat, after: &Stat) -> bool {
    (before.st_size, before.st_ctime, before.st_ctime_nsec)
        == (after.st_size, after.st_ctime, after.st_ctime_nsec)
}
