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
mod stages;

use std::{future::Future, panic::AssertUnwindSafe, pin::pin, sync::Arc, time::Instant};

use futures_util::{
    FutureExt as _,
    future::{Either, select},
};

use crate::{
    alert::Alerts,
    control::{ControlScope, Phase, ScopeObjects, SecurityControl},
    event::{Event, Observer},
    failure::{Failure, FailureKind},
    finding::Severity,
    gate::Gate,
    plan::ScanPlan,
    remedy::Remedy,
    report::ScanReport,
    stage::Stage,
};

pub(crate) use panic::panic_text;
use record::RunRecord;

pub use crate::work::{Outcome, Work};

/// Everything that surrounds some work.
#[non_exhaustive]
pub struct Setup<'a> {
    /// What will be done; its controls must be those that are given.
    pub plan: ScanPlan,
    /// Gates, in order.
    pub gates: Vec<Box<dyn Gate>>,
    /// Controls, in any order: their phases decide, and within a phase the order given.
    pub controls: Vec<Box<dyn SecurityControl>>,
    /// Identifiers of controls that must hold, also where a failure of theirs would be tolerated.
    pub required: Vec<String>,
    /// How controls create objects.
    pub objects: Option<Arc<dyn ScopeObjects>>,
    /// Where alerts are raised.
    pub alerts: Alerts,
    /// Severity from which a failed check makes the verdict `findings`.
    pub threshold: Severity,
    /// Who watches.
    pub observer: &'a dyn Observer,
}

impl<'a> Setup<'a> {
    /// What surrounds the work of `plan`.
    pub fn new(
        plan: ScanPlan,
        controls: Vec<Box<dyn SecurityControl>>,
        observer: &'a dyn Observer,
    ) -> Self {
        Self {
            plan,
            gates: Vec::new(),
            controls,
            required: Vec::new(),
            objects: None,
            alerts: Alerts::default(),
            threshold: Severity::Low,
            observer,
        }
    }

    /// Why these controls cannot surround the plan, if they cannot: a pipeline without its controls must not pass.
    fn mismatch(&self) -> Option<String> {
        let mut given: Vec<String> = self.controls.iter().map(|c| c.id().to_owned()).collect();
        let mut planned: Vec<String> = self.plan.controls.iter().map(|c| c.id.clone()).collect();
        given.sort();
        planned.sort();
        if given.windows(2).any(|pair| pair[0] == pair[1]) {
            return Some(format!("two controls have one id: {}", given.join(", ")));
        }
        if given != planned {
            return Some(format!(
                "the controls given ({}) are not those of the plan ({})",
                given.join(", "),
                planned.join(", ")
            ));
        }
        let unknown = self.required.iter().find(|id| !given.contains(id));
        if let Some(id) = unknown {
            return Some(format!("control {id} is required, and nobody supplied it"));
        }
        let lease = self.controls.iter().any(|c| c.phase() == Phase::Lease);
        (!lease).then(|| "no lease surrounds the work".to_owned())
    }
}

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
        .map(|_| ControlScope::new(&setup.plan, setup.objects.as_deref(), &setup.alerts))
        .collect();
    let mut interrupted = None;
    let failure = if let Some(why) = setup.mismatch() {
        Some(Failure::new(Stage::Plan, FailureKind::Internal, why).with_remedy(Remedy::ReportBug))
    } else {
        let run = stages::run(&setup, &scopes, work, &mut record);
        match select(pin!(AssertUnwindSafe(run).catch_unwind()), pin!(interrupt)).await {
            Either::Left((Ok(Ok(())), _)) => None,
            Either::Left((Ok(Err(failure)), _)) => Some(failure),
            Either::Left((Err(panic), _)) => Some(panic::failure(Stage::Resolve, panic.as_ref())),
            Either::Right((reason, _)) => {
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
