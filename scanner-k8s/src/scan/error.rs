//! Why a scan cannot be prepared.

use scanner_core::Remedy;

use crate::{
    api::call::CallError,
    plan::{
        lease::{MAX_LEASE, MIN_LEASE},
        preflight::MissingRights,
        resolve::ResolveError,
    },
    pod::access_planner::Refusal,
    strategies::{
        attached::NoSidecar,
        sidecar::{HelperRefusal, SidecarRefusal},
    },
};

/// Why a scan cannot be prepared. Nothing was created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrepareError {
    /// There is no such target.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The API server did not answer a question.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The operator may not do all that a scan needs.
    #[error(transparent)]
    Forbidden(#[from] MissingRights),
    /// The pod was not deployed with a sidecar.
    #[error(transparent)]
    NoSidecar(#[from] NoSidecar),
    /// No probe may look at this target.
    #[error(transparent)]
    Probe(#[from] Refusal),
    /// No pod of the scan's own may look at this target.
    #[error(transparent)]
    Sidecar(#[from] SidecarRefusal),
    /// The lease is out of its bounds.
    #[error("a lease of {0} s is not between {MIN_LEASE} and {MAX_LEASE} s")]
    Lease(u32),
    /// The identity would live where the target does.
    #[error("namespace {0} of the target cannot be the identity namespace")]
    IdentityNamespace(scanner_core::target::Namespace),
    /// The agent could never send anything.
    #[error("an idle timeout of 0 s leaves the agent no time to answer")]
    IdleTimeout,
    /// A control has the identifier of another: of a shipped one, or of one that was given before.
    #[error("control {0:?} has the identifier of another control")]
    ControlId(String),
    /// A policy requires a control that is not supplied.
    #[error("the policy requires control {id:?}, and there is none of that name")]
    UnknownControl {
        /// Its name.
        id: String,
        /// Controls whose names are similar.
        similar: Vec<String>,
    },
    /// Two engines have one name, so that their results could not be kept apart.
    #[error("two engines are named {0:?}")]
    EngineName(String),
    /// There is no engine to evaluate what is found.
    #[error("a scan needs at least one engine")]
    NoEngine,
    /// A name that was given cannot be one.
    #[error(transparent)]
    Name(#[from] scanner_core::target::InvalidName),
    /// A label or an annotation that was given cannot be one.
    #[error(transparent)]
    Metadata(#[from] scanner_core::InvalidMetadata),
}

/// Kinds of [`PrepareError`], to branch on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PrepareErrorKind {
    /// There is no such target, or it does not run.
    NoTarget,
    /// The request itself is wrong, on any cluster.
    Usage,
    /// The operator may not do all of it.
    Forbidden,
    /// The server did not answer, or failed.
    Unreachable,
    /// The target cannot be reached with this strategy.
    Strategy,
}

impl PrepareError {
    /// What kind of failure it is.
    pub fn kind(&self) -> PrepareErrorKind {
        match self {
            Self::Resolve(ResolveError::Selector(..))
            | Self::Lease(_)
            | Self::IdentityNamespace(_)
            | Self::IdleTimeout
            | Self::ControlId(_)
            | Self::UnknownControl { .. }
            | Self::EngineName(_)
            | Self::NoEngine
            | Self::Name(_)
            | Self::Metadata(_) => PrepareErrorKind::Usage,
            Self::Resolve(ResolveError::Call(error)) | Self::Call(error) => {
                if error.is_forbidden() {
                    PrepareErrorKind::Forbidden
                } else {
                    PrepareErrorKind::Unreachable
                }
            }
            Self::Resolve(error) if !matches!(error, ResolveError::NotRunnable(_)) => {
                PrepareErrorKind::NoTarget
            }
            Self::Forbidden(_) => PrepareErrorKind::Forbidden,
            Self::Resolve(_) | Self::NoSidecar(_) | Self::Probe(_) | Self::Sidecar(_) => {
                PrepareErrorKind::Strategy
            }
        }
    }

    /// Whether a right is missing, by a review or by the answer of a call.
    pub fn is_forbidden(&self) -> bool {
        self.kind() == PrepareErrorKind::Forbidden
    }

    /// Whether there is no object of the given name, or a container must be named.
    pub fn is_unknown_name(&self) -> bool {
        match self {
            Self::Resolve(error) => error.is_unknown_name(),
            Self::Sidecar(SidecarRefusal::Helper(refusal)) => {
                matches!(refusal, HelperRefusal::NotFound { .. })
            }
            _ => false,
        }
    }

    /// What to do next.
    pub fn remedy(&self) -> Option<Remedy> {
        Some(match self {
            Self::Resolve(error) => return error.remedy(),
            Self::Call(error) => return error.remedy(),
            Self::Forbidden(missing) if missing.for_trial_alone => Remedy::AllowImageTrial,
            Self::Forbidden(_) => Remedy::AskAdministrator,
            Self::NoSidecar(_) => Remedy::DeploySidecar,
            Self::Probe(refusal) => return Some(refusal.remedy()),
            Self::Sidecar(refusal) => refusal.remedy(),
            Self::Lease(_) => Remedy::advice("choose a lease within these bounds"),
            Self::IdentityNamespace(_) => Remedy::advice(
                "name a namespace in which the owners of the target have no rights, or leave the option out",
            ),
            Self::IdleTimeout => Remedy::advice("choose a longer idle timeout, or none"),
            Self::ControlId(_) => {
                Remedy::advice("give the control a name of its own, such as acme-ticket")
            }
            Self::UnknownControl { similar, .. } => {
                let correct = Remedy::advice("correct the policy, or supply the control");
                Remedy::did_you_mean(similar, correct)
            }
            Self::EngineName(_) => Remedy::advice("give each engine a name of its own"),
            Self::NoEngine => Remedy::advice("give the scan an engine, such as a profile"),
            Self::Name(_) => Remedy::advice("correct the name"),
            Self::Metadata(_) => Remedy::advice("correct the label or annotation, or leave it out"),
        })
    }
}
