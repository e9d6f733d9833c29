//! Why a program cannot be given access.

use scanner_core::{Remedy, target::Namespace};

use super::terms::MAX_EXECS;
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
    /// The operator may not give the limits that an admission guard asks for.
    #[error("the cluster has the admission guard, but you may not grant its limits")]
    Guarded,
    /// An admission guard gives no terminal.
    #[error("the cluster has the admission guard, which allows no program a terminal")]
    GuardedTerminal,
    /// The terms allow no exec.
    #[error("the program would be allowed no exec")]
    NothingAllowed,
    /// The terms allow more execs than one loan can.
    #[error("{0} execs are more than the {MAX_EXECS} that one loan can allow")]
    TooManyExecs(u64),
    /// The lease is out of its bounds.
    #[error("a lease of {0} s is not between {MIN_LEASE} and {MAX_LEASE} s")]
    Lease(u32),
    /// The identity's namespace is the one of the pod.
    #[error("namespace {0} of the pod cannot be the identity namespace")]
    IdentityNamespace(Namespace),
}

impl LoanError {
    /// Whether the request itself is wrong: on any cluster, or because it names something that does not exist.
    pub fn is_usage(&self) -> bool {
        if let Self::Resolve(error) = self {
            return error.is_unknown_name() || matches!(error, ResolveError::Selector(..));
        }
        matches!(
            self,
            Self::Lease(_)
                | Self::IdentityNamespace(_)
                | Self::NothingAllowed
                | Self::TooManyExecs(_)
        )
    }

    /// What to do next.
    pub fn remedy(&self) -> Option<Remedy> {
        Some(match self {
            Self::Resolve(error) => return of_pod(error),
            Self::Call(error) => return error.remedy(),
            Self::Forbidden(_) => Remedy::AskAdministrator,
            Self::Guarded => Remedy::BindGuardLimits {
                role: format!("{GUARD_NAME}-limits"),
            },
            Self::GuardedTerminal => Remedy::advice("do without a terminal"),
            Self::NothingAllowed => Remedy::AllowCommands,
            Self::TooManyExecs(_) => Remedy::advice("allow fewer, or lend access several times"),
            Self::IdentityNamespace(_) => {
                Remedy::advice("name a namespace in which the owners of the pod have no rights")
            }
            Self::Lease(_) => Remedy::advice("choose a lease within these bounds"),
        })
    }
}

/// What to do where a pod is not found: a loan is for a pod, so a workload is never offered.
fn of_pod(error: &ResolveError) -> Option<Remedy> {
    match error {
        ResolveError::NoPod {
            namespace,
            name,
            similar,
        } => {
            let pods = similar.iter().filter(|name| !name.contains('/'));
            let error = ResolveError::NoPod {
                namespace: namespace.clone(),
                name: name.clone(),
                similar: pods.cloned().collect(),
            };
            error.remedy()
        }
        ResolveError::Terminating { .. } => Some(Remedy::advice(
            "list the pods again, and name one that is not being deleted",
        )),
        error => error.remedy(),
    }
}
