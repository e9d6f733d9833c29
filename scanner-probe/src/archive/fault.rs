//! What is wrong with an archive of an image.

use std::io;

/// The archive is broken, or disagrees with itself.
pub(super) fn bad(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// The archive holds something that this program does not read.
pub(super) fn other(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}
