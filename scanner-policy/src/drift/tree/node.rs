//! What is kept of one file.

use std::num::{NonZeroU16, NonZeroU32};

use scanner_core::inventory::{FileEntry, FileKind, FilePath};

/// The place of a file in a [`Tree`](super::Tree).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id(pub(super) u32);

impl Id {
    /// Its number, counted from 0 without gaps.
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The root directory.
pub(crate) const ROOT: Id = Id(0);

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
    /// Place of its [`Rare`] where it has one, else of its digest.
    pub(super) more: Option<NonZeroU32>,
    /// Whether a file came that is directly in it.
    pub(super) listed: bool,
    /// Whether there is more about it in [`Rare`].
    pub(super) rare: bool,
    /// Place in the table of packages; absent where no package owns it.
    pub(super) package: Option<NonZeroU16>,
}

/// A SHA-256 digest.
pub(super) type Digest = [u8; 32];

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
    pub(super) capabilities: Option<Box<Capabilities>>,
    pub(super) device: Box<str>,
    pub(super) digest: Option<Box<Digest>>,
    /// The capabilities of a regular file were not read.
    pub(super) blind: bool,
    /// Another file of the same path came.
    pub(super) twice: bool,
    /// A [`Node`] may not have room for these.
    pub(super) size: i64,
    pub(super) modified: Option<i64>,
}

/// What a file may do when it is executed.
#[derive(Debug, Clone, Default)]
pub(super) struct Capabilities {
    pub(super) names: Vec<String>,
    pub(super) sets: String,
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

impl Rare {
    /// What a [`Node`] does not say of a file, if there is anything.
    pub(super) fn of(file: &FileEntry) -> Option<Self> {
        // That a regular file has no capabilities is what most are known to have.
        let blind = file.kind == FileKind::File && !file.capabilities_known;
        let has_capabilities = !file.capabilities.is_empty() || !file.capability_sets.is_empty();
        let is_small = |number: i64| u32::try_from(number).is_ok();
        let is_rare = blind
            || has_capabilities
            || !file.device.is_empty()
            || !file.link.is_empty()
            || !is_small(file.size)
            || !file.modified.is_some_and(is_small);
        is_rare.then(|| Self {
            link: file.link.clone(),
            capabilities: has_capabilities.then(|| {
                Box::new(Capabilities {
                    names: file.capabilities.clone(),
                    sets: file.capability_sets.clone(),
                })
            }),
            device: file.device.as_str().into(),
            digest: None,
            blind,
            twice: false,
            size: file.size,
            modified: file.modified,
        })
    }

    /// Completes a file that a [`Node`] describes.
    pub(super) fn complete(&self, file: &mut FileEntry) {
        file.link.clone_from(&self.link);
        file.capabilities_known &= !self.blind;
        if let Some(capabilities) = &self.capabilities {
            file.capabilities.clone_from(&capabilities.names);
            file.capability_sets.clone_from(&capabilities.sets);
        }
        file.device = self.device.to_string();
        file.size = self.size;
        file.modified = self.modified;
    }
}
