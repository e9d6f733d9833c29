//! The stages up to the look into the target, each taking the value that the one before it made.

use futures_util::future::join_all;

use super::{record::RunRecord, setup::Setup};
use crate::{
    cause::chain,
    control::{ControlScope, Phase, SecurityControl, VerifyError},
    event::Event,
    failure::{Failure, FailureKind},
    gate::{self, GateVerdict, decision::GateDecision},
    remedy::Remedy,
    stage::Stage,
    witness::{EnforcedControls, PreparedControls},
    work::{Progress, Work},
};

pub(super) async fn run(
    setup: &Setup<'_>,
    scopes: &[ControlScope<'_>],
    work: &mut dyn Work,
    record: &mut RunRecord<'_>,
) -> Result<(), Failure> {
    let allowed = gates(setup, record)?;
    let mut held = Vec::new();
    let prepared = prepare(setup, scopes, record, &mut held, &allowed).await?;
    record.start(Stage::Prepare);
    not_alarmed(setup, Stage::Prepare)?;
    work.prepare(&setup.plan, &prepared).await?;
    let enforced = enforce(setup, scopes, record, held, &prepared).await?;
    record.start(Stage::Open);
    not_alarmed(setup, Stage::Open)?;
    work.open(&setup.plan, &enforced).await?;
    record.start(Stage::Revoke);
    // All at once: no withdrawal depends on another one, and the target waits meanwhile.
    let revoked = controls(setup, scopes).map(|(_, (control, scope))| control.revoke(scope));
    let revoked = join_all(revoked).await;
    let mut failed = None;
    for ((index, (control, _)), revoked) in controls(setup, scopes).zip(revoked) {
        let evidence = match record.control(index, Stage::Revoke, revoked) {
            Ok(evidence) => evidence,
            Err(failure) => {
                failed.get_or_insert(failure);
                continue;
            }
        };
        if !evidence.is_empty() {
            record.emit(&Event::ControlRevoked {
                id: control.id().to_owned(),
                evidence,
            });
        }
    }
    if let Some(failure) = failed {
        return Err(failure);
    }
    record.start(Stage::Collect);
    record.outcome = work.look(&setup.plan, record).await?;
    record.looked = true;
    Ok(())
}

type Indexed<'a> = (usize, (&'a dyn SecurityControl, &'a ControlScope<'a>));

/// Every control with its scope, in order.
fn controls<'a>(
    setup: &'a Setup<'_>,
    scopes: &'a [ControlScope<'a>],
) -> impl DoubleEndedIterator<Item = Indexed<'a>> {
    let pairs = setup.controls.iter().map(AsRef::as_ref).zip(scopes);
    let all: Vec<Indexed<'a>> = pairs.enumerate().collect();
    all.into_iter()
}

fn gates(setup: &Setup<'_>, record: &mut RunRecord<'_>) -> Result<GateVerdict, Failure> {
    record.start(Stage::Gate);
    let decided = gate::decide_all(&setup.gates, &setup.plan);
    let results = decided
        .as_ref()
        .map_or_else(Vec::as_slice, GateVerdict::results);
    for result in results {
        record.emit(&Event::GateDecided(result.clone()));
    }
    match decided {
        Ok(verdict) => {
            record.gates = verdict.results().to_vec();
            Ok(verdict)
        }
        Err(results) => {
            let reasons: Vec<String> = results
                .iter()
                .filter_map(|r| match &r.decision {
                    GateDecision::Abort { reason } => Some(format!("gate {}: {reason}", r.id)),
                    GateDecision::Unknown => Some(format!("gate {}: unknown decision", r.id)),
                    GateDecision::Allow { .. } | GateDecision::Warn { .. } => None,
                })
                .collect();
            record.gates = results;
            record.gate_refused = true;
            let remedy =
                Remedy::advice("the target was not touched; find out why the gate refuses it");
            Err(
                Failure::new(Stage::Gate, FailureKind::GateRefused, reasons.join("; "))
                    .with_remedy(remedy),
            )
        }
    }
}

/// Fails if there is an alert: whoever can already act as the scan must not get more rights by it.
fn not_alarmed(setup: &Setup<'_>, stage: Stage) -> Result<(), Failure> {
    match setup.alerts.raised().into_iter().next() {
        None => Ok(()),
        Some(alert) => Err(Failure::new(
            stage,
            FailureKind::ControlNotHeld { id: alert.id },
            alert.message,
        )),
    }
}

