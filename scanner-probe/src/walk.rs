//! One bounded walk of a root in the kernel's view.

use std::{
    io::{self, Write},
    os::fd::{AsFd as _, OwnedFd},
};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, openat, statat};
use scanner_core::inventory::FileSelector;

use crate::{
    contents,
    root::Root,
    tree::{self, Meta, Tree as _},
};

/// Deepest directory that is entered: one open directory for each level.
const MAX_DEPTH: usize = 200;
/// Entries that are looked at.
const MAX_ENTRIES: u64 = 10_000_000;

/// Walks what `selectors` keep, and returns how much could not be looked at.
pub(crate) fn walk(
    root: &Root,
    selectors: &[&FileSelector],
    out: &mut dyn Write,
) -> io::Result<u64> {
    let mut walk = Walk {
        root,
        selectors,
        lost: 0,
        seen: 0,
    };
    for start in starts(selectors) {
        let dir = match root.stat(&start) {
            Ok(Some(stat)) => {
                let (look, attribute) = (|| root.contents(&start), || root.capability(&start));
                tree::keep(selectors, meta(&stat), &start, out, look, attribute)?;
                root.resolve(&start, OFlags::DIRECTORY | OFlags::NOFOLLOW)
            }
            Ok(None) => continue,
            Err(error) => Err(error),
        };
        match dir {
            Ok(dir) => {
                let prefix = start.trim_end_matches('/').to_owned();
                walk.enter(&dir, &prefix, 0, out)?;
            }
            Err(_) => walk.lost += 1,
        }
    }
    Ok(walk.lost)
}

/// Directories below which all selections lie, none of them below another.
fn starts(selectors: &[&FileSelector]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for selector in selectors {
        if selector.under.is_empty() {
            all.push("/".into());
        }
        all.extend(selector.under.iter().cloned());
    }
    all.sort();
    all.dedup();
    let others = all.clone();
    all.retain(|dir| {
        let above = |other: &&String| {
            *other != dir && dir.starts_with(&format!("{}/", other.trim_end_matches('/')))
        };
        !others.iter().any(|other| above(&other))
    });
    all
}

struct Walk<'a> {
    root: &'a Root,
    selectors: &'a [&'a FileSelector],
    lost: u64,
    seen: u64,
}

impl Walk<'_> {
    fn enter(
        &mut self,
        dir: &OwnedFd,
        path: &str,
        depth: usize,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let Ok(entries) = Dir::read_from(dir) else {
            self.lost += 1;
            return Ok(());
        };
        for entry in entries {
            let Ok(entry) = entry else {
                self.lost += 1;
                break;
            };
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            self.seen += 1;
            if self.seen > MAX_ENTRIES {
                self.lost += 1;
                break;
            }
            // Gone since it was listed: there is nothing to look at.
            let Ok(stat) = statat(dir.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            let below = format!("{path}/{}", name.to_string_lossy());
            let look = || self.root.contents.of(dir.as_fd(), name);
            let attribute = || contents::capability(dir.as_fd(), name);
            tree::keep(self.selectors, meta(&stat), &below, out, look, attribute)?;
            let is_dir = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
            if !is_dir || stat.st_dev != self.root.device {
                continue;
            }
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            match openat(dir.as_fd(), name, flags, Mode::empty()) {
                Ok(next) if depth < MAX_DEPTH => self.enter(&next, &below, depth + 1, out)?,
                _ => self.lost += 1,
            }
        }
        Ok(())
    }
}

/// A size below zero is no size.
pub(crate) fn meta(stat: &Stat) -> Meta {
    Meta {
        mode: stat.st_mode,
        uid: stat.st_uid.into(),
        gid: stat.st_gid.into(),
        size: u64::try_from(stat.st_size).unwrap_or_default(),
    }
}
