//! Where runtimes differ: some unpack all layers into one directory, others each by itself, for an overlay filesystem.
//!
//! - A layer may have a file below a link of a layer below. Unpacked into one directory it goes where the link leads;
//!   unpacked by itself it goes into a directory that takes the place of the link. Both have that file at its path. But what
//!   one replaces or removes so is still there in the other.
//! - A whiteout of the whole root takes what the layers below have there from one directory, and nothing for an overlay
//!   filesystem.
//! - A whiteout of a whole directory also takes from one directory what its own layer has unpacked below a directory that
//!   the layer does not name.
//! - A directory of a layer below that a layer removes and makes again is empty in one directory. For an overlay filesystem
//!   the new one takes the place of the whiteout, and shows what is in the old one.
//! - A directory that no layer names any more gets root's owner and `0755` in one directory when a file below it comes. For an
//!   overlay filesystem it gets those of the one that a layer below had there.
//! - A directory that was unpacked below a link of a layer below is at the link's target in one directory. Reached there by
//!   another name, it is a new one for an overlay filesystem, with root's owner and `0755`.
//! - An owner of which all 32 bits are set is left as it is: as the layers below have it in one directory, and root where the
//!   layer makes the directory anew.
//! - A global header takes from one directory what has its name. For an overlay filesystem it takes the whiteout of that
//!   name, and shows what the whiteout hid.
//!
//! Each of these is a gap: containerd and docker do either, by the filesystem of the machine.

use scanner_inventory::{Gap, GapKind};

use super::{
    Layers,
    attributes::owner,
    bad::Bad,
    inodes::{Body, Id, Inode, Inodes, ROOT, Removed},
    state::Layer,
};
use crate::{tar::Entry, tree::Meta};

const WHY: &str = "the layers have something else there, or nothing, where a runtime unpacks each of them by itself";

impl Layers {
    /// Removes what is at `path`, which is `name` of `directory`.
    pub(super) fn remove(
        &mut self,
        directory: Id,
        name: &[u8],
        path: &[u8],
        layer: &mut Layer,
    ) -> Result<Removed, Bad> {
        let there = self.inodes.child(directory, name);
        if let Some(id) = there.filter(|id| self.inodes.is_below(*id)) {
            match &self.inodes.get(id).body {
                Body::Directory(_) => {
                    layer.gone.add(path, &mut layer.remembered)?;
                }
                Body::Link(_) => {
                    let former = &mut self.former;
                    former.links.add(path, &mut former.remembered)?;
                }
                _ => {}
            }
        }
        Ok(self.inodes.remove(directory, name))
    }

    /// Removes what is below the directory at `path`, but for what the layer has unpacked.
    pub(super) fn empty(
        &mut self,
        directory: Id,
        path: &[u8],
        layer: &Layer,
    ) -> Result<Removed, Bad> {
        let former = &mut self.former;
        let kept = |path: &[u8]| layer.unpacked.contains(path);
        let goes = |inodes: &Inodes, path: &[u8], id: Id| {
            let inode = inodes.get(id);
            match &inode.body {
                Body::Directory(_) => {
                    let before = former.directories.insert(path.to_vec(), inode.meta());
                    before.map_or_else(|| former.remembered.add(path), |_| Ok(()))
                }
                Body::Link(_) => former.links.add(path, &mut former.remembered).map(|_| ()),
                _ => Ok(()),
            }
        };
        self.inodes
            .empty(directory, path, kept, goes, &mut self.steps)
    }

    /// The directory at a clean path that has no links, which a layer calls `name`; what is not there is made.
    pub(super) fn make_directories(&mut self, path: &[u8], name: &[u8]) -> Result<Id, Bad> {
        let there = self.inodes.there(path);
        let directory = self.inodes.make_directories(path)?;
        self.by_another_name(path, name)?;
        if there == path.len() || self.former.is_empty() {
            return Ok(directory);
        }
        let mut was_link = false;
        let ends = (1..=path.len()).filter(|end| path.get(*end).is_none_or(|byte| *byte == b'/'));
        for end in ends {
            self.steps.take(1)?;
            let path = &path[..end];
            was_link |= self.former.links.contains(path);
            if end <= there {
                continue;
            }
            let is_as_before = |meta: &Meta| {
                let id = self.inodes.at(path);
                id.is_some_and(|id| self.inodes.get(id).meta() == *meta)
            };
            let before = self.former.directories.get(path);
            if was_link || !before.is_none_or(is_as_before) {
                self.differs(path);
            }
        }
        Ok(directory)
    }

