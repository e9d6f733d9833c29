//! What became of an entry between the listing of its directory and the look at it.

use std::{
    borrow::Cow,
    ffi::{CStr, CString},
    os::fd::{AsFd as _, OwnedFd},
};

use rustix::{
    fs::{AtFlags, FileType, Mode, OFlags, Stat, fstat, openat, statat},
    io::Errno,
};

use super::{
    Walk,
    entry::{Found, MAX_SEARCHES, is},
};
use crate::listing::Listing;

/// Most names under which an entry that is renamed meanwhile is looked up.
const MAX_NAMES: u32 = 10;

impl Walk<'_> {
    /// Reads an entry that was listed under a name, even if it has another name in the directory since.
    pub(super) fn look<'n>(
        &mut self,
        dir: &OwnedFd,
        name: &'n CStr,
        inode: u64,
    ) -> Result<Found<'n>, Errno> {
        let mut name = Cow::Borrowed(name);
        for _ in 0..MAX_NAMES {
            match statat(dir.as_fd(), &*name, AtFlags::SYMLINK_NOFOLLOW) {
                // A file that was found by its inode may be another link that was there before.
                Ok(stat) if matches!(name, Cow::Owned(_)) && has_links(&stat) => {
                    return Ok(Found::Linked);
                }
                Ok(stat) => return Ok(Found::There(name, stat)),
                Err(Errno::NOENT) if self.searches < MAX_SEARCHES => {}
                Err(Errno::NOENT) => return Ok(Found::Restless),
                Err(error) => return Err(error),
            }
            self.searches += 1;
            match self.name_of(dir, inode) {
                Ok(Some(now)) => name = Cow::Owned(now),
                Ok(None) => return Ok(Found::Gone),
                // It may have another name in a directory that cannot be listed any more, or changes all the time.
                Err(_) => break,
            }
        }
        Ok(Found::Restless)
    }

    /// The name that an inode has in a directory now, if it is there.
    fn name_of(&mut self, dir: &OwnedFd, inode: u64) -> Result<Option<CString>, Errno> {
        // It has a place of its own in the list of names.
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let dir = openat(dir, c".", flags, Mode::empty())?;
        let mut listing = Listing::of(&dir, &fstat(&dir)?);
        let mut is_again = false;
        loop {
            let names = listing.part(0)?;
            if let Some((_, name)) = names.iter().find(|(number, _)| *number == inode) {
                return Ok(Some(name.to_owned()));
            }
            if !names.is_last {
                continue;
            }
            // A name that changes while a large directory is listed may be missing in the list.
            if listing.is_steady()? {
                return Ok(None);
            }
            if is_again || self.listings >= MAX_SEARCHES || !listing.again()? {
                return Err(Errno::AGAIN);
            }
            self.listings += 1;
            is_again = true;
        }
    }
}

/// Whether a file has more than one name, wherever they are. A directory has one.
fn has_links(stat: &Stat) -> bool {
    stat.st_nlink > 1 && !is(stat, FileType::Directory)
}
