//! The admission guard: limits scan identities further than RBAC can.
//!
//! An administrator applies what [`render`] gives; [`status`] says whether a cluster has it as this version renders it, and
//! [`test()`] attacks it from a real scan identity.

use scanner_core::{ControlError, ObjectMetadata, Remedy, cause::chain, target::Namespace};
use scanner_k8s::{
    CallError, Segment,
    guard::trial,
    plan::{resolve::resolve, scan_id::scan_id},
    scan::PrepareError,
};
use tokio::sync::oneshot;

use crate::target_selector::TargetSelector;

pub use scanner_k8s::{
    guard::{Attempted, FailedTrial, GuardPart, GuardStatus, GuardTrial, PartState, render},
    names::GUARD_NAME,
};

/// Reads whether the cluster has the guard of that name as this version renders it, for the namespaces of `selector`: a
/// label selector as in the API, `{}` for all; `homes` are the namespaces of identities that it was rendered for.
///
/// # Errors
///
/// Fails when the API server does not answer.
pub async fn status(
    segment: &Segment,
    name: &str,
    selector: &serde_json::Value,
    homes: &[Namespace],
) -> Result<GuardStatus, CallError> {
    GuardStatus::read(segment.operator(), name, selector, homes).await
}

/// Why a test of the guard ends if nobody waits for it.
const UNWANTED: &str = "the caller";

/// Why the guard was not attacked, or not to the end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TestError {
    /// There is no such target; nothing was created.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// The test broke off.
    #[error("the guard could not be tested, or only in part: {}", chain(&.0.error))]
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

    /// What is not confirmed deleted.
    pub fn left(&self) -> &[String] {
        match self {
            Self::Prepare(_) => &[],
            Self::Failed(failed) => &failed.left,
        }
    }
}

/// Attacks the guard from a real scan identity whose Role allows every attempt. No attempt runs or changes anything, even
/// if the guard does not hold. If `stop` resolves or the returned future is dropped, the test deletes what it created; after
/// a drop it needs a runtime that still runs.
///
/// The identity lives in the target's namespace, or in `home`, as those of scans with [`Scan::identity_namespace`] do. What
/// the test creates has `metadata` beside its own labels, as with [`Scan::label`].
///
/// [`Scan::identity_namespace`]: crate::Scan::identity_namespace
/// [`Scan::label`]: crate::Scan::label
///
/// # Errors
///
/// Fails when the target cannot be found, and when the attempts could not be made.
pub async fn test(
    segment: &Segment,
    target: &TargetSelector,
    home: Option<&Namespace>,
    metadata: &ObjectMetadata,
    stop: impl Future<Output = String>,
) -> Result<GuardTrial, TestError> {
    let request = target
        .request(segment.default_namespace())
        .map_err(PrepareError::Name)?;
    let found = resolve(segment.operator(), &request).await;
    let target = found.map_err(PrepareError::from)?.target;
    let id = scan_id();
    // In a task of its own: a caller who stops waiting does not stop the release.
    let (sender, stopped) = oneshot::channel();
    let (segment, home, metadata) = (segment.clone(), home.cloned(), metadata.clone());
    let mut running = tokio::spawn(async move {
        let stop = async { stopped.await.unwrap_or_else(|_| UNWANTED.to_owned()) };
        trial(&segment, &target, home.as_ref(), metadata, id, stop).await
    });
    let ended = tokio::select! {
        ended = &mut running => ended,
        reason = stop => {
            let _ = sender.send(reason);
            running.await
        }
    };
    match ended {
        Ok(trial) => trial.map_err(TestError::Failed),
        Err(error) => Err(TestError::Failed(FailedTrial {
            error: ControlError::new("the test of the guard ended early").with_source(error),
            left: vec!["what it made, until its lease ends".into()],
        })),
    }
}
