//! An entry of a directory that is walked.

use std::{borrow::Cow, ffi::CStr};

use rustix::fs::{FileType, Stat};

/// How often a directory is listed again for that, or since its names changed while it was listed, in one walk.
pub(super) const MAX_SEARCHES: u32 = 1000;

/// What became of an entry since it was listed.
#[derive(Debug)]
pub(super) enum Found<'n> {
    /// It is there, by this name.
    There(Cow<'n, CStr>, Stat),
    /// It is not in the directory any more: there is nothing to look at.
    Gone,
    /// Another link to it is there. Whether it has a new name beside that one is not known.
    Linked,
    /// It is renamed again and again.
    Restless,
}

pub(super) fn is(stat: &Stat, kind: FileType) -> bool {
    FileType::from_raw_mode(stat.st_mode) == kind
}
