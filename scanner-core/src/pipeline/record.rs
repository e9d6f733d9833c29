//! Keeps what every stage did while a scan runs, and makes the report of it.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use super::{
    panic::{BUG, internal},
    scan::Pipeline,
};
use crate::{
    cause::chain,
    control::ControlError,
    event::{Event, Observer},
    evidence::{Evidence, PostScanAudit},
    finding::Findings,
    gate::decision::GateResult,
    report::{
        ApiCalls, ControlRecord, ControlStage, Failure, Packages, SCHEMA, ScanReport, Timing,
    },
    stage::Stage,
    verdict::Verdict,
};
use scanner_inventory::{AgentInfo, Coverage, Section};

pub(super) struct Recorder<'a> {
    observer: &'a dyn Observer,
    started: String,
    current: Option<(Stage, Instant)>,
    timings: Vec<Timing>,
    controls: Vec<ControlRecord>,
    failure: Option<Failure>,
    /// From now on nothing may keep the release from its end.
    releasing: bool,
    pub(super) touched: bool,
    pub(super) gate_aborted: bool,
    pub(super) cleanup_failures: Vec<String>,
    pub(super) gates: Vec<GateResult>,
    pub(super) findings: Option<Findings>,
    pub(super) agent: Option<AgentInfo>,
    pub(super) post_scan: Option<PostScanAudit>,
    pub(super) coverage: BTreeMap<Section, Coverage>,
    pub(super) packages: Option<Packages>,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(scan: &Pipeline<'a>) -> Self {
        let controls = scan
            .controls
            .iter()
            .map(|control| {
                let plan = control.plan();
                ControlRecord {
                    id: plan.id,
                    title: plan.title,
                    planned: plan.planned,
                    enforced: ControlStage::NotReached,
                    verified: ControlStage::NotReached,
                    sealed: ControlStage::NotReached,
                    released: ControlStage::NotReached,
                    release_verified: ControlStage::NotReached,
                }
            })
            .collect();
        Self {
            observer: scan.observer,
            started: jiff::Timestamp::now().to_string(),
            current: None,
            timings: Vec::new(),
            controls,
            failure: None,
            releasing: false,
            touched: false,
            gate_aborted: false,
            cleanup_failures: Vec::new(),
            gates: Vec::new(),
            findings: None,
            agent: None,
            post_scan: None,
            coverage: BTreeMap::new(),
            packages: None,
        }
    }

    pub(super) fn start(&mut self, stage: Stage) {
        self.stop();
        self.current = Some((stage, Instant::now()));
        self.tell(&Event::StageStarted(stage));
    }

    /// From now on an observer that panics is no more than a failure of the scan.
    pub(super) fn must_release(&mut self) {
        self.releasing = true;
    }

    /// Tells the observer.
    pub(super) fn tell(&mut self, event: &Event) {
        if !self.releasing {
            return self.observer.event(event);
        }
        let told = catch_unwind(AssertUnwindSafe(|| self.observer.event(event)));
        if let Err(panic) = told {
            self.failure.get_or_insert_with(|| Failure {
                stage: self.current.map_or(Stage::Release, |(stage, _)| stage),
                message: internal(panic.as_ref()),
                hint: Some(BUG.into()),
                interrupted: false,
            });
        }
    }

    pub(super) fn stop(&mut self) {
        if let Some((stage, since)) = self.current.take() {
            self.timings.push(Timing {
                stage,
                seconds: since.elapsed().as_secs_f64(),
            });
        }
    }

    /// Keeps the first failure, placed in the stage that was running.
    pub(super) fn fail(&mut self, mut failure: Failure) {
        if let (Stage::Resolve, Some((stage, _))) = (failure.stage, self.current) {
            failure.stage = stage;
        }
        self.tell(&Event::Failed {
            stage: failure.stage,
            reason: failure.message.clone(),
        });
        self.failure.get_or_insert(failure);
    }

    /// Records the outcome of a stage of the control at `index`.
    pub(super) fn control(
        &mut self,
        index: usize,
        stage: Stage,
        result: Result<Evidence, ControlError>,
    ) -> Result<Vec<String>, Failure> {
        let record = self.controls.get(index);
        let id = record.map(|r| r.id.clone()).unwrap_or_default();
        match result {
            Ok(evidence) => {
                let shown = evidence.0.clone();
                if matches!(stage, Stage::Release | Stage::VerifyRelease) {
                    self.tell(&Event::ControlReleased {
                        id,
                        stage,
                        evidence: shown.clone(),
                    });
                }
                if let Some(record) = self.controls.get_mut(index) {
                    *slot(record, stage) = ControlStage::Done { evidence };
                }
                Ok(shown)
            }
            Err(error) => {
                let message = chain(&error);
                self.tell(&Event::ControlFailed {
                    id,
                    stage,
                    reason: message.clone(),
                });
                if let Some(record) = self.controls.get_mut(index) {
                    *slot(record, stage) = ControlStage::Failed {
                        reason: message.clone(),
                    };
                }
                Err(Failure {
                    stage,
                    message,
                    hint: error.hint,
                    interrupted: false,
                })
            }
        }
    }

    /// Records that the control at `index` does not hold and the scan goes on.
    pub(super) fn not_held(&mut self, index: usize, reason: String) {
        if let Some(record) = self.controls.get_mut(index) {
            record.verified = ControlStage::NotHeld { reason };
        }
    }

    pub(super) fn into_report(mut self, scan: Pipeline<'_>, elapsed: Duration) -> ScanReport {
        let verdict = if !self.cleanup_failures.is_empty() {
            Verdict::CleanupUnverified
        } else if self.gate_aborted {
            Verdict::GateAborted
        } else {
            match (&self.failure, &self.findings) {
                (None, Some(findings)) => Verdict::of(findings, scan.threshold),
                _ => Verdict::Failed,
            }
        };
        if self.failure.is_some() {
            self.findings = None;
            self.packages = None;
        }
        let failure = self.failure.take();
        self.tell(&Event::Ended { verdict });
        let judged = self.findings.as_ref();
        let fail_on = judged.and_then(|findings| findings.fail_on(scan.threshold));
        ScanReport {
            schema: SCHEMA.into(),
            tool_version: env!("CARGO_PKG_VERSION").into(),
            verdict,
            trust: scan.strategy.trust().into(),
            plan: scan.plan,
            started: self.started,
            seconds: elapsed.as_secs_f64(),
            failure,
            gates: self.gates,
            unused_allowances: vec![],
            alert: None,
            findings: self.findings,
            agent: self.agent,
            coverage: self.coverage,
            controls: self.controls,
            timings: self.timings,
            api_calls: ApiCalls::default(),
            post_scan: self.post_scan,
            audit: None,
            fail_on,
            packages: self.packages,
            image_scan: None,
        }
    }
}

/// Where the outcome of a stage belongs in a control's record.
fn slot(record: &mut ControlRecord, stage: Stage) -> &mut ControlStage {
    match stage {
        Stage::Enforce => &mut record.enforced,
        Stage::Verify => &mut record.verified,
        Stage::Seal => &mut record.sealed,
        Stage::Release => &mut record.released,
        _ => &mut record.release_verified,
    }
}
