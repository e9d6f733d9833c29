//! Why a local scan could not begin.

use scanner_core::{Remedy, Subject};

/// Why a local scan could not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalError {
    /// What was named does not exist, may not be read, or is something else.
    #[error("cannot open {subject}")]
    Unusable {
        /// What was named.
        subject: Box<Subject>,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// What was named exists, but is damaged.
    #[error("cannot read {subject}")]
    Damaged {
        /// What was named.
        subject: Box<Subject>,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It could not be opened in time.
    #[error("{subject} was given up: it could not be opened within {seconds} s")]
    TooLate {
        /// What was named.
        subject: Box<Subject>,
        /// The limit.
        seconds: u64,
    },
    /// Nothing says how the subject is reached.
    #[error(
        "nothing says how to reach {0}: a scan needs a strategy, a directory, a process or an archive"
    )]
    NoStrategy(Box<Subject>),
    /// There is no engine to evaluate what is found.
    #[error("a scan needs at least one engine")]
    NoEngine,
}

impl LocalError {
    /// Whether the request itself is wrong, so that trying again is useless.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Unusable { .. } | Self::NoStrategy(_) | Self::NoEngine
        )
    }

    /// What to do next.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::Unusable { .. } | Self::Damaged { .. } => Some(Remedy::advice(
                "name a directory, a process or an archive of an image that this user may read",
            )),
            Self::TooLate { .. } => Some(super::reader::longer()),
            Self::NoStrategy(_) | Self::NoEngine => None,
        }
    }

    pub(super) fn of(subject: &Subject, source: std::io::Error) -> Self {
        let subject = Box::new(subject.clone());
        match source.kind() {
            std::io::ErrorKind::InvalidData => Self::Damaged { subject, source },
            _ => Self::Unusable { subject, source },
        }
    }
}
