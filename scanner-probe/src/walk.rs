//! One bounded walk of a root as the kernel shows it.

mod again;
mod entry;
mod found;
mod listed;
mod shut;
mod start;
mod state;

use std::{
    ffi::CStr,
    io::{self, Write},
    os::fd::{AsFd as _, OwnedFd},
};

use rustix::{
    fs::{FileType, Mode, OFlags, Stat, fstat, openat},
    io::Errno,
};
use scanner_inventory::{FileSelector, Gap, GapKind, Gaps};

use crate::{
    contents,
    listing::{Listing, Names},
    mounted::{self, Mounted},
    root::Root,
    tree::{self, Tree as _, meta, refusal},
};
use entry::{Found, MAX_LISTINGS, MAX_SEARCHES, is};
use listed::Place;
use shut::shut;
use start::{of_start, seen_from_above};
use state::Walk;

/// Deepest directory that is entered: one open directory for each level.
const MAX_DEPTH: usize = 200;
/// Most entries that are read.
const MAX_ENTRIES: u64 = 10_000_000;

/// Walks the directories of `selectors`, and returns what could not be read.
pub(crate) fn walk(
    root: &Root,
    selectors: &[&FileSelector],
    stays: bool,
    out: &mut dyn Write,
) -> io::Result<Gaps> {
    let mut walk = Walk::new(root, selectors, stays);
    let starts = tree::starts(selectors);
    for start in &starts {
        if seen_from_above(root, start, &starts, stays) {
            continue;
        }
        let place = start.as_text();
        let dir = match root.stat(place) {
            Ok(Some(stat)) => {
                let seen = Some(tree::inode(&stat));
                let look = || root.contents(place, seen);
                let attribute = || root.capability(place, seen);
                let path = start.to_bytes();
                tree::keep(selectors, meta(&stat), &path, out, look, attribute)?;
                // A start that is a link, as /home is on some systems, is the directory that it leads to
                // within the root, under the name that was asked for.
                match root.resolve(place, OFlags::DIRECTORY) {
                    Err(Errno::NOENT) if is(&stat, FileType::Symlink) => continue,
                    // There is nothing below something that is not a directory.
                    Err(Errno::NOTDIR) => continue,
                    other => other,
                }
            }
            Ok(None) => continue,
            Err(error) => Err(error),
        };
        let entered = dir.and_then(|dir| Ok((fstat(&dir)?, dir)));
        match entered {
            Ok((stat, dir)) => {
                // The root ends in the slash that follows every directory.
                let path = start.to_bytes();
                let mut path = path.strip_suffix(b"/").unwrap_or(&path).to_vec();
                walk.enter(&dir, &stat, &mut path, 0, out)?;
            }
            Err(error) => walk
                .gaps
                .add(Gap::new(of_start(root, place, error)).at(start.clone())),
        }
    }
    walk.settle(out)?;
    Ok(walk.gaps)
}

