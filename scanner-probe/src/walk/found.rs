//! What became of an entry between the listing of its directory and the look at it.

use std::{
    borrow::Cow,
    ffi::{CStr, CString},
    os::fd::{AsFd as _, OwnedFd},
};

use rustix::{
    fs::{AtFlags, Dir, FileType, Stat, statat},
    io::Errno,
};

use super::{
    Walk,
    entry::{Found, MAX_SEARCHES, is},
};

/// Names by which an entry is looked for that is renamed meanwhile.
const MAX_NAMES: u32 = 10;

impl Walk<'_> {
    /// Looks at what was listed by a name, also where it has another name in the directory since.
    pub(super) fn look<'n>(
        &mut self,
        dir: &OwnedFd,
        name: &'n CStr,
        inode: u64,
    ) -> Result<Found<'n>, Errno> {
        let mut name = Cow::Borrowed(name);
        for _ in 0..MAX_NAMES {
            match statat(dir.as_fd(), &*name, AtFlags::SYMLINK_NOFOLLOW) {
                // What was found by its inode may be a link that was there before.
                Ok(stat) if matches!(name, Cow::Owned(_)) && has_links(&stat) => {
                    return Ok(Found::Linked);
                }
                Ok(stat) => return Ok(Found::There(name, stat)),
                Err(Errno::NOENT) if self.searches < MAX_SEARCHES => {}
                Err(Errno::NOENT) => return Ok(Found::Restless),
                Err(error) => return Err(error),
            }
            self.searches += 1;
            match name_of(dir, inode) {
                Ok(Some(now)) => name = Cow::Owned(now),
                Ok(None) => return Ok(Found::Gone),
                // It may have another name in a directory that cannot be listed any more.
                Err(_) => break,
            }
        }
        Ok(Found::Restless)
    }
}

/// Whether a file has more than one name, wherever they are. A directory has one.
fn has_links(stat: &Stat) -> bool {
    stat.st_nlink > 1 && !is(stat, FileType::Directory)
}

/// The name that an inode has in a directory now, if it is there.
fn name_of(dir: &OwnedFd, inode: u64) -> Result<Option<CString>, Errno> {
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        if entry.ino() == inode {
            return Ok(Some(entry.file_name().to_owned()));
        }
    }
    Ok(None)
}
