//! The state of a walk.

use std::collections::HashSet;

use scanner_inventory::{FileSelector, Gap, GapKind, Gaps};

use super::listed::{Listed, Place};
use crate::{listing::Moment, root::Root};

/// About how many bytes of names are in memory at once; each directory on the way has at least one batch of the kernel.
pub(super) const MAX_HELD: usize = 1 << 20;

pub(super) struct Walk<'a> {
    pub(super) root: &'a Root,
    pub(super) selectors: &'a [&'a FileSelector],
    /// Whether mounts below a start are left out.
    pub(super) stays: bool,
    pub(super) gaps: Gaps,
    pub(super) seen: u64,
    /// How often a directory was listed again to find renamed entries.
    pub(super) searches: u32,
    /// How often one was listed again because its names changed while it was listed.
    pub(super) listings: u32,
    /// Bytes of names that are in memory.
    pub(super) held: usize,
    pub(super) listed: Listed,
    /// The directory that is walked, if it is kept.
    pub(super) at: Option<Place>,
    /// Whether that one was listed before.
    pub(super) is_again: bool,
    pub(super) began: Moment,
    /// When the walk began, or the look at all directories again.
    pub(super) since: Moment,
    /// Places at which a name may be gone since then.
    pub(super) stirred: Vec<Vec<u8>>,
    /// Files that changed since the walk began and were reported, by their hash and name.
    pub(super) recent: HashSet<(u64, Vec<u8>)>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(root: &'a Root, selectors: &'a [&'a FileSelector], stays: bool) -> Self {
        let began = Moment::now();
        Self {
            root,
            selectors,
            stays,
            gaps: Gaps::default(),
            seen: 0,
            searches: 0,
            listings: 0,
            held: 0,
            listed: Listed::default(),
            at: None,
            is_again: false,
            began,
            since: began,
            stirred: Vec::new(),
            recent: HashSet::new(),
        }
    }
}

impl Walk<'_> {
    pub(super) fn missing(&mut self, kind: GapKind, path: &[u8]) {
        // The path of the root is empty without the slash that stands before every name.
        let path = if path.is_empty() { b"/" } else { path };
        self.gaps.add(Gap::new(kind).at(path));
    }

    pub(super) const fn room(&self) -> usize {
        MAX_HELD.saturating_sub(self.held)
    }
}
