//! One bounded walk of a root in the kernel's view.

mod entry;
mod found;
mod shut;
mod start;

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
use shut::shut;
use start::{of_start, seen_from_above};

/// Deepest directory that is entered: one open directory for each level.
const MAX_DEPTH: usize = 200;
/// Bytes of names that are in memory at once, about; of each directory on the way there is at least one batch of the kernel.
const MAX_HELD: usize = 1 << 20;
/// Entries that are looked at.
const MAX_ENTRIES: u64 = 10_000_000;

/// Walks what `selectors` keep, and returns what could not be read.
pub(crate) fn walk(
    root: &Root,
    selectors: &[&FileSelector],
    stays: bool,
    out: &mut dyn Write,
) -> io::Result<Gaps> {
    let mut walk = Walk {
        root,
        selectors,
        stays,
        gaps: Gaps::default(),
        seen: 0,
        searches: 0,
        listings: 0,
        held: 0,
    };
    let starts = tree::starts(selectors);
    for start in &starts {
        if seen_from_above(root, start, &starts, stays) {
            continue;
        }
        let place = start.as_text();
        let dir = match root.stat(place) {
            Ok(Some(stat)) => {
                let (look, attribute) = (|| root.contents(place), || root.capability(place));
                let path = start.to_bytes();
                tree::keep(selectors, meta(&stat), &path, out, look, attribute)?;
                // A start that is a link, as /home is on some systems, is the directory that it leads to
                // within the root, under the name that was asked for.
                match root.resolve(place, OFlags::DIRECTORY) {
                    Err(Errno::NOENT) if is(&stat, FileType::Symlink) => continue,
                    // Nothing is below what is no directory.
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
    Ok(walk.gaps)
}

struct Walk<'a> {
    root: &'a Root,
    selectors: &'a [&'a FileSelector],
    /// Whether what is mounted below a start is left out.
    stays: bool,
    gaps: Gaps,
    seen: u64,
    /// How often a directory was listed again for what was renamed meanwhile.
    searches: u32,
    /// How often one was listed again since its names changed while it was listed.
    listings: u32,
    /// Bytes of names that are in memory.
    held: usize,
}

impl Walk<'_> {
    fn missing(&mut self, kind: GapKind, path: &[u8]) {
        // The root is the path that ends in nothing but the slash before every name.
        let path = if path.is_empty() { b"/" } else { path };
        self.gaps.add(Gap::new(kind).at(path));
    }

    /// Walks a directory; `seen` is what was seen of it before it was opened.
    fn enter(
        &mut self,
        dir: &OwnedFd,
        seen: &Stat,
        path: &mut Vec<u8>,
        depth: usize,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let mut listing = Listing::of(dir, seen);
        let mut next = self.first_names(&mut listing, path);
        let is_whole = next.as_ref().is_ok_and(|names| names.is_last);
        loop {
            let names = match next {
                Ok(names) => names,
                Err(error) => {
                    let kind = match error {
                        Errno::NOENT => GapKind::Vanished,
                        _ => GapKind::NotListable,
                    };
                    self.missing(kind, path);
                    return Ok(());
                }
            };
            self.held += names.size();
            let more = self.entries(&names, (dir, seen.st_dev), path, depth, out);
            self.held -= names.size();
            if !more? {
                return Ok(());
            }
            if names.is_last {
                break;
            }
            next = listing.part(self.room());
        }
        // Of one that was looked at as it was read, the names are not known any more that came before a change.
        if !is_whole && !listing.is_steady().unwrap_or_default() {
            self.missing(GapKind::Vanished, path);
        }
        Ok(())
    }

    /// The names of a directory, of a large one the first. Where they change while they are listed, they are listed again.
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

    const fn room(&self) -> usize {
        MAX_HELD.saturating_sub(self.held)
    }

    /// Looks at what was listed of a directory of that device; whether there may be more.
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
                Ok(Found::Gone) => continue,
                Ok(Found::Linked) => {
                    let place = [&**path, b"/", listed.to_bytes()].concat();
                    self.missing(GapKind::Vanished, &place);
                    continue;
                }
                Ok(Found::Restless) => {
                    self.missing(GapKind::Vanished, path);
                    continue;
                }
                // Whoever may list a directory and not search it reads names alone.
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
            let look = || self.root.contents.of(dir.as_fd(), name);
            let attribute = || contents::capability(dir.as_fd(), name);
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
            if self.stays {
                return Ok(());
            }
            // A mere path mounts nothing.
            let place = openat(dir, name, flags | OFlags::PATH, Mode::empty());
            match place.map(|place| mounted::kind(&place)) {
                Ok(Mounted::Entered) => {}
                Ok(Mounted::MadeUp) => return Ok(()),
                Ok(Mounted::Waiting) | Err(_) => {
                    self.missing(GapKind::OtherMount, path);
                    return Ok(());
                }
            }
        }
        match openat(dir, name, flags | OFlags::RDONLY, Mode::empty()) {
            Ok(next) if depth < MAX_DEPTH => {
                return self.enter(&next, stat, path, depth + 1, out);
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
