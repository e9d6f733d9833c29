//! The scan pipeline: from the first control put in place, release runs whatever happens.

mod record;
mod stages;

use std::{future::Future, panic::AssertUnwindSafe, pin::pin, time::Instant};

use futures_util::{
    FutureExt,
    future::{Either, select},
};
use serde::{Deserialize, Serialize};

use crate::{
    control::SecurityControl,
    engine::ScanEngine,
    event::{Event, Observer},
    finding::Severity,
    gate::Gate,
    plan::ScanPlan,
    report::{Failure, ScanReport},
    strategy::ScanStrategy,
};

use record::Recorder;

/// What to do about a panic.
const BUG: &str = "this is a bug in secure-scan; please report it";

/// A stage of a scan, in order.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Find the target and pin it.
    Resolve,
    /// Make the plan.
    Plan,
    /// Judge the target before it is touched.
    Gate,
    /// Put the controls in place.
    Enforce,
    /// Show that the controls hold.
    Verify,
    /// Open the way into the target.
    Open,
    /// Withdraw what is not needed once all streams are open.
    Seal,
    /// Collect the inventory.
    Collect,
    /// Judge what was collected.
    Evaluate,
    /// Remove what the controls made, in reverse order.
    Release,
    /// Show that all of it is gone.
    VerifyRelease,
    /// Show what else must hold after a scan.
    PostScanAudit,
}

impl Stage {
    /// Its name, as in the JSON form.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Plan => "plan",
            Self::Gate => "gate",
            Self::Enforce => "enforce",
            Self::Verify => "verify",
            Self::Open => "open",
            Self::Seal => "seal",
            Self::Collect => "collect",
            Self::Evaluate => "evaluate",
            Self::Release => "release",
            Self::VerifyRelease => "verify_release",
            Self::PostScanAudit => "post_scan_audit",
        }
    }

    /// What the scan does in it, for progress.
    pub const fn doing(self) -> &'static str {
        match self {
            Self::Resolve => "resolving the target",
            Self::Plan => "planning",
            Self::Gate => "judging the target before touching it",
            Self::Enforce => "putting controls in place",
            Self::Verify => "verifying controls with the API server",
            Self::Open => "opening the target",
            Self::Seal => "burning the credential",
            Self::Collect => "collecting",
            Self::Evaluate => "evaluating",
            Self::Release => "releasing what the scan created",
            Self::VerifyRelease => "verifying that nothing is left and the token is refused",
            Self::PostScanAudit => "auditing what the scan left",
        }
    }
}

/// Everything that a scan needs; [`Pipeline::run`] is the scan.
pub struct Pipeline<'a> {
    /// What will be done.
    pub plan: ScanPlan,
    /// Gates, in order.
    pub gates: Vec<Box<dyn Gate>>,
    /// Controls, in order of enforcement; released in reverse.
    pub controls: Vec<Box<dyn SecurityControl>>,
    /// Ids of controls that must hold, also where their failure would be tolerated.
    pub required: Vec<String>,
    /// How the target is reached.
    pub strategy: Box<dyn ScanStrategy>,
    /// What inspects it.
    pub engine: &'a dyn ScanEngine,
    /// What the cluster says of the pod, for the inventory.
    pub pod: crate::inventory::PodFacts,
    /// Severity from which a failed check makes the verdict `findings`.
    pub threshold: Severity,
    /// Who watches.
    pub observer: &'a dyn Observer,
}

impl Pipeline<'_> {
    /// Runs the scan to its report. `interrupt` resolves to a reason when the scan must stop.
    ///
    /// Does not fail: whatever happens is in the report. When `interrupt` resolves, or a stage
    /// fails or panics, everything that was made is released and its absence verified first.
    pub async fn run(self, interrupt: impl Future<Output = String>) -> ScanReport {
        let started = Instant::now();
        let mut recorder = Recorder::new(&self);
        let mut interrupted = None;
        let failure = {
            let work = AssertUnwindSafe(stages::run(&self, &mut recorder)).catch_unwind();
            match select(pin!(work), pin!(interrupt)).await {
                Either::Left((Ok(Ok(())), _)) => None,
                Either::Left((Ok(Err(failure)), _)) => Some(failure),
                Either::Left((Err(panic), _)) => Some(Failure {
                    stage: Stage::Resolve,
                    message: internal(panic.as_ref()),
                    hint: Some(BUG.into()),
                    interrupted: false,
                }),
                Either::Right((reason, _)) => {
                    let failure = Failure {
                        stage: Stage::Resolve,
                        message: format!("interrupted by {reason}"),
                        hint: None,
                        interrupted: true,
                    };
                    interrupted = Some(Event::Interrupted { reason });
                    Some(failure)
                }
            }
        };
        recorder.must_release();
        if let Some(event) = interrupted {
            recorder.tell(&event);
        }
        if let Some(failure) = failure {
            recorder.fail(failure);
        }
        stages::release(&self, &mut recorder).await;
        recorder.into_report(self, started.elapsed())
    }
}

/// What a panic is to a reader.
fn internal(panic: &(dyn std::any::Any + Send)) -> String {
    format!("internal error: {}", panic_text(panic))
}

fn panic_text(payload: &(dyn std::any::Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("panic without a message")
}

#[cfg(test)]
pub(crate) mod tests;
