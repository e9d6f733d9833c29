//! Files that were counted already: an agent may report a file more than once.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, Hash as _, Hasher as _, RandomState},
    mem::discriminant,
};

use scanner_core::inventory::FileEntry;

/// Files that are remembered for all checks of a profile.
const MAX_REMEMBERED: usize = 500_000;

/// The files that count for each check, by hashes with a key that no target knows.
///
/// A file that equals the last one of the same path is left out, as in a list. Only files that count are remembered, which
/// are few in most targets; a file beyond the limit may count twice.
#[derive(Debug, Default)]
pub(super) struct Seen {
    keys: RandomState,
    all: HashMap<(usize, u64), u64>,
}

impl Seen {
    /// The hash of a file.
    pub(super) fn hash(&self, file: &FileEntry) -> u64 {
        let FileEntry {
            path,
            exists,
            kind,
            mode,
            uid,
            gid,
            size,
            modified,
            digest,
            link,
            capabilities,
            capabilities_known,
            followed,
            // No check reads these.
            package: _,
            capability_sets: _,
            device: _,
        } = file;
        let mut hasher = self.keys.build_hasher();
        (path, exists, discriminant(kind), mode, uid, gid, size).hash(&mut hasher);
        (modified, digest, link).hash(&mut hasher);
        (capabilities, capabilities_known, followed).hash(&mut hasher);
        hasher.finish()
    }

    fn key(&self, check: usize, file: &FileEntry) -> (usize, u64) {
        (check, self.keys.hash_one(&file.path))
    }

    /// Whether the last file of this path that counted for the check was the same.
    pub(super) fn is_known(&self, check: usize, file: &FileEntry, hash: u64) -> bool {
        !self.all.is_empty() && self.all.get(&self.key(check, file)) == Some(&hash)
    }

    /// Remembers a file that the check took, and whether it `counts`.
    pub(super) fn took(&mut self, check: usize, file: &FileEntry, hash: u64, counts: bool) {
        if self.all.is_empty() && !counts {
            return;
        }
        let key = self.key(check, file);
        if let Some(last) = self.all.get_mut(&key) {
            *last = hash;
        } else if counts && self.all.len() < MAX_REMEMBERED {
            self.all.insert(key, hash);
        }
    }
}
