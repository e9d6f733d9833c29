//! The directories that a walk has listed: the place and the state of each.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
};

use rustix::fs::Stat;

use crate::listing::Moment;

/// Most directories that are kept, and most bytes of their names.
const MAX_LISTED: usize = 40_000;
const MAX_NAMES: usize = 1 << 20;
/// Most parts of a path that are joined: more than the depth of a walk; a circle would have no end.
const MAX_PARTS: usize = 1_000;

/// The place of a directory in [`Listed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(u32);

#[derive(Debug)]
struct Directory {
    /// `None` for a start, whose name is its whole path.
    parent: Option<Place>,
    /// Where its name is.
    name: (u32, u32),
    /// Hash of its device and inode.
    id: u64,
    /// When its names had changed last, at the time of the listing.
    changed: Moment,
    /// Whether it is not there any more.
    is_gone: bool,
}

/// Directories in the order in which they were listed, in little memory.
#[derive(Debug, Default)]
pub(super) struct Listed {
    all: Vec<Directory>,
    names: Vec<u8>,
    /// Places by identity, built when first needed.
    places: Option<HashMap<u64, Place>>,
    keys: RandomState,
    /// Whether there were more.
    pub(super) is_full: bool,
}

impl Listed {
    /// Keeps a directory that was listed.
    pub(super) fn add(
        &mut self,
        parent: Option<Place>,
        name: &[u8],
        stat: &Stat,
        changed: Moment,
    ) -> Option<Place> {
        let next = u32::try_from(self.all.len()).ok();
        self.is_full |= self.all.len() >= MAX_LISTED || self.names.len() + name.len() > MAX_NAMES;
        let place = Place(next.filter(|_| !self.is_full)?);
        let id = self.id(stat);
        let name = self.name(name)?;
        self.all.push(Directory {
            parent,
            name,
            id,
            changed,
            is_gone: false,
        });
        if let Some(places) = &mut self.places {
            places.insert(id, place);
        }
        Some(place)
    }

    fn name(&mut self, name: &[u8]) -> Option<(u32, u32)> {
        let start = u32::try_from(self.names.len()).ok()?;
        self.names.extend_from_slice(name);
        Some((start, u32::try_from(self.names.len()).ok()?))
    }

    fn name_of(&self, directory: &Directory) -> Option<&[u8]> {
        let (start, end) = directory.name;
        self.names
            .get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
    }

    /// Hash that identifies a file, whatever its path.
    pub(super) fn id(&self, stat: &Stat) -> u64 {
        self.keys.hash_one((stat.st_dev, stat.st_ino))
    }

    /// Every directory that is kept now.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> + use<> {
        (0..u32::try_from(self.all.len()).unwrap_or(u32::MAX)).map(Place)
    }

    fn get(&self, place: Place) -> Option<&Directory> {
        self.all.get(usize::try_from(place.0).ok()?)
    }

    fn get_mut(&mut self, place: Place) -> Option<&mut Directory> {
        self.all.get_mut(usize::try_from(place.0).ok()?)
    }

    /// The path of a directory that is there, without a slash at its end, and whether it is a start.
    pub(super) fn path(&self, place: Place) -> Option<(Vec<u8>, bool)> {
        let own = self.get(place).filter(|own| !own.is_gone)?;
        let mut parts: Vec<&[u8]> = Vec::new();
        let mut at = Some(place);
        while let Some(directory) = at.map(|at| self.get(at)) {
            let directory = directory?;
            parts.push(self.name_of(directory)?);
            if parts.len() > MAX_PARTS {
                return None;
            }
            at = directory.parent;
        }
        parts.reverse();
        Some((parts.join(&b'/'), own.parent.is_none()))
    }

    /// Whether `stat` is of that directory, and whether its names have not changed since it was listed.
    pub(super) fn is(&self, place: Place, stat: &Stat) -> (bool, bool) {
        let own = self.get(place);
        own.map_or((false, false), |own| {
            (own.id == self.id(stat), own.changed == Moment::of(stat))
        })
    }

    /// Notes that a directory was listed again.
    pub(super) fn again(&mut self, place: Place, changed: Moment) {
        if let Some(own) = self.get_mut(place) {
            own.changed = changed;
        }
    }

    /// Notes that a directory is not at its path any more.
    pub(super) fn gone(&mut self, place: Place) {
        if let Some(own) = self.get_mut(place) {
            own.is_gone = true;
        }
    }

    /// Whether a directory was listed, by any path; from now on it is `name` of `parent`.
    pub(super) fn moved(&mut self, stat: &Stat, parent: Place, name: &[u8]) -> bool {
        let id = self.id(stat);
        let all = &self.all;
        let places = self.places.get_or_insert_with(|| {
            let ids = all.iter().map(|directory| directory.id);
            ids.zip((0..).map(Place)).collect()
        });
        let Some(place) = places.get(&id).copied() else {
            return false;
        };
        let is_there = self.get(place).is_some_and(|own| {
            !own.is_gone && own.parent == Some(parent) && self.name_of(own) == Some(name)
        });
        if is_there {
            return true;
        }
        self.is_full |= self.names.len() + name.len() > MAX_NAMES;
        if self.is_full {
            return true;
        }
        if let Some(name) = self.name(name)
            && let Some(own) = self.get_mut(place)
        {
            own.name = name;
            own.parent = Some(parent);
            own.is_gone = false;
        }
        true
    }
}
