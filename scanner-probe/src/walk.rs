//! One bounded walk of a root in the kernel's view.

use std::{
    io::{self, Write},
    os::fd::{AsFd as _, OwnedFd},
};

use rustix::{
    fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, openat, statat},
    io::Errno,
};
use scanner_inventory::{FilePath, FileSelector, Gap, GapKind, Gaps};

use crate::{
    contents,
    root::Root,
    tree::{self, Tree as _, meta, refusal},
};

/// Deepest directory that is entered: one open directory for each level.
const MAX_DEPTH: usize = 200;
/// Entries that are looked at.
const MAX_ENTRIES: u64 = 10_000_000;

/// Walks what `selectors` keep, and returns what could not be read.
pub(crate) fn walk(
    root: &Root,
    selectors: &[&FileSelector],
    out: &mut dyn Write,
) -> io::Result<Gaps> {
    let mut walk = Walk {
        root,
        selectors,
        device: root.device,
        gaps: Gaps::default(),
        seen: 0,
    };
    let starts = tree::starts(selectors);
    for start in &starts {
        if seen_from_above(root, start, &starts) {
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
                    other => other,
                }
            }
            Ok(None) => continue,
            Err(error) => Err(error),
        };
        let entered = dir.and_then(|dir| Ok((fstat(&dir)?.st_dev, dir)));
        match entered {
            Ok((device, dir)) => {
                walk.device = device;
                // The root ends in the slash that follows every directory.
                let path = start.to_bytes();
                let mut path = path.strip_suffix(b"/").unwrap_or(&path).to_vec();
                walk.enter(&dir, &mut path, 0, out)?;
            }
            Err(error) => walk.gaps.add(Gap::new(refusal(error)).at(start.clone())),
        }
    }
    Ok(walk.gaps)
}

/// Whether the walk of another start comes by this one: it lies below, and no mount and no link is between.
/// What cannot be looked at is not seen from above.
fn seen_from_above(root: &Root, start: &FilePath, starts: &[FilePath]) -> bool {
    let device = |stat: &Stat| is(stat, FileType::Directory).then_some(stat.st_dev);
    let looked_at = |path: &str| root.stat(path).ok().flatten();
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
    let way = start.match_indices('/').map(|(at, _)| &start[..at]);
    way.filter(|path| path.len() > above.len())
        .chain([start])
        .all(|path| looked_at(path).as_ref().and_then(device) == Some(walked.st_dev))
}

fn is(stat: &Stat, kind: FileType) -> bool {
    FileType::from_raw_mode(stat.st_mode) == kind
}

struct Walk<'a> {
    root: &'a Root,
    selectors: &'a [&'a FileSelector],
    /// Of the start: the walk crosses no mount.
    device: u64,
    gaps: Gaps,
    seen: u64,
}

impl Walk<'_> {
    fn missing(&mut self, kind: GapKind, path: &[u8]) {
        // The root is the path that ends in nothing but the slash before every name.
        let path = if path.is_empty() { b"/" } else { path };
        self.gaps.add(Gap::new(kind).at(path));
    }

    fn enter(
        &mut self,
        dir: &OwnedFd,
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
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            self.seen += 1;
            if self.seen > MAX_ENTRIES {
                self.missing(GapKind::OverLimit, path);
                break;
            }
            let stat = match statat(dir.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                // Gone since it was listed: there is nothing to look at.
                Err(Errno::NOENT) => continue,
                // Whoever may list a directory and not search it reads names alone.
                Err(error) => {
                    self.missing(refusal(error), path);
                    continue;
                }
            };
            let look = || self.root.contents.of(dir.as_fd(), name);
            let attribute = || contents::capability(dir.as_fd(), name);
            let length = path.len();
            path.push(b'/');
            path.extend_from_slice(name.to_bytes());
            tree::keep(self.selectors, meta(&stat), path, out, look, attribute)?;
            if !is(&stat, FileType::Directory) || stat.st_dev != self.device {
                path.truncate(length);
                continue;
            }
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            match openat(dir.as_fd(), name, flags, Mode::empty()) {
                Ok(next) if depth < MAX_DEPTH => self.enter(&next, path, depth + 1, out)?,
                Ok(_) => self.missing(GapKind::OverLimit, path),
                Err(Errno::NOENT | Errno::NOTDIR) => self.missing(GapKind::Vanished, path),
                Err(_) => self.missing(GapKind::NotListable, path),
            }
            path.truncate(length);
        }
        Ok(())
    }
}
