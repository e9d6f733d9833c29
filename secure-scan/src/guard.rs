//! The admission guard: limits scan identities further than RBAC can.
//!
//! An administrator applies what [`render`] gives; [`status`] says whether a cluster has it as this version renders it, and
//! [`test`] attacks it from a real scan identity.

use scanner_core::{Remedy, cause::chain};
use scanner_k8s::{
    CallError, Segment,
    guard::trial,
    plan::{resolve::resolve, scan_id::scan_id},
    scan::PrepareError,
};

use crate::target_selector::TargetSelector;

pub use scanner_k8s::{
    guard::{Attempted, FailedTrial, GuardPart, GuardStatus, GuardTrial, PartState, render},
    names::GUARD_NAME,
};

/// Reads whether the cluster has the guard of that name as this version renders it, for the namespaces of `selector`: a
/// label selector as in the API, `{}` for all.
///
/// # Errors
///
/// Fails when the API server does not answer.
pub async fn status(
    segment: &Segment,
    name: &str,
    selector: &serde_json::Value,
) -> Result<GuardStatus, CallError> {
    GuardStatus::read(segment.operator(), name, selector).await
}

/// Why the guard was not attacked, or not to the end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TestError {
    /// There is no such target; nothing was created.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// It broke off.
    #[error("the guard was not tried, or not all of it: {}", chain(&.0.error))]
    Failed(FailedTrial),
}

impl TestError {
    /// What to do next.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::Prepare(error) => error.remedy(),
            Self::Failed(failed) => failed.error.remedy.clone(),
        }
    }

    /// What could not be shown to be gone.
    pub fn left(&self) -> &[String] {
        match self {
            Self::Prepare(_) => &[],
            Self::Failed(failed) => &failed.left,
        }
    }
}

/// Attacks the guard from a real scan identity whose Role allows all that is tried. Nothing that is tried runs or changes
/// anything, whether the guard holds or not. When `stop` resolves, what was made is released first.
///
/// # Errors
///
/// Fails when the target cannot be found, and when the attempts could not be made.
pub async fn test(
    segment: &Segment,
    target: &TargetSelector,
    stop: impl Future<Output = String>,
) -> Result<GuardTrial, TestError> {
    let request = target
        .request(segment.default_namespace())
        .map_err(PrepareError::Name)?;
    let found = resolve(segment.operator(), &request).await;
    let (target, _) = found.map_err(PrepareError::from)?;
    let id = scan_id().map_err(|_| PrepareError::Internal)?;
    let trial = Box::pin(trial(segment, &target, id, stop)).await;
    trial.map_err(TestError::Failed)
}
