//! One bounded walk of a root in the kernel's view.

use std::{
    borrow::Cow,
    ffi::{CStr, CString},
    io::{self, Write},
    os::fd::{AsFd, OwnedFd},
};

use rustix::{
    fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, openat, statat},
    io::Errno,
    process::{getegid, geteuid, getgroups},
};
use scanner_inventory::{FilePath, FileSelector, Gap, GapKind, Gaps};

use crate::{
    contents,
    mounted::{self, Mounted},
    root::Root,
    tree::{self, Tree as _, meta, refusal},
};

/// Deepest directory that is entered: one open directory for each level.
const MAX_DEPTH: usize = 200;
/// Names by which an entry is looked for that is renamed meanwhile.
const MAX_NAMES: u32 = 10;
/// How often a directory is listed again for that, in one walk.
const MAX_SEARCHES: u32 = 1000;
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
        let entered = dir.and_then(|dir| Ok((fstat(&dir)?.st_dev, dir)));
        match entered {
            Ok((device, dir)) => {
                // The root ends in the slash that follows every directory.
                let path = start.to_bytes();
                let mut path = path.strip_suffix(b"/").unwrap_or(&path).to_vec();
                walk.enter(&dir, device, &mut path, 0, out)?;
            }
            Err(error) => walk
                .gaps
                .add(Gap::new(of_start(root, place, error)).at(start.clone())),
        }
    }
    Ok(walk.gaps)
}

/// How a start that cannot be entered is missing. Which directory on the way to it is shut, and whose that is, is not known.
fn of_start(root: &Root, place: &str, error: Errno) -> GapKind {
    match refusal(error) {
        GapKind::NotSearchable => {
            let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::PATH;
            shut(root.resolve(place, flags))
        }
        kind => kind,
    }
}

/// Whether the walk of another start comes by this one: it lies below, and between are no link and no filesystem that
/// a walk does not enter: none where it `stays` on its own. What cannot be looked at is not seen from above.
fn seen_from_above(root: &Root, start: &FilePath, starts: &[FilePath], stays: bool) -> bool {
    let above = starts
        .iter()
        .rev()
        .find(|other| *other != start && start.is_below(other));
    let Some(above) = above.map(FilePath::as_text) else {
        return false;
    };
    let start = start.as_text();
    let entered = root.resolve(above, OFlags::DIRECTORY | OFlags::PATH);
    let Some(walked) = entered.and_then(|dir| fstat(&dir)).ok() else {
        return false;
    };
    let mut device = walked.st_dev;
    let way = start.match_indices('/').map(|(at, _)| &start[..at]);
    way.filter(|path| path.len() > above.len())
        .chain([start])
        .all(|path| {
            let Ok(Some(found)) = root.stat(path) else {
                return false;
            };
            let is_crossed = std::mem::replace(&mut device, found.st_dev) != found.st_dev;
            let is_entered = || {
                let place = root.resolve(path, OFlags::PATH);
                place.is_ok_and(|place| mounted::kind(&place) == Mounted::Entered)
            };
            is(&found, FileType::Directory) && (!is_crossed || (!stays && is_entered()))
        })
}

fn is(stat: &Stat, kind: FileType) -> bool {
    FileType::from_raw_mode(stat.st_mode) == kind
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
}

impl Walk<'_> {
    fn missing(&mut self, kind: GapKind, path: &[u8]) {
        // The root is the path that ends in nothing but the slash before every name.
        let path = if path.is_empty() { b"/" } else { path };
        self.gaps.add(Gap::new(kind).at(path));
    }

    /// Walks a directory of that device.
    fn enter(
        &mut self,
        dir: &OwnedFd,
        device: u64,
        path: &mut Vec<u8>,
        depth: usize,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let Ok(entries) = Dir::read_from(dir) else {
            self.missing(GapKind::NotListable, path);
            return Ok(());
        };
        for entry in entries {
            let Ok(entry) = entry else {
                self.missing(GapKind::NotListable, path);
                break;
            };
            let listed = entry.file_name();
            if matches!(listed.to_bytes(), b"." | b"..") {
                continue;
            }
            self.seen += 1;
            if self.seen > MAX_ENTRIES {
                self.missing(GapKind::OverLimit, path);
                break;
            }
            let (name, stat) = match self.look(dir, listed, entry.ino()) {
                Ok(Some(found)) => found,
                // Gone since it was listed: there is nothing to look at.
                Ok(None) => continue,
                Err(Errno::NOENT) => {
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
        Ok(())
    }

    /// Looks at what was listed by a name, also where it has another name in the directory since; `None` where it is gone. One
    /// that is renamed again and again is an error.
    fn look<'n>(
        &mut self,
        dir: &OwnedFd,
        name: &'n CStr,
        inode: u64,
    ) -> Result<Option<(Cow<'n, CStr>, Stat)>, Errno> {
        let mut name = Cow::Borrowed(name);
        for _ in 0..MAX_NAMES {
            match statat(dir.as_fd(), &*name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => return Ok(Some((name, stat))),
                Err(Errno::NOENT) if self.searches < MAX_SEARCHES => {}
                Err(error) => return Err(error),
            }
            self.searches += 1;
            match name_of(dir, inode) {
                Ok(Some(now)) => name = Cow::Owned(now),
                Ok(None) => return Ok(None),
                // It may have another name in a directory that cannot be listed any more.
                Err(_) => return Err(Errno::NOENT),
            }
        }
        Err(Errno::NOENT)
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
                return self.enter(&next, stat.st_dev, path, depth + 1, out);
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

/// How a directory that cannot be listed is shut: nobody of this identity may search it where the kernel refuses that to this
/// process, and its mode does. Its owner could open it again; and what a security module refuses to this process, it may
/// allow to another one.
fn shut(place: Result<impl AsFd, Errno>) -> GapKind {
    let is_closed = |place: &dyn AsFd| {
        let searched = statat(place.as_fd(), c".", AtFlags::SYMLINK_NOFOLLOW);
        searched.err() == Some(Errno::ACCESS)
            && fstat(place.as_fd()).is_ok_and(|stat| keeps_out(&stat))
    };
    match place {
        Ok(place) if is_closed(&place) => GapKind::NotSearchable,
        _ => GapKind::NotListable,
    }
}

/// Whether a directory is another user's, and its mode does not let this identity search it.
fn keeps_out(stat: &Stat) -> bool {
    let bits = Mode::from_raw_mode(stat.st_mode);
    let is_own_group = || {
        let own =
            getgroups().map(|groups| groups.iter().any(|group| group.as_raw() == stat.st_gid));
        getegid().as_raw() == stat.st_gid || own.unwrap_or(true)
    };
    stat.st_uid != geteuid().as_raw()
        && !bits.contains(Mode::XOTH)
        && !(bits.contains(Mode::XGRP) && is_own_group())
}

#[cfg(test)]
mod tests;
