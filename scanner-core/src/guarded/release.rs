//! The release: every control in reverse order, each even when another failed, and proof that all of it is gone.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
};

use futures_util::{FutureExt as _, future::join_all};

use super::{
    panic::internal,
    record::{Released, RunRecord},
    setup::Setup,
};
use crate::{
    control::{ControlError, ControlScope, ReleaseError, SecurityControl},
    event::Event,
    evidence::{AuditCheck, AuditOutcome, Evidence, PostScanAudit},
    remedy::Remedy,
    stage::Stage,
};

/// Releases every control in reverse order, then verifies in the same order, then audits.
pub(super) async fn all(
    setup: &Setup<'_>,
    scopes: &[ControlScope<'_>],
    record: &mut RunRecord<'_>,
) {
    if !record.touched {
        record.stop();
        return;
    }
    let pairs = || setup.controls.iter().zip(scopes).enumerate().rev();
    record.start(Stage::Release);
    for (index, (control, scope)) in pairs() {
        let outcome = release(control.as_ref(), scope).await;
        record.released(index, Stage::Release, outcome);
    }
    record.start(Stage::VerifyRelease);
    // These only look, so they run all at once; their results are reported in order.
    let looks =
        pairs().map(|(_, (control, scope))| caught(verify_release(control.as_ref(), scope)));
    let looks = join_all(looks).await;
    for ((index, _), outcome) in pairs().zip(looks) {
        record.released(index, Stage::VerifyRelease, outcome);
    }
    record.start(Stage::PostScanAudit);
    let mut checks: Vec<AuditCheck> = Vec::new();
    for control in &setup.controls {
        match catch_unwind(AssertUnwindSafe(|| control.post_scan())) {
            Ok(found) => checks.extend(found),
            Err(panic) => {
                let why = internal(panic.as_ref());
                record
                    .cleanup_failures
                    .push(format!("{}: {why}", control.id()));
            }
        }
    }
    for check in &checks {
        record.emit(&Event::Audited(check.clone()));
        if check.outcome == AuditOutcome::NotVerified {
            let why = check.evidence.join("; ");
            record.cleanup_failures.push(format!("{}: {why}", check.id));
        }
    }
    record.post_scan = (!checks.is_empty()).then(|| PostScanAudit::new(checks));
    record.stop();
}

/// Releases a control and deletes what it created through its scope, even when its own release failed or panicked.
async fn release(control: &dyn SecurityControl, scope: &ControlScope<'_>) -> Released {
    let own = caught(async { Ok(control.release(scope).await?) }).await;
    match (own, caught(delete_created(scope)).await) {
        (Released::Returned(Ok(mut evidence)), Released::Returned(Ok(deleted))) => {
            evidence.0.extend(deleted.0);
            Released::Returned(Ok(evidence))
        }
        (Released::Returned(Ok(_)), failed) => failed,
        (own, _) => own,
    }
}

/// Deletes what a control created through its scope, the last object first, each even when another failed.
async fn delete_created(scope: &ControlScope<'_>) -> Result<Evidence, ReleaseError> {
    scope.settle().await;
    let mut deleted = Evidence::none();
    let mut failed = None;
    for object in scope.created_objects().iter().rev() {
        match scope.delete(object).await {
            Ok(what) => deleted.0.push(what),
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(deleted), |error| Err(error.into()))
}

/// Shows that what a control made is gone, what it created through its scope included.
async fn verify_release(
    control: &dyn SecurityControl,
    scope: &ControlScope<'_>,
) -> Result<Evidence, ReleaseError> {
    let mut evidence = control.verify_release(scope).await?;
    for object in scope.created_objects() {
        if scope.get(&object).await?.is_some() {
            return Err(ControlError::new(format!("{object} still exists")).into());
        }
        evidence
            .0
            .push(format!("{object} (uid {}) is gone", object.uid));
    }
    evidence.0.extend(scope.verify_gone().await?.0);
    Ok(evidence)
}

fn internal_error(panic: &(dyn std::any::Any + Send)) -> ControlError {
    ControlError::new(internal(panic)).with_remedy(Remedy::ReportBug)
}

/// What came of a step of the release; a panic is an error, so that the other controls have their turn.
async fn caught(step: impl Future<Output = Result<Evidence, ReleaseError>>) -> Released {
    match AssertUnwindSafe(step).catch_unwind().await {
        Ok(result) => Released::Returned(result),
        Err(panic) => Released::Panicked(internal_error(panic.as_ref())),
    }
}
