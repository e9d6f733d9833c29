//! Keeps what every stage did while a scan runs, and makes the report of it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use super::{panic, setup::Setup};
use crate::{
    cause::chain,
    control::{ControlError, ReleaseError},
    event::{Event, Observer},
    evidence::{Evidence, PostScanAudit},
    failure::{Failure, FailureKind},
    finding,
    gate::decision::GateResult,
    report::{ApiCalls, ControlRecord, ControlStage, SCHEMA, ScanReport, Timing},
    stage::Stage,
    verdict::Verdict,
    work::Outcome,
};

/// What came of a step of the release.
pub(super) enum Released {
    /// It returned.
    Returned(Result<Evidence, ReleaseError>),
    /// It panicked.
    Panicked(ControlError),
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is what happened or not, and none excludes another"
)]
pub(super) struct RunRecord<'a> {
    observer: &'a dyn Observer,
    started: String,
    current: Option<(Stage, Instant)>,
    timings: Vec<Timing>,
    controls: Vec<ControlRecord>,
    failure: Option<Failure>,
    /// Whether the release has begun, which nothing may stop.
    releasing: bool,
    pub(super) touched: bool,
    pub(super) gate_refused: bool,
    pub(super) looked: bool,
    pub(super) cleanup_failures: Vec<String>,
    pub(super) gates: Vec<GateResult>,
    pub(super) outcome: Outcome,
    pub(super) post_scan: Option<PostScanAudit>,
}

impl<'a> RunRecord<'a> {
    pub(super) fn new(setup: &Setup<'a>) -> Self {
        Self {
            observer: setup.observer,
            started: jiff::Timestamp::now().to_string(),
            current: None,
            timings: Vec::new(),
            controls: setup
                .controls
                .iter()
                .map(|control| ControlRecord::of(control.plan()))
                .collect(),
            failure: None,
            releasing: false,
            touched: false,
            gate_refused: false,
            looked: false,
            cleanup_failures: Vec::new(),
            gates: Vec::new(),
            outcome: Outcome::default(),
            post_scan: None,
        }
    }

    pub(super) fn start(&mut self, stage: Stage) {
        self.stop();
        self.current = Some((stage, Instant::now()));
        self.emit(&Event::StageStarted(stage));
    }

    /// Marks that the release begins: from now on, a panic of the observer is only recorded as a failure.
    pub(super) fn must_release(&mut self) {
        self.releasing = true;
    }

    /// Hands an event to the observer.
    pub(super) fn emit(&mut self, event: &Event) {
        if !self.releasing {
            return self.observer.event(event);
        }
        let handled = catch_unwind(AssertUnwindSafe(|| self.observer.event(event)));
        if let Err(payload) = handled {
            let stage = self.current.map_or(Stage::Release, |(stage, _)| stage);
            self.failure
                .get_or_insert_with(|| panic::failure(stage, payload.as_ref()));
        }
    }

    pub(super) fn stop(&mut self) {
        if let Some((stage, since)) = self.current.take() {
            self.timings.push(Timing {
                stage,
                seconds: to_the_millisecond(since.elapsed()),
            });
        }
    }

    /// Keeps the first failure, placed in the stage that was running.
    pub(super) fn fail(&mut self, mut failure: Failure) {
        if let (Stage::Resolve, Some((stage, _))) = (failure.stage, self.current) {
            failure.stage = stage;
        }
        self.emit(&Event::Failed {
            stage: failure.stage,
            reason: failure.message.raw().to_owned(),
        });
        self.failure.get_or_insert(failure);
    }

    /// Records the outcome of a stage of the control at `index`, and gives its evidence.
    pub(super) fn control(
        &mut self,
        index: usize,
        stage: Stage,
        result: Result<Evidence, ControlError>,
    ) -> Result<Vec<String>, Failure> {
        let error = match result {
            Ok(evidence) => {
                let shown = evidence.0.clone();
                self.set(index, stage, ControlStage::Done { evidence });
                return Ok(shown);
            }
            Err(error) => error,
        };
        let reason = chain(&error);
        let id = self.id(index);
        self.emit(&Event::ControlFailed {
            id: id.clone(),
            stage,
            reason: reason.clone(),
        });
        let failed = ControlStage::Failed {
            reason: reason.clone(),
        };
        self.set(index, stage, failed);
        let kind = match error.kind {
            FailureKind::Unknown => FailureKind::ControlNotHeld { id },
            kind => kind,
        };
        Err(Failure::new(stage, kind, reason).with_remedy(error.remedy))
    }

