//! Why a stage of a control failed, and what that means for the scan.

use crate::{alert::SecurityAlert, failure::FailureKind, remedy::Remedy};

/// Why a stage of a control failed.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct ControlError {
    /// What went wrong, for a reader.
    pub message: String,
    /// What kind of failure it is; [`FailureKind::Unknown`] becomes "this control does not hold" in a report.
    pub kind: FailureKind,
    /// What to do next.
    pub remedy: Option<Remedy>,
    /// The cause.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl ControlError {
    /// The control does not hold, or what it made may be left.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            kind: FailureKind::Unknown,
            remedy: None,
            source: None,
        }
    }

    /// The same with its kind.
    #[must_use]
    pub fn with_kind(mut self, kind: FailureKind) -> Self {
        self.kind = kind;
        self
    }

    /// The same with what to do next.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<Option<Remedy>>) -> Self {
        self.remedy = remedy.into();
        self
    }

    /// The same with its cause.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }
}

/// Why a control was not verified, and what that means for the scan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// It does not hold: the target is not touched.
    #[error(transparent)]
    NotHeld(#[from] ControlError),
    /// It does not hold, or that cannot be seen, and the scan may go on without it unless the policy requires it. The
    /// report says so.
    #[error("{0}")]
    Tolerated(#[source] ControlError),
    /// The part of the cluster that the control needs is not installed. The report says so, and the scan goes on unless the
    /// policy requires the control.
    #[error("{0}")]
    Absent(#[source] ControlError),
    /// Something that somebody must look into; the target is not touched.
    #[error("{}", .0.message)]
    Alert(SecurityAlert),
}

/// Why the release of a control was not verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// Something is left, or that could not be seen: cleanup is not verified.
    #[error(transparent)]
    Left(#[from] ControlError),
    /// What was found is about something else than the target: the findings are discarded.
    #[error("{0}")]
    EvidenceInvalid(#[source] ControlError),
}

impl VerifyError {
    /// The error itself; `None` for an alert.
    pub fn error(&self) -> Option<&ControlError> {
        match self {
            Self::NotHeld(error) | Self::Tolerated(error) | Self::Absent(error) => Some(error),
            Self::Alert(_) => None,
        }
    }
}
