//! The contents of an image that were read.

use scanner_core::inventory::{Coverage, FilePath};

use super::{coverage::is_cut, tree::Tree};

/// The files of an image: about forty bytes and its name for each, and 32 more for a digest.
#[derive(Debug)]
pub struct Image {
    pub(super) tree: Tree,
    pub(super) coverage: Coverage,
    /// How much was not read of it beyond what its gaps name.
    pub(super) unnamed: u64,
}

impl Default for Image {
    /// An image that was not read.
    fn default() -> Self {
        Self {
            tree: Tree::default(),
            coverage: Coverage::NotRequested,
            unnamed: 0,
        }
    }
}

impl Image {
    /// Why it cannot be compared as a whole, beside what its gaps say.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut all = Vec::new();
        if self.tree.files() == 0 {
            all.push("image: no file was seen".into());
        }
        if self.tree.is_full() {
            all.push("image: more files than can be compared".into());
        }
        all
    }

    /// Whether `path` would have been seen if it were there: the list did not break off before it, and its nearest directory
    /// that is there was listed, or everyone may list it.
    pub(super) fn could_see(&self, path: &FilePath) -> bool {
        if self.tree.is_full() || is_cut(&self.coverage, path) {
            return false;
        }
        let above = || self.tree.directory(path.as_text());
        self.coverage == Coverage::Complete || above().is_none_or(|(_, listed)| listed)
    }
}
