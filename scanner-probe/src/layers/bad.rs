//! What is wrong with a layer.

use std::io;

/// Why a container runtime would refuse a layer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bad(&'static str);

pub(super) const fn bad(what: &'static str) -> Bad {
    Bad(what)
}

impl From<Bad> for io::Error {
    fn from(Bad(what): Bad) -> Self {
        Self::new(io::ErrorKind::InvalidData, what)
    }
}