    /// Records that the control at `index` does not hold and the scan goes on.
    pub(super) fn not_held(&mut self, index: usize, reason: String) {
        self.set(index, Stage::Verify, ControlStage::NotHeld { reason });
    }

    /// Records that the cluster does not have what the control at `index` is about, and the scan goes on.
    pub(super) fn not_installed(&mut self, index: usize, reason: String) {
        self.set(index, Stage::Verify, ControlStage::NotInstalled { reason });
    }

    /// Records a step of the release of the control at `index`.
    pub(super) fn released(&mut self, index: usize, stage: Stage, outcome: Released) {
        let (result, invalid) = match outcome {
            Released::Returned(Ok(evidence)) => (Ok(evidence), false),
            Released::Returned(Err(ReleaseError::Left(error))) => (Err(error), false),
            Released::Returned(Err(ReleaseError::EvidenceInvalid(error))) => (Err(error), true),
            // What was done before a panic is not known, whatever is seen later.
            Released::Panicked(error) => {
                self.cleanup_failures.push(chain(&error));
                (Err(error), false)
            }
        };
        match self.control(index, stage, result) {
            Ok(evidence) => {
                let id = self.id(index);
                self.emit(&Event::ControlReleased {
                    id,
                    stage,
                    evidence,
                });
            }
            Err(failure) if invalid => {
                self.looked = false;
                self.fail(failure);
            }
            // Only proof counts: a failed removal is settled by the verification after it.
            Err(failure) if stage == Stage::VerifyRelease => {
                self.cleanup_failures.push(failure.message.raw().to_owned());
            }
            Err(_) => {}
        }
    }

    fn id(&self, index: usize) -> String {
        let record = self.controls.get(index);
        record.map(|record| record.id.clone()).unwrap_or_default()
    }

    fn set(&mut self, index: usize, stage: Stage, outcome: ControlStage) {
        if let Some(record) = self.controls.get_mut(index) {
            *slot(record, stage) = outcome;
        }
    }

    pub(super) fn into_report(
        mut self,
        setup: Setup<'_>,
        trust: String,
        elapsed: Duration,
    ) -> ScanReport {
        let alerts = setup.alerts.raised();
        let findings = if self.looked && self.failure.is_none() {
            std::mem::take(&mut self.outcome.findings)
        } else {
            self.outcome.packages = None;
            Vec::new()
        };
        let verdict = if !self.cleanup_failures.is_empty() {
            Verdict::CleanupUnverified
        } else if !alerts.is_empty() {
            Verdict::SecurityAlert
        } else if self.gate_refused {
            Verdict::GateAborted
        } else if self.failure.is_some() || !self.looked {
            Verdict::Failed
        } else {
            Verdict::of(&findings, setup.threshold)
        };
        for alert in &alerts {
            self.emit(&Event::Alert(alert.clone()));
        }
        self.emit(&Event::Ended { verdict });
        let fail_on = finding::fail_on(&findings, setup.threshold);
        ScanReport {
            schema: SCHEMA.into(),
            tool_version: env!("CARGO_PKG_VERSION").into(),
            origin: None,
            verdict,
            trust,
            plan: setup.plan,
            started: self.started,
            seconds: to_the_millisecond(elapsed),
            failure: self.failure,
            alerts,
            gates: self.gates,
            unused_allowances: vec![],
            gate_alert: None,
            findings,
            agent: self.outcome.agent,
            coverage: self.outcome.coverage.into(),
            controls: self.controls,
            timings: self.timings,
            api_calls: ApiCalls::default(),
            post_scan: self.post_scan,
            audit: None,
            fail_on,
            packages: self.outcome.packages,
            from_image: None,
            image_scan: None,
        }
    }
}

/// Seconds, with no more digits than mean something.
fn to_the_millisecond(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

/// Where the outcome of a stage belongs in a control's record.
fn slot(record: &mut ControlRecord, stage: Stage) -> &mut ControlStage {
    match stage {
        Stage::Enforce => &mut record.enforced,
        Stage::Verify => &mut record.verified,
        Stage::Grant => &mut record.granted,
        Stage::Revoke => &mut record.revoked,
        Stage::Release => &mut record.released,
        _ => &mut record.release_verified,
    }
}