impl Walk<'_> {
    /// Walks a directory; `seen` is what was seen of it before it was opened.
    fn enter(
        &mut self,
        dir: &OwnedFd,
        seen: &Stat,
        path: &mut Vec<u8>,
        depth: usize,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        self.list(None, dir, seen, path, depth, out)
    }

    /// The same for a directory that was listed before, at `place`, if there is one.
    fn list(
        &mut self,
        place: Option<Place>,
        dir: &OwnedFd,
        seen: &Stat,
        path: &mut Vec<u8>,
        depth: usize,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let mut listing = Listing::of(dir, seen);
        let next = self.first_names(&mut listing, path);
        let is_whole = next.as_ref().is_ok_and(|names| names.is_last);
        let own = self.note(place, seen, listing.changed(), path);
        let above = std::mem::replace(&mut self.at, own);
        let walked = self.names(&mut listing, next, (dir, seen.st_dev), path, depth, out);
        self.at = above;
        if !walked? {
            return Ok(());
        }
        // If the entries were read part by part, the names before a change are not known any more.
        if !is_whole && !listing.is_steady().unwrap_or_default() {
            self.missing(GapKind::Vanished, path);
        }
        Ok(())
    }

    /// Reads all entries of a directory on that device; returns whether it reached the last one.
    fn names(
        &mut self,
        listing: &mut Listing<'_>,
        mut next: Result<Names, Errno>,
        (dir, device): (&OwnedFd, u64),
        path: &mut Vec<u8>,
        depth: usize,
        out: &mut dyn Write,
    ) -> io::Result<bool> {
        loop {
            let names = match next {
                Ok(names) => names,
                Err(error) => {
                    let kind = match error {
                        Errno::NOENT => GapKind::Vanished,
                        _ => GapKind::NotListable,
                    };
                    self.missing(kind, path);
                    return Ok(false);
                }
            };
            self.held += names.size();
            let more = self.entries(&names, (dir, device), path, depth, out);
            self.held -= names.size();
            if !more? {
                return Ok(false);
            }
            if names.is_last {
                return Ok(true);
            }
            next = listing.part(self.room());
        }
    }

    /// The names of a directory, or the first ones of a large directory. If they change while they are listed, they are
    /// listed again.
    fn first_names(&mut self, listing: &mut Listing<'_>, path: &[u8]) -> Result<Names, Errno> {
        let mut again = MAX_LISTINGS;
        loop {
            let names = listing.part(self.room())?;
            let is_sound = if names.is_last {
                listing.is_steady()?
            } else {
                listing.shows_changes()
            };
            if is_sound {
                return Ok(names);
            }
            if again == 0 || self.listings >= MAX_SEARCHES || !listing.again()? {
                if names.is_last {
                    self.missing(GapKind::Vanished, path);
                }
                return Ok(names);
            }
            again -= 1;
            self.listings += 1;
        }
    }

    /// Reads the listed entries of a directory on that device; returns whether there may be more.
    fn entries(
        &mut self,
        names: &Names,
        (dir, device): (&OwnedFd, u64),
        path: &mut Vec<u8>,
        depth: usize,
        out: &mut dyn Write,
    ) -> io::Result<bool> {
        for (inode, listed) in names.iter() {
            self.seen += 1;
            if self.seen > MAX_ENTRIES {
                self.missing(GapKind::OverLimit, path);
                return Ok(false);
            }
            let (name, stat) = match self.look(dir, listed, inode) {
                Ok(Found::There(name, stat)) => (name, stat),
                Ok(Found::Gone) => {
                    let place = [&**path, b"/", listed.to_bytes()].concat();
                    self.stir(&place);
                    continue;
                }
                Ok(Found::Linked) => {
                    let place = [&**path, b"/", listed.to_bytes()].concat();
                    self.missing(GapKind::Vanished, &place);
                    continue;
                }
                Ok(Found::Restless) => {
                    self.missing(GapKind::Vanished, path);
                    continue;
                }
                // A user who may list a directory but not search it reads only names.
                Err(error) => {
                    let kind = match refusal(error) {
                        GapKind::NotSearchable => shut(Ok(dir)),
                        kind => kind,
                    };
                    self.missing(kind, path);
                    continue;
                }
            };
            let name = &*name;
            if self.is_known(name.to_bytes(), &stat) {
                continue;
            }
            let seen = Some(tree::inode(&stat));
            let look = || self.root.contents.of(dir.as_fd(), name, seen);
            let attribute = || contents::capability(dir.as_fd(), name, seen);
            let length = path.len();
            path.push(b'/');
            path.extend_from_slice(name.to_bytes());
            tree::keep(self.selectors, meta(&stat), path, out, look, attribute)?;
            if is(&stat, FileType::Directory) {
                self.directory((dir, device), (name, &stat), path, depth, out)?;
            }
            path.truncate(length);
        }
        Ok(true)
    }

    /// Walks the directory `name` of `dir`, whose path is `path`.
    fn directory(
        &mut self,
        (dir, device): (&OwnedFd, u64),
        (name, stat): (&CStr, &Stat),
        path: &mut Vec<u8>,
        depth: usize,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        if stat.st_dev != device {
            // Opening with `O_PATH` mounts nothing.
            let place = openat(dir, name, flags | OFlags::PATH, Mode::empty());
            let kind = |place: OwnedFd| match mounted::is_mount(&place) {
                Some(true) if self.stays => Mounted::Left,
                None if self.stays => Mounted::Waiting,
                _ => mounted::kind(&place),
            };
            match place.map(kind) {
                Ok(Mounted::Entered) => {}
                Ok(Mounted::MadeUp | Mounted::Left) => return Ok(()),
                Ok(Mounted::Waiting) | Err(_) => {
                    self.missing(GapKind::OtherMount, path);
                    return Ok(());
                }
            }
        }
        match openat(dir, name, flags | OFlags::RDONLY, Mode::empty()) {
            Ok(next) if depth < MAX_DEPTH => {
                // In a directory that was not listed before, everything is new.
                let is_again = std::mem::take(&mut self.is_again);
                let walked = self.enter(&next, stat, path, depth + 1, out);
                self.is_again = is_again;
                return walked;
            }
            Ok(_) => self.missing(GapKind::OverLimit, path),
            Err(Errno::NOENT | Errno::NOTDIR) => self.missing(GapKind::Vanished, path),
            Err(_) => {
                let place = openat(dir, name, flags | OFlags::PATH, Mode::empty());
                self.missing(shut(place), path);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
