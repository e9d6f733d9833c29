//! The stages themselves, each taking the value that the one before it made.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
};

use futures_util::FutureExt as _;

use super::{
    panic::{BUG, internal},
    record::Recorder,
    scan::Pipeline,
};
use crate::{
    cause::chain,
    control::{ControlEffect, ControlError, EnforcedControls},
    event::Event,
    evidence::{AuditCheck, AuditOutcome, Evidence, PostScanAudit},
    gate::{self, GateVerdict, decision::GateDecision},
    report::{Failure, Packages},
    stage::Stage,
};
use scanner_inventory::{Collected, Inventory};

fn failure(stage: Stage, error: &dyn std::error::Error, hint: Option<String>) -> Failure {
    Failure {
        stage,
        message: chain(error),
        hint,
        interrupted: false,
    }
}

pub(super) async fn run(scan: &Pipeline<'_>, rec: &mut Recorder<'_>) -> Result<(), Failure> {
    let verdict = judge(scan, rec)?;
    let controls = enforce(scan, rec, &verdict).await?;
    let inventory = look(scan, rec, &controls).await?;
    rec.start(Stage::Evaluate);
    let absent = scan.strategy.absent();
    rec.coverage = inventory.coverage();
    rec.coverage.retain(|section, _| !absent.contains(section));
    rec.agent = Some(inventory.agent.clone());
    rec.packages = Packages::of(&inventory);
    rec.findings = Some(if absent.is_empty() {
        scan.engine.evaluate(&inventory)
    } else {
        scan.engine.evaluate_without(&inventory, absent)
    });
    Ok(())
}

fn judge(scan: &Pipeline<'_>, rec: &mut Recorder<'_>) -> Result<GateVerdict, Failure> {
    rec.start(Stage::Gate);
    let judged = gate::judge_all(&scan.gates, &scan.plan);
    let results = judged
        .as_ref()
        .map_or_else(Vec::as_slice, GateVerdict::results);
    for result in results {
        scan.observer.event(&Event::GateJudged(result.clone()));
    }
    match judged {
        Ok(verdict) => {
            rec.gates = verdict.results().to_vec();
            Ok(verdict)
        }
        Err(results) => {
            let reasons: Vec<String> = results
                .iter()
                .filter_map(|r| match &r.decision {
                    GateDecision::Abort { reason } => Some(format!("gate {}: {reason}", r.id)),
                    GateDecision::Allow { .. } | GateDecision::Warn { .. } => None,
                })
                .collect();
            rec.gates = results;
            rec.gate_aborted = true;
            Err(Failure {
                stage: Stage::Gate,
                message: reasons.join("; "),
                hint: Some("the target was not touched; find out why it differs".into()),
                interrupted: false,
            })
        }
    }
}

async fn enforce(
    scan: &Pipeline<'_>,
    rec: &mut Recorder<'_>,
    _allowed: &GateVerdict,
) -> Result<EnforcedControls, Failure> {
    rec.start(Stage::Enforce);
    rec.touched = true;
    for (control, index) in scan.controls.iter().zip(0..) {
        let result = control.enforce().await;
        let evidence = rec.control(index, Stage::Enforce, result)?;
        scan.observer.event(&Event::ControlEnforced {
            id: control.id(),
            evidence,
        });
    }
    rec.start(Stage::Verify);
    let mut held = Vec::new();
    for (control, index) in scan.controls.iter().zip(0..) {
        let required = scan.required.iter().any(|id| id == control.id());
        let result = match control.verify().await {
            Err(error) if error.effect == ControlEffect::Absent && !required => {
                let (id, reason) = (control.id(), chain(&error));
                scan.observer
                    .event(&Event::Note(format!("control {id}: {reason}")));
                rec.control(index, Stage::Verify, Ok(Evidence::of(reason)))?;
                continue;
            }
            Err(error) if error.effect == ControlEffect::Tolerated && !required => {
                let reason = chain(&error);
                let id = control.id();
                scan.observer
                    .event(&Event::Note(format!("control {id}: {reason}")));
                rec.not_held(index, reason);
                continue;
            }
            result => result,
        };
        let evidence = rec.control(index, Stage::Verify, result)?;
        held.push(control.id());
        scan.observer.event(&Event::ControlVerified {
            id: control.id(),
            evidence,
        });
    }
    Ok(EnforcedControls::assertion(held))
}

