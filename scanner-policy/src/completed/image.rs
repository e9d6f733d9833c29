//! The contents of an image that were read.

use scanner_core::inventory::{
    Collected, Coverage, FileEntry, FileKind, FilePath, Gap, Group, LanguagePackage, ShadowEntry,
    User,
};

use crate::drift::tree::{Id, ROOT, Tree};

/// The files of an image, and the contents of some.
#[derive(Debug)]
pub struct WholeImage {
    pub(super) tree: Tree,
    pub(super) coverage: Coverage,
    pub(super) users: Collected<Vec<User>>,
    pub(super) groups: Collected<Vec<Group>>,
    pub(super) shadow: Collected<Vec<ShadowEntry>>,
    pub(super) language: Collected<Vec<LanguagePackage>>,
}

impl Default for WholeImage {
    /// An image that was not read.
    fn default() -> Self {
        Self {
            tree: Tree::default(),
            coverage: Coverage::NotRequested,
            users: Collected::NotRequested,
            groups: Collected::NotRequested,
            shadow: Collected::NotRequested,
            language: Collected::NotRequested,
        }
    }
}

impl WholeImage {
    /// Takes one file.
    pub(super) fn add(&mut self, file: &FileEntry) {
        if file.exists && !file.followed {
            self.tree.add(file);
        }
    }

    /// The file of that path.
    pub(super) fn file(&self, path: &FilePath) -> Option<(Id, FileEntry)> {
        let id = self.tree.find(path.as_text())?;
        self.tree.file(id).map(|file| (id, file))
    }

    /// Whether there is a link.
    pub(super) fn is_link(&self, path: &FilePath) -> bool {
        let file = self.file(path);
        file.is_some_and(|(_, file)| file.kind == FileKind::Symlink)
    }

    /// Whether `path` may lie elsewhere than it says: a directory above it is a link or not a directory, or the path has a
    /// part such as `..`.
    pub(super) fn is_beyond_a_link(&self, path: &FilePath) -> bool {
        let mut parts = path.as_text().trim_end_matches('/').split('/').skip(1);
        if parts.any(|part| matches!(part, "" | "." | "..")) {
            return true;
        }
        let mut above = path.parent();
        while let Some(dir) = above {
            if let Some((_, file)) = self.file(&dir)
                && file.kind != FileKind::Directory
            {
                return true;
            }
            above = dir.parent();
        }
        false
    }

    /// The nearest place above `path` that the image has.
    pub(super) fn nearest_above(&self, path: &FilePath) -> Id {
        let mut above = path.parent();
        while let Some(dir) = above {
            if let Some(id) = self.tree.find(dir.as_text()) {
                return id;
            }
            above = dir.parent();
        }
        ROOT
    }

    /// What was not read of the image at `place` or below; `None` if nothing is known about it.
    pub(super) fn unread(&self, place: &FilePath) -> Option<Vec<Gap>> {
        if self.tree.is_full() || self.tree.files() == 0 {
            return None;
        }
        let gaps = match &self.coverage {
            Coverage::Complete => return Some(Vec::new()),
            Coverage::Partial { gaps } => gaps,
            Coverage::Unavailable { .. } | Coverage::NotRequested => return None,
        };
        // Something is missing, and nobody said where.
        gaps.iter().next()?;
        let mut within = Vec::new();
        for gap in gaps {
            match &gap.path {
                Some(path) if path.is_below(place) => within.push(gap.clone()),
                Some(path) if !place.is_below(path) => {}
                _ if gap.attribute.is_some() => within.push(gap.clone().at(place.clone())),
                _ => return None,
            }
        }
        Some(within)
    }
}
