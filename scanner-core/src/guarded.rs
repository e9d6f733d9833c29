//! The control stage: the one place that puts controls in place, makes the witnesses, and releases.
//!
//! [`guarded`] surrounds some [`Work`] with controls, in the order that every scan has: gates, controls that can be
//! shown before the scan identity has any rights, [`Work::prepare`], access, the controls that need it,
//! [`Work::open`], revocation, [`Work::look`], release in reverse order, and proof that nothing is left. From the first
//! control on, release runs whatever happens: an error, a panic, an interrupt. A scan, a loan of access and a trial of
//! the admission guard are three kinds of work.

mod panic;
mod record;
mod release;
mod setup;
mod stages;

use std::{future::Future, panic::AssertUnwindSafe, pin::pin, time::Instant};

use futures_util::{
    FutureExt as _,
    future::{Either, select},
};

use crate::{
    control::ControlScope,
    event::Event,
    failure::{Failure, FailureKind},
    remedy::Remedy,
    report::ScanReport,
    stage::Stage,
};

pub(crate) use panic::panic_text;
use record::RunRecord;

pub use crate::work::{Outcome, Work};
pub use setup::Setup;

/// Surrounds `work` with controls. `interrupt` resolves to a reason when the work must stop.
///
/// Does not fail: whatever happens is in the report. When `interrupt` resolves, or a stage fails or panics, everything
/// that was made is released and its absence verified first. Controls that are not those of the plan, or no lease
/// among them, are a failure before anything is made.
pub async fn guarded(
    mut setup: Setup<'_>,
    work: &mut dyn Work,
    interrupt: impl Future<Output = String>,
) -> ScanReport {
    let started = Instant::now();
    setup.controls.sort_by_key(|control| control.phase());
    let mut record = RunRecord::new(&setup);
    let scopes: Vec<ControlScope<'_>> = setup
        .controls
        .iter()
        .map(|_| {
            ControlScope::new(&setup.plan, setup.objects.as_deref(), &setup.alerts)
                .observed_by(setup.observer)
        })
        .collect();
    let mut interrupted = None;
    let failure = if let Some(why) = setup.mismatch() {
        Some(Failure::new(Stage::Plan, FailureKind::Internal, why).with_remedy(Remedy::ReportBug))
    } else {
        let run = stages::run(&setup, &scopes, work, &mut record);
        let interrupt = AssertUnwindSafe(interrupt).catch_unwind();
        match select(pin!(AssertUnwindSafe(run).catch_unwind()), pin!(interrupt)).await {
            Either::Left((Ok(Ok(())), _)) => None,
            Either::Left((Ok(Err(failure)), _)) => Some(failure),
            Either::Left((Err(panic), _)) => Some(panic::failure(Stage::Resolve, panic.as_ref())),
            Either::Right((reason, _)) => {
                // If the program can no longer stop the work, the work ends.
                let reason = reason.unwrap_or_else(|panic| panic_text(panic.as_ref()).to_owned());
                let message = format!("interrupted by {reason}");
                interrupted = Some(Event::Interrupted { reason });
                let kind = FailureKind::Interrupted;
                Some(Failure::new(Stage::Resolve, kind, message))
            }
        }
    };
    record.must_release();
    if let Some(event) = interrupted {
        record.emit(&event);
    }
    if let Some(failure) = failure {
        record.fail(failure);
    }
    // A stream that stays open would keep its agent running in the target.
    if let Err(panic) = AssertUnwindSafe(work.close()).catch_unwind().await {
        record.fail(panic::failure(Stage::Release, panic.as_ref()));
    }
    release::all(&setup, &scopes, &mut record).await;
    drop(scopes);
    let trust = work.trust();
    record.into_report(setup, trust, started.elapsed())
}

#[cfg(test)]
mod tests;