async fn look(
    scan: &Pipeline<'_>,
    rec: &mut Recorder<'_>,
    controls: &EnforcedControls,
) -> Result<Inventory, Failure> {
    let request = scan.engine.request();
    rec.start(Stage::Open);
    let mut access = scan
        .strategy
        .open(&scan.plan, controls, &request)
        .await
        .map_err(|e| failure(Stage::Open, &e, e.hint.clone()))?;
    rec.start(Stage::Seal);
    for (control, index) in scan.controls.iter().zip(0..) {
        let result = control.seal().await;
        let evidence = rec.control(index, Stage::Seal, result)?;
        if !evidence.is_empty() {
            scan.observer.event(&Event::ControlSealed {
                id: control.id(),
                evidence,
            });
        }
    }
    rec.start(Stage::Collect);
    let collected = access.inventory(&request).await;
    access.close().await;
    let mut inventory = collected.map_err(|e| failure(Stage::Collect, &e, e.hint.clone()))?;
    inventory.pod = Collected::Complete {
        data: scan.pod.clone(),
    };
    Ok(inventory)
}

/// Releases every control in reverse order, then verifies in the same order. Each is tried even
/// when another failed.
pub(super) async fn release(scan: &Pipeline<'_>, rec: &mut Recorder<'_>) {
    if !rec.touched {
        rec.stop();
        return;
    }
    rec.start(Stage::Release);
    for (index, control) in scan.controls.iter().enumerate().rev() {
        let result = caught(control.release()).await;
        note_release(rec, index, Stage::Release, result);
    }
    rec.start(Stage::VerifyRelease);
    for (index, control) in scan.controls.iter().enumerate().rev() {
        let result = caught(control.verify_release()).await;
        note_release(rec, index, Stage::VerifyRelease, result);
    }
    rec.start(Stage::PostScanAudit);
    let mut checks: Vec<AuditCheck> = Vec::new();
    for control in &scan.controls {
        match catch_unwind(AssertUnwindSafe(|| control.aftermath())) {
            Ok(shown) => checks.extend(shown),
            Err(panic) => {
                let why = internal(panic.as_ref());
                rec.cleanup_failures
                    .push(format!("{}: {why}", control.id()));
            }
        }
    }
    for check in &checks {
        rec.tell(&Event::Audited(check.clone()));
        if check.outcome == AuditOutcome::NotShown {
            let why = check.evidence.join("; ");
            rec.cleanup_failures.push(format!("{}: {why}", check.id));
        }
    }
    rec.post_scan = (!checks.is_empty()).then(|| PostScanAudit {
        shown: checks.iter().all(|c| c.outcome != AuditOutcome::NotShown),
        checks,
    });
    rec.stop();
}

/// What came of a step of the release; a panic is an error, so that the other controls have their turn.
async fn caught(
    step: impl Future<Output = Result<Evidence, ControlError>>,
) -> Result<Result<Evidence, ControlError>, String> {
    let done = AssertUnwindSafe(step).catch_unwind().await;
    done.map_err(|panic| internal(panic.as_ref()))
}

fn note_release(
    rec: &mut Recorder<'_>,
    index: usize,
    stage: Stage,
    result: Result<Result<Evidence, ControlError>, String>,
) {
    let result = match result {
        Ok(result) => result,
        // What was done before it is not known, whatever is seen later.
        Err(message) => {
            rec.cleanup_failures.push(message.clone());
            let error = ControlError {
                message,
                hint: Some(BUG.into()),
                effect: ControlEffect::NotHeld,
                source: None,
            };
            // The record keeps it.
            let _ = rec.control(index, stage, Err(error));
            return;
        }
    };
    let effect = result.as_ref().err().map(|e| e.effect);
    if let Err(failure) = rec.control(index, stage, result) {
        match effect {
            Some(ControlEffect::EvidenceInvalid) => {
                rec.findings = None;
                rec.fail(failure);
            }
            // Only proof counts: a failed removal is settled by the verification after it.
            _ if stage == Stage::VerifyRelease => rec.cleanup_failures.push(failure.message),
            _ => {}
        }
    }
}
