//! What is wrong with an archive.

use std::io;

/// Why a container runtime would refuse an archive.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault(&'static str);

pub(super) const fn fault(what: &'static str) -> Fault {
    Fault(what)
}

impl From<Fault> for io::Error {
    fn from(Fault(what): Fault) -> Self {
        Self::new(io::ErrorKind::InvalidData, what)
    }
}
