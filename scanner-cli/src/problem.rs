//! Why there is no report, and the exit codes.

use secure_scan::{CallError, PrepareError, PrepareErrorKind, Remedy, core::cause::chain};

use crate::remedy::remedy_words;

/// Exit code of wrong usage, and of something that was named but cannot be used: a profile, a kubeconfig, a file, a
/// namespace.
pub(crate) const USAGE: u8 = 2;
/// Exit code of a scan that could not be done.
pub(crate) const NOT_DONE: u8 = 3;
/// Exit code of a target that a gate refused.
pub(crate) const GATE: u8 = 4;
/// Exit code of a cleanup that was not verified.
pub(crate) const CLEANUP: u8 = 5;

/// Why there is no report.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) code: u8,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Problem {
    /// Wrong usage, or something that was named and cannot be used.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            code: USAGE,
            message: message.into(),
            hint: Some(hint.into()),
        }
    }

    /// Something that could not be done.
    pub(crate) fn not_done(message: impl Into<String>, remedy: Option<&Remedy>) -> Self {
        Self {
            code: NOT_DONE,
            message: message.into(),
            hint: remedy.map(remedy_words),
        }
    }
}

impl From<PrepareError> for Problem {
    fn from(error: PrepareError) -> Self {
        let code = match error.kind() {
            PrepareErrorKind::Usage => USAGE,
            _ if error.is_unknown_name() => USAGE,
            _ => NOT_DONE,
        };
        let created = "nothing was created";
        let hint = error.remedy().map(|remedy| match error.kind() {
            PrepareErrorKind::Forbidden | PrepareErrorKind::Strategy => {
                format!("{}; {created}", remedy_words(&remedy))
            }
            _ => remedy_words(&remedy),
        });
        Self {
            code,
            message: chain(&error),
            hint,
        }
    }
}

impl From<CallError> for Problem {
    fn from(error: CallError) -> Self {
        Self::not_done(chain(&error), error.remedy().as_ref())
    }
}
