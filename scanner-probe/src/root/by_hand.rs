//! Paths of a root without openat2(2): part by part, so that the kernel never follows a link itself.
//!
//! Each part is opened without following it; the target of a link is read and resolved from there. `..` goes back to a
//! directory that was passed, and stays at the root. So nothing that a target writes into its links, or changes meanwhile,
//! leads out.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use rustix::{
    fs::{FileType, Mode, OFlags, fstat, fstatfs, openat, readlinkat},
    io::Errno,
};

/// Most links of a path that are followed, as in the kernel; see `path_resolution(7)`.
const MAX_LINKS: usize = 40;
/// Most parts of a path that may be open at once.
const MAX_PARTS: usize = 512;
/// Number of `/proc` itself on its filesystem, and type of that filesystem; see statfs(2).
const PROC_ROOT: u64 = 1;
const PROC: i128 = 0x9fa0;

/// Opens `path` of the root `dir`. With `NOFOLLOW` a link at its end is not followed.
pub(super) fn resolve(dir: &OwnedFd, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    let here = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut left = parts(path);
    // A path with a trailing slash is a directory.
    let follow = !flags.contains(OFlags::NOFOLLOW) || path.ends_with(b"/");
    let mut passed: Vec<OwnedFd> = Vec::new();
    let mut links = 0;
    while let Some(part) = left.pop() {
        if part == b".." {
            passed.pop();
            continue;
        }
        let at = passed.last().unwrap_or(dir).as_fd();
        let place = openat(at, part.as_slice(), here, Mode::empty())?;
        let last = left.is_empty();
        match FileType::from_raw_mode(fstat(&place)?.st_mode) {
            FileType::Symlink if !last || follow => {
                links += 1;
                if links > MAX_LINKS || is_magic(at, &place)? {
                    return Err(Errno::LOOP);
                }
                let target = readlinkat(&place, c"", Vec::new())?.into_bytes();
                match target.first() {
                    Some(b'/') => passed.clear(),
                    Some(_) => {}
                    None => return Err(Errno::NOENT),
                }
                left.extend(parts(&target));
            }
            FileType::Directory if passed.len() < MAX_PARTS => passed.push(place),
            FileType::Directory => return Err(Errno::NAMETOOLONG),
            _ if !last || flags.contains(OFlags::DIRECTORY) => return Err(Errno::NOTDIR),
            _ if flags.contains(OFlags::PATH) => return Ok(place),
            FileType::Symlink => return Err(Errno::LOOP),
            // Changed meanwhile, it may be a link now, which is not followed.
            _ => return openat(at, part.as_slice(), flags | OFlags::NOFOLLOW, Mode::empty()),
        }
    }
    let found = passed.last().unwrap_or(dir);
    openat(found, c".", flags | OFlags::NOFOLLOW, Mode::empty())
}

/// The parts of a path, the first one last.
fn parts(path: &[u8]) -> Vec<Vec<u8>> {
    let named = path.split(|byte| *byte == b'/');
    let named = named.filter(|part| !part.is_empty() && *part != b".");
    named.rev().map(<[u8]>::to_vec).collect()
}

/// Whether a link is a magic one of `/proc`, which does not lead to the path that it shows. Links in `/proc` itself, such
/// as `self`, are plain.
fn is_magic(dir: BorrowedFd<'_>, link: &OwnedFd) -> Result<bool, Errno> {
    let of_proc = i128::from(fstatfs(link)?.f_type) == PROC;
    Ok(of_proc && fstat(dir)?.st_ino != PROC_ROOT)
}
