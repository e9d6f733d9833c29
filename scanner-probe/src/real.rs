//! Where a path leads within a root.

use rustix::fs::FileType;
use scanner_inventory::FilePath;

use crate::tree::{Contents, MAX_PATH, Tree};

/// Links on a way, as many as a kernel follows.
const MAX_LINKS: u32 = 40;
/// Longest name in a directory, in bytes.
const MAX_NAME: usize = 255;

/// Finds the directories that paths lead to, with a bounded number of looks.
pub(crate) struct Finder<'a> {
    tree: &'a dyn Tree,
    looks: u32,
}

/// Why it is unknown where a path leads.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unseen {
    /// There were no looks left.
    Spent,
    /// Something on the way exists, or may exist, and cannot be read.
    Shut,
}

impl<'a> Finder<'a> {
    pub(crate) const fn new(tree: &'a dyn Tree, looks: u32) -> Self {
        Self { tree, looks }
    }

    /// The directory that `path` leads to, links followed; `None` when it leads to none.
    ///
    /// # Errors
    ///
    /// Fails when that is not seen.
    pub(crate) fn directory(&mut self, path: &FilePath) -> Result<Option<FilePath>, Unseen> {
        if path.to_bytes().len() >= MAX_PATH {
            return Ok(None);
        }
        let (mut at, mut links, mut is_directory) = (String::new(), 0, true);
        let mut left = parts(path.as_text());
        while let Some(part) = left.pop() {
            if !is_directory {
                return Ok(None);
            }
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    at.truncate(at.rfind('/').unwrap_or_default());
                    continue;
                }
                _ => {}
            }
            self.looks = self.looks.checked_sub(1).ok_or(Unseen::Spent)?;
            if FilePath::from_text(&part).is_ok_and(|name| name.to_bytes().len() > MAX_NAME) {
                return Ok(None);
            }
            let next = format!("{at}/{part}");
            let Some(meta) = self.tree.meta(&next).map_err(|_| Unseen::Shut)? else {
                return Ok(None);
            };
            let kind = FileType::from_raw_mode(meta.mode);
            // Until its target is read, a link counts as leading to its own place.
            is_directory = matches!(kind, FileType::Directory | FileType::Symlink);
            if kind != FileType::Symlink {
                at = next;
                continue;
            }
            links += 1;
            let Contents::Link(target) = self.tree.contents(&next, None) else {
                return Err(Unseen::Shut);
            };
            if links > MAX_LINKS {
                return Ok(None);
            }
            if target.starts_with(b"/") {
                at.clear();
            }
            left.extend(parts(FilePath::from_bytes(&target).as_text()));
        }
        if at.is_empty() {
            at.push('/');
        }
        let found = FilePath::from_text(&at).ok();
        Ok(found.filter(|_| is_directory))
    }
}

/// The parts of a path, the last one first.
fn parts(path: &str) -> Vec<String> {
    path.split('/').rev().map(str::to_owned).collect()
}
