//! An entry of a directory that is walked.

use std::{borrow::Cow, ffi::CStr};

use rustix::fs::{FileType, Stat};

/// How often directories are listed again in one walk to find renamed entries, and how often because names changed
/// meanwhile.
pub(super) const MAX_SEARCHES: u32 = 1000;
/// How often one directory is listed again because its names changed meanwhile.
pub(super) const MAX_LISTINGS: u32 = 5;

/// What became of an entry since it was listed.
#[derive(Debug)]
pub(super) enum Found<'n> {
    /// It is there, by this name.
    There(Cow<'n, CStr>, Stat),
    /// It is not in the directory any more.
    Gone,
    /// Another link to it is there. Whether it has a new name beside that one is not known.
    Linked,
    /// It is renamed again and again.
    Restless,
}

pub(super) fn is(stat: &Stat, kind: FileType) -> bool {
    FileType::from_raw_mode(stat.st_mode) == kind
}