/// Puts in place and verifies all that can be shown before the scan identity has any rights.
async fn prepare(
    setup: &Setup<'_>,
    scopes: &[ControlScope<'_>],
    record: &mut RunRecord<'_>,
    held: &mut Vec<String>,
    _allowed: &GateVerdict,
) -> Result<PreparedControls, Failure> {
    record.start(Stage::Enforce);
    record.touched = true;
    for (index, (control, scope)) in controls(setup, scopes) {
        if control.phase() > Phase::AroundAccess {
            continue;
        }
        put_in_place(record, index, control, scope).await?;
        // A control of a phase before the identity must hold before there is an identity.
        if control.phase() <= Phase::BeforeIdentity && !control.verifies_access() {
            verify(setup, record, held, index, control, scope).await?;
        }
    }
    record.start(Stage::Verify);
    for (index, (control, scope)) in controls(setup, scopes) {
        let phase = control.phase();
        if phase > Phase::BeforeIdentity
            && phase <= Phase::AroundAccess
            && !control.verifies_access()
        {
            verify(setup, record, held, index, control, scope).await?;
        }
    }
    Ok(PreparedControls::assertion(
        &setup.plan.scan_id,
        held.clone(),
    ))
}

/// Gives the scan identity its access, and verifies all that needs it.
async fn enforce(
    setup: &Setup<'_>,
    scopes: &[ControlScope<'_>],
    record: &mut RunRecord<'_>,
    mut held: Vec<String>,
    _prepared: &PreparedControls,
) -> Result<EnforcedControls, Failure> {
    record.start(Stage::Grant);
    not_alarmed(setup, Stage::Grant)?;
    for (index, (control, scope)) in controls(setup, scopes) {
        let evidence = record.control(index, Stage::Grant, control.grant(scope).await)?;
        if !evidence.is_empty() {
            record.emit(&Event::ControlGranted {
                id: control.id().to_owned(),
                evidence,
            });
        }
    }
    for (index, (control, scope)) in controls(setup, scopes) {
        if control.phase() > Phase::AroundAccess {
            put_in_place(record, index, control, scope).await?;
        }
    }
    record.start(Stage::Verify);
    for (index, (control, scope)) in controls(setup, scopes) {
        if control.verifies_access() || control.phase() > Phase::AroundAccess {
            verify(setup, record, &mut held, index, control, scope).await?;
        }
    }
    let missing = setup.required.iter().find(|id| !held.contains(id));
    if let Some(id) = missing {
        return Err(Failure::new(
            Stage::Verify,
            FailureKind::ControlNotHeld { id: id.clone() },
            format!("control {id} is required, and was not verified"),
        ));
    }
    Ok(EnforcedControls::assertion(&setup.plan.scan_id, held))
}

async fn put_in_place(
    record: &mut RunRecord<'_>,
    index: usize,
    control: &dyn SecurityControl,
    scope: &ControlScope<'_>,
) -> Result<(), Failure> {
    let evidence = record.control(index, Stage::Enforce, control.enforce(scope).await)?;
    record.emit(&Event::ControlEnforced {
        id: control.id().to_owned(),
        evidence,
    });
    Ok(())
}

async fn verify(
    setup: &Setup<'_>,
    record: &mut RunRecord<'_>,
    held: &mut Vec<String>,
    index: usize,
    control: &dyn SecurityControl,
    scope: &ControlScope<'_>,
) -> Result<(), Failure> {
    let id = control.id().to_owned();
    let required = setup.required.contains(&id);
    let result = match control.verify(scope).await {
        Ok(evidence) => Ok(evidence),
        Err(VerifyError::Absent(error)) if !required => {
            let reason = chain(&error);
            record.emit(&Event::Note(format!("control {id}: {reason}")));
            record.not_installed(index, reason);
            return Ok(());
        }
        Err(VerifyError::Tolerated(error)) if !required => {
            let reason = chain(&error);
            record.emit(&Event::Note(format!("control {id}: {reason}")));
            record.not_held(index, reason);
            return Ok(());
        }
        Err(VerifyError::Alert(alert)) => {
            let error = crate::control::ControlError::new(alert.message.raw());
            scope.raise(alert);
            Err(error)
        }
        Err(
            VerifyError::NotHeld(error)
            | VerifyError::Absent(error)
            | VerifyError::Tolerated(error),
        ) => Err(error),
    };
    let evidence = record.control(index, Stage::Verify, result)?;
    held.push(id.clone());
    record.emit(&Event::ControlVerified { id, evidence });
    Ok(())
}

impl Progress for RunRecord<'_> {
    fn evaluating(&mut self) {
        self.start(Stage::Evaluate);
    }
}
