//! Finds files that were renamed from a directory that a walk had yet to list into one that it had listed.
//!
//! Such a file is in neither list. It leaves a trace in its old directory, where a name is gone since the walk began: the
//! entry was listed and is not there any more, or the directory changed before it was listed. Without such a trace, nothing
//! was missed. If there is one, every listed directory is checked again, and those whose names changed since are listed
//! again. That goes on until a round in which no directory changes before it is checked, or two rounds in which only one
//! directory changes, as one for temporary files does: nothing was then renamed from there into another one. A tree that
//! never comes to rest is a gap.

use std::{
    io::{self, Write},
    thread,
};

use rustix::{
    fs::{OFlags, Stat, fstat},
    io::Errno,
};
use scanner_inventory::{FilePath, GapKind};

use super::{Walk, listed::Place};
use crate::listing::{Moment, STEP};

/// How often the directories are checked again.
const MAX_ROUNDS: u32 = 6;
/// Most places that are remembered at which something changed.
const MAX_STIRRED: usize = 16;
/// Most files that are remembered because they changed since the walk began, so that they are not reported again.
const MAX_RECENT: usize = 8_192;

impl Walk<'_> {
    /// Notes that a name may be gone since the walk, or the round, began.
    pub(super) fn stir(&mut self, path: &[u8]) {
        if self.stirred.len() < MAX_STIRRED {
            self.stirred.push(path.to_vec());
        } else {
            // Anywhere.
            self.stirred[0] = Vec::new();
        }
    }

    /// Notes that a directory was listed, and its state then.
    pub(super) fn note(
        &mut self,
        place: Option<Place>,
        seen: &Stat,
        changed: Moment,
        path: &[u8],
    ) -> Option<Place> {
        if changed.may_follow(self.since) {
            self.stir(path);
        }
        match (place, self.at) {
            (Some(place), _) => {
                self.listed.again(place, changed);
                Some(place)
            }
            (None, None) => self.listed.add(None, path, seen, changed),
            (None, parent) => {
                let name = path.rsplit(|byte| *byte == b'/').next();
                self.listed
                    .add(parent, name.unwrap_or_default(), seen, changed)
            }
        }
    }

    /// Whether an entry of a directory that is listed again needs no other look.
    pub(super) fn is_known(&mut self, name: &[u8], stat: &Stat) -> bool {
        let is_recent = Moment::of(stat).may_follow(self.began);
        let Some(parent) = self.at.filter(|_| self.is_again) else {
            if is_recent && self.recent.len() < MAX_RECENT {
                self.recent.insert((self.listed.id(stat), name.to_vec()));
            }
            return false;
        };
        if super::is(stat, rustix::fs::FileType::Directory) {
            return self.listed.moved(stat, parent, name);
        }
        // A file that is renamed or created has a new change time.
        !is_recent || !self.recent.insert((self.listed.id(stat), name.to_vec()))
    }

    /// Finds files that were renamed during the walk.
    pub(super) fn settle(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let mut last: Option<Vec<Place>> = None;
        for _ in 0..MAX_ROUNDS {
            if self.stirred.is_empty() {
                return Ok(());
            }
            if self.listed.is_full {
                break;
            }
            // Changes before the round must have another time than changes in it.
            thread::sleep(STEP);
            self.stirred.clear();
            self.since = Moment::now();
            let changed = self.round(out)?;
            if self.listed.is_full {
                self.stir(b"");
                break;
            }
            let one = last.is_some_and(|last| {
                let mut all = last.iter().chain(&changed);
                let first = all.next().copied();
                all.all(|place| Some(*place) == first)
            });
            if one {
                return Ok(());
            }
            last = Some(changed);
        }
        for path in std::mem::take(&mut self.stirred) {
            self.missing(GapKind::Vanished, &path);
        }
        Ok(())
    }

    /// Checks every directory again, lists those that changed, and returns them with those that are new or gone.
    fn round(&mut self, out: &mut dyn Write) -> io::Result<Vec<Place>> {
        let mut changed = Vec::new();
        let known = self.listed.places().count();
        for place in self.listed.places() {
            let Some((mut path, is_start)) = self.listed.path(place) else {
                continue;
            };
            match self.seen_again(&path, is_start) {
                Ok(stat) if self.listed.is(place, &stat).0 => {
                    if Moment::of(&stat).may_follow(self.since) {
                        self.stir(&path);
                    }
                    if !self.listed.is(place, &stat).1 {
                        changed.push(place);
                        self.list_again(place, &mut path, is_start, out)?;
                    }
                }
                _ => {
                    changed.push(place);
                    self.listed.gone(place);
                    self.stir(&path);
                }
            }
        }
        changed.extend(self.listed.places().skip(known));
        Ok(changed)
    }

    fn seen_again(&self, path: &[u8], is_start: bool) -> Result<Stat, Errno> {
        let dir = self
            .root
            .resolve(&text(path), flags(OFlags::PATH, is_start))?;
        fstat(&dir)
    }

    fn list_again(
        &mut self,
        place: Place,
        path: &mut Vec<u8>,
        is_start: bool,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let opened = self
            .root
            .resolve(&text(path), flags(OFlags::RDONLY, is_start));
        let opened = opened.and_then(|dir| Ok((fstat(&dir)?, dir)));
        match opened {
            Ok((stat, dir)) if self.listed.is(place, &stat).0 => {
                let depth = path.split(|byte| *byte == b'/').count();
                self.is_again = true;
                let listed = self.list(Some(place), &dir, &stat, path, depth, out);
                self.is_again = false;
                listed
            }
            _ => {
                self.missing(GapKind::Vanished, path);
                Ok(())
            }
        }
    }
}

/// A path of bytes in the form that a root accepts; the root itself has an empty one.
fn text(path: &[u8]) -> String {
    let path = if path.is_empty() { b"/" } else { path };
    FilePath::from_bytes(path).to_text()
}

/// A start may be a link; what is listed below is none.
fn flags(how: OFlags, is_start: bool) -> OFlags {
    let flags = how | OFlags::DIRECTORY;
    if is_start {
        flags
    } else {
        flags | OFlags::NOFOLLOW
    }
}
