//! Why an exec has no result, as a kind that is decided where the error is made.

use std::time::Duration;

use scanner_core::{ControlError, FailureKind, Remedy};
use tokio_tungstenite::tungstenite::Error as WsError;

use super::output::Refusal;
use crate::api::call::{CallError, CallErrorKind, ForbiddenBy};

/// Why a run has no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecError {
    /// The server did not open the stream.
    #[error(transparent)]
    NotOpened(#[from] CallError),
    /// More output than allowed.
    #[error("the target sent more than {0} bytes")]
    TooLong(u64),
    /// No end in time.
    #[error("the target did not finish in time")]
    TooLate,
    /// No output for as long as that.
    #[error("the agent sent nothing for {} s", .0.as_secs_f64())]
    Silent(Duration),
    /// Whoever reads the output wants no more of it.
    #[error("what the target sent was refused")]
    Refused(#[source] Refusal),
    /// The stream ended without a status.
    #[error("the stream was cut: it ended without a status")]
    Cut,
    /// The connection failed.
    #[error("the connection failed")]
    ConnectionFailed(#[source] Box<WsError>),
    /// The container has no `/bin/sh`.
    #[error("the command failed in the target: {server} {stderr}")]
    NoShell {
        /// The server's message.
        server: String,
        /// What came on standard error.
        stderr: String,
    },
    /// The command could not be run, or failed.
    #[error("the command failed in the target: {server} {stderr}")]
    Failed {
        /// The server's message.
        server: String,
        /// What the command itself wrote to standard error.
        stderr: String,
        /// Its exit code, where it ran.
        exit_code: Option<u8>,
    },
}

/// Kinds of [`ExecError`], to branch on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExecErrorKind {
    /// The server did not open the stream, for another reason than those below.
    NotOpened(CallErrorKind),
    /// The server refused to open it.
    Forbidden {
        /// Who refused it.
        by: ForbiddenBy,
    },
    /// The container has no `/bin/sh`.
    NoShell,
    /// The command could not be run, or failed.
    Failed,
    /// More output than allowed.
    TooLong,
    /// No end in time.
    TooLate,
    /// No output for too long.
    Silent,
    /// Whoever reads the output wants no more of it.
    Refused,
    /// The stream ended without a status.
    Cut,
    /// The connection failed.
    ConnectionFailed,
}

impl ExecError {
    /// What kind of failure it is.
    pub fn kind(&self) -> ExecErrorKind {
        match self {
            Self::NotOpened(error) => match error.kind() {
                CallErrorKind::Forbidden { by } => ExecErrorKind::Forbidden { by },
                kind => ExecErrorKind::NotOpened(kind),
            },
            Self::TooLong(_) => ExecErrorKind::TooLong,
            Self::TooLate => ExecErrorKind::TooLate,
            Self::Silent(_) => ExecErrorKind::Silent,
            Self::Refused(_) => ExecErrorKind::Refused,
            Self::Cut => ExecErrorKind::Cut,
            Self::ConnectionFailed(_) => ExecErrorKind::ConnectionFailed,
            Self::NoShell { .. } => ExecErrorKind::NoShell,
            Self::Failed { .. } => ExecErrorKind::Failed,
        }
    }

    /// What kind of failure of a scan this is.
    pub fn failure_kind(&self) -> FailureKind {
        match self.kind() {
            ExecErrorKind::Forbidden { by } => FailureKind::ExecForbidden { by: by.into() },
            ExecErrorKind::NotOpened(CallErrorKind::Timeout | CallErrorKind::Unreachable)
            | ExecErrorKind::ConnectionFailed => FailureKind::Unreachable,
            ExecErrorKind::NotOpened(_) => FailureKind::Unknown,
            ExecErrorKind::NoShell => FailureKind::NoShell,
            ExecErrorKind::Failed => FailureKind::CommandFailed,
            ExecErrorKind::TooLong => FailureKind::TooLong,
            ExecErrorKind::TooLate | ExecErrorKind::Silent => FailureKind::TooLate,
            ExecErrorKind::Refused => FailureKind::AnswerUnusable,
            ExecErrorKind::Cut => FailureKind::Cut,
        }
    }

    /// What to do next, where the server did not open the stream.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::NotOpened(error) => error.remedy(),
            _ => None,
        }
    }

    /// This failure as the failure of a control.
    pub fn of_control(self) -> ControlError {
        match self {
            Self::NotOpened(error) => error.of_control(),
            error => ControlError::new("the exec failed")
                .with_kind(error.failure_kind())
                .with_source(error),
        }
    }

    /// Why, without a word from the target.
    pub(super) fn class(&self) -> String {
        match self {
            Self::Failed { .. } | Self::NoShell { .. } => "the command failed in the target".into(),
            error => error.to_string(),
        }
    }
}
