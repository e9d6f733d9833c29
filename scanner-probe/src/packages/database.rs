//! The common part of readers of databases: a database may be larger than the memory that a probe may use, and its bytes
//! are hostile.

use std::io;

use crate::tree::ReadAt;

/// Why a database cannot be read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bad {
    /// It breaks the format.
    Format,
    /// It has no such table.
    Table,
    /// It is larger than the limit.
    Large,
    /// It was written to in the meantime.
    Changed,
}

impl std::fmt::Display for Bad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Format => "it is not a whole database of its format",
            Self::Table => "it has no such table",
            Self::Large => "it is too large",
            Self::Changed => "it was written to while it was read",
        })
    }
}

/// A receiver of the values of a database.
pub(super) type Take<'a> = &'a mut dyn FnMut(&[u8]) -> io::Result<()>;

/// Why reading stops: because of the database, or of the receiver.
pub(super) enum Stop {
    Bad(Bad),
    Taker(io::Error),
}

impl From<Bad> for Stop {
    fn from(bad: Bad) -> Self {
        Self::Bad(bad)
    }
}

/// The inner error is about the database; the outer one comes from the receiver.
pub(super) fn ended(file: &dyn ReadAt, read: Result<(), Stop>) -> io::Result<Result<(), Bad>> {
    match read {
        // A database that changed meanwhile is reported only as changed.
        Ok(()) | Err(Stop::Bad(_)) if !file.is_unchanged() => Ok(Err(Bad::Changed)),
        Ok(()) => Ok(Ok(())),
        Err(Stop::Bad(bad)) => Ok(Err(bad)),
        Err(Stop::Taker(error)) => Err(error),
    }
}

pub(super) fn read(file: &dyn ReadAt, into: &mut [u8], offset: u64) -> Result<(), Bad> {
    file.read_exact_at(into, offset).map_err(|_| Bad::Format)
}
