//! What is known about a layer while it is put on top of others.

use std::collections::{HashMap, HashSet};

use super::{
    bad::{Bad, bad},
    inodes::Id,
};
use crate::tree::Meta;

/// Most bytes of names that are remembered for one layer, and what each takes beside its own bytes.
const MAX_REMEMBERED: usize = 512 << 20;
const REMEMBERED: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Layer {
    pub(super) number: usize,
    /// Files that were unpacked so far, which an opaque whiteout does not remove.
    pub(super) unpacked: Names,
    pub(super) emptied: Names,
    /// Directories of layers below that were removed by themselves.
    pub(super) gone: Names,
    /// Files of layers below that a whiteout hides.
    pub(super) hidden: Names,
    /// Directories, whose times a runtime sets at the end: they must still exist then.
    pub(super) directories: Vec<Vec<u8>>,
    /// All of these.
    pub(super) remembered: Remembered,
}

/// Files of layers below that a later layer replaced or removed. Unpacking for an overlay filesystem still reads there the
/// owner and permissions of a directory that it creates on the way to a file.
#[derive(Debug, Default)]
pub(super) struct Former {
    pub(super) directories: HashMap<Vec<u8>, Meta>,
    pub(super) links: Names,
    /// Directories that went astray, by the name that their layer has for them.
    pub(super) astray: HashMap<Id, Vec<u8>>,
    pub(super) remembered: Remembered,
}

impl Former {
    pub(super) fn is_empty(&self) -> bool {
        self.directories.is_empty() && self.links.0.is_empty()
    }
}

/// Bytes of names that are remembered: a layer can remove what it has unpacked, and have any number of names.
#[derive(Debug, Default)]
pub(super) struct Remembered(usize);

impl Remembered {
    pub(super) fn add(&mut self, name: &[u8]) -> Result<(), Bad> {
        self.0 += name.len() + REMEMBERED;
        if self.0 > MAX_REMEMBERED {
            return Err(bad("the layer has too many names"));
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(super) struct Names(HashSet<Vec<u8>>);

impl Names {
    pub(super) fn contains(&self, path: &[u8]) -> bool {
        self.0.contains(path)
    }

    /// Adds one; returns whether it is new.
    pub(super) fn add(&mut self, path: &[u8], remembered: &mut Remembered) -> Result<bool, Bad> {
        if self.contains(path) {
            return Ok(false);
        }
        remembered.add(path)?;
        Ok(self.0.insert(path.to_vec()))
    }
}
