//! How a section ended.

use rustix::io::Errno;
use scanner_inventory::{Gap, GapKind, Gaps};

/// Whether the whole section is in the answer.
pub(crate) enum End {
    Ok,
    /// What is missing, and why.
    Partial(Gaps, String),
    Missing(String),
}

impl End {
    /// That many items are missing at unknown places.
    pub(crate) fn partial(lost: u64, reason: String) -> Self {
        let mut gaps = Gaps::default();
        gaps.add_counted(Gap::new(GapKind::Unknown), lost);
        Self::Partial(gaps, reason)
    }

    /// The same with more gaps, each of one item.
    pub(crate) fn with(self, more: Gaps, why: &str) -> Self {
        if more.is_empty() {
            return self;
        }
        match self {
            Self::Ok => Self::Partial(more, why.to_owned()),
            Self::Partial(mut gaps, reason) => {
                gaps.extend(more.iter().cloned());
                Self::Partial(gaps, format!("{reason}; {why}"))
            }
            Self::Missing(reason) => Self::Missing(reason),
        }
    }

    pub(crate) fn missing(what: &str, error: Errno) -> Self {
        Self::Missing(format!("{what} cannot be read: {error}"))
    }
}