    /// Notes each directory on the way to `path` that went astray under another name than `name`, or one above it.
    fn by_another_name(&mut self, path: &[u8], name: &[u8]) -> Result<(), Bad> {
        if self.former.astray.is_empty() {
            return Ok(());
        }
        let new = Inode::directory().meta();
        let mut id = ROOT;
        let starts = (0..path.len()).filter(|at| path[*at] == b'/');
        for start in starts {
            self.steps.take(1)?;
            let part = path[start + 1..].split(|byte| *byte == b'/').next();
            let part = part.unwrap_or_default();
            let Some(child) = self.inodes.child(id, part) else {
                continue;
            };
            id = child;
            let inode = self.inodes.get(id);
            let known = self.former.astray.get(&id).filter(|_| inode.astray);
            if known.is_some_and(|known| !is_within(name, known)) && inode.meta() != new {
                self.differs(&path[..=start + part.len()]);
            }
        }
        Ok(())
    }

    /// Remembers a whiteout at `path`, which is `name` of `directory`, if it hides anything.
    pub(super) fn hide(
        &mut self,
        directory: Id,
        name: &[u8],
        path: &[u8],
        layer: &mut Layer,
    ) -> Result<(), Bad> {
        let there = self.inodes.child(directory, name);
        if there.is_some_and(|id| self.inodes.is_below(id)) {
            layer.hidden.add(path, &mut layer.remembered)?;
        }
        Ok(())
    }

    /// Notes what a global header named `path` shows again.
    pub(super) fn uncovered(&mut self, path: &[u8], layer: &Layer) {
        if layer.hidden.contains(path) {
            self.differs(path);
        }
    }

    /// Notes what a layer calls `name` and was made at `path`, behind a link of a layer below or not.
    pub(super) fn made(
        &mut self,
        id: Id,
        led_below: bool,
        (path, name): (&[u8], &[u8]),
        layer: &Layer,
    ) -> Result<(), Bad> {
        self.inodes.get_mut(id).astray |= led_below;
        if self.inodes.is_directory(id) {
            if led_below {
                // Also where a number is used again: a layer could otherwise replace short names by long ones without end.
                self.former.remembered.add(name)?;
                self.former.astray.insert(id, name.to_vec());
            }
            if layer.gone.contains(path) {
                self.differs(path);
            }
        }
        Ok(())
    }

    /// Notes what was removed or replaced at `path`, behind a link of a layer below or not, if it is at `least` that.
    pub(super) fn removed(
        &mut self,
        removed: Removed,
        led_below: bool,
        least: Removed,
        path: &[u8],
    ) {
        let least = if led_below { Removed::Something } else { least };
        if removed >= least {
            self.differs(path);
        }
    }

    /// Notes what was a directory at `path` and is one with other owners or permissions.
    pub(super) fn merged(&mut self, id: Id, before: Meta, led_below: bool, path: &[u8]) {
        let inode = self.inodes.get(id);
        if (led_below || inode.astray) && inode.meta() != before {
            self.differs(path);
        }
    }

    /// Notes a directory of a layer below at `path` that keeps an owner which the layer does not set.
    pub(super) fn kept_owner(&mut self, id: Id, entry: &Entry, path: &[u8]) {
        let inode = self.inodes.get(id);
        let keeps = |set: i64, has: u32| owner(set).is_none() && has != 0;
        if self.inodes.is_below(id) && (keeps(entry.uid, inode.uid) || keeps(entry.gid, inode.gid))
        {
            self.differs(path);
        }
    }

    fn differs(&mut self, path: &[u8]) {
        let gap = Gap::new(GapKind::Hidden).at(path).with_note(WHY);
        self.elsewhere.add(gap);
    }
}

/// Whether a clean path is another one, or below it.
fn is_within(path: &[u8], other: &[u8]) -> bool {
    let rest = path.strip_prefix(other);
    rest.is_some_and(|rest| rest.first().is_none_or(|byte| *byte == b'/'))
}
