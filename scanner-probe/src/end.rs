//! How a section ended.

use rustix::io::Errno;
use scanner_inventory::GapKind;

/// Whether all of it is in the answer.
pub(crate) enum End {
    Ok,
    /// That many items are missing, how, and why.
    Partial(u64, GapKind, String),
    Missing(String),
}

impl End {
    pub(crate) fn missing(what: &str, error: Errno) -> Self {
        Self::Missing(format!("{what} cannot be read: {error}"))
    }
}
