//! Why a program cannot be given access.

use scanner_core::Remedy;

use crate::{
    api::call::CallError,
    names::GUARD_NAME,
    plan::{
        lease::{MAX_LEASE, MIN_LEASE},
        preflight::MissingRights,
        resolve::ResolveError,
    },
};

/// Why a program cannot be given access. Nothing was created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoanError {
    /// There is no such target.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The API server did not answer a question.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The operator may not do all of it.
    #[error(transparent)]
    Forbidden(#[from] MissingRights),
    /// What a program does with access is not known before, and a guard asks for it.
    #[error("the cluster has the admission guard, and {}", if *.asked {
        "you may not give its limits"
    } else {
        "what the program will run is not known"
    })]
    Guarded {
        /// Whether the operator wanted to allow everything, and may not.
        asked: bool,
    },
    /// The lease is out of its bounds.
    #[error("a lease of {0} s is not between {MIN_LEASE} and {MAX_LEASE} s")]
    Lease(u32),
}

impl LoanError {
    /// Whether the request itself is wrong, on any cluster.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Resolve(ResolveError::Selector(..)) | Self::Lease(_)
        )
    }

    /// What to do next.
    pub fn remedy(&self) -> Option<Remedy> {
        Some(match self {
            Self::Resolve(error) => return error.remedy(),
            Self::Call(error) => return error.remedy(),
            Self::Forbidden(_) => Remedy::AskAdministrator,
            Self::Guarded { asked: true } => Remedy::BindGuardLimits {
                role: format!("{GUARD_NAME}-limits"),
            },
            Self::Guarded { asked: false } => Remedy::AllowAnyCommand,
            Self::Lease(_) => Remedy::advice("choose a lease within these bounds"),
        })
    }
}
