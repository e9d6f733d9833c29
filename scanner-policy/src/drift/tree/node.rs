//! What is kept of one file.

use std::num::{NonZeroU16, NonZeroU32};

use scanner_core::inventory::{FileEntry, FileKind, FilePath};

/// What is kept of each file.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Node {
    pub(super) parent: u32,
    /// Where its name starts; it ends where that of the next node starts.
    pub(super) name: u32,
    /// Place in the table of states; absent where only a file below it came.
    pub(super) state: Option<NonZeroU32>,
    pub(super) size: u32,
    pub(super) modified: u32,
    /// Whether a file came that is directly in it.
    pub(super) listed: bool,
    /// Whether there is more about it in [`Rare`].
    pub(super) rare: bool,
    /// Place in the table of packages; absent where no package owns it.
    pub(super) package: Option<NonZeroU16>,
}

/// What many files have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub(super) kind: FileKind,
    pub(super) mode: i64,
    pub(super) uid: i64,
    pub(super) gid: i64,
}

/// What few files have.
#[derive(Debug, Clone, Default)]
pub(super) struct Rare {
    pub(super) link: FilePath,
    pub(super) capabilities: Vec<String>,
    pub(super) capability_sets: String,
    pub(super) device: String,
    /// The capabilities of a regular file were not read.
    pub(super) blind: bool,
    /// Another file of the same path came.
    pub(super) twice: bool,
    /// Where a [`Node`] has no room for them.
    pub(super) size: Option<i64>,
    pub(super) modified: Option<i64>,
}

impl State {
    pub(super) const fn of(file: &FileEntry) -> Self {
        Self {
            kind: file.kind,
            mode: file.mode,
            uid: file.uid,
            gid: file.gid,
        }
    }
}
