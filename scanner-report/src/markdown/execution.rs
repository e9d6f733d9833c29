//! Sections on how the scan was done: gates, controls and their evidence, the post-scan audit, times and calls.

use std::fmt::Write as _;

use super::bounded::{Bounded, cell, code};
use scanner_core::{
    gate::GateDecision,
    report::{AuditOutcome, ControlRecord, ControlStage, view::View},
};

pub(super) fn gates(view: &View<'_>) -> String {
    if view.gates.is_empty() {
        return String::new();
    }
    let mut out = "\n### Gates\n\n".to_owned();
    let unknown = "a decision of a later version".to_owned();
    for gate in view.gates {
        let (word, why) = match &gate.decision {
            GateDecision::Allow { evidence } => ("allowed", evidence),
            GateDecision::Warn { reason } => ("**warning**", reason),
            GateDecision::Abort { reason } => ("**ABORTED**", reason),
            _ => ("**unknown**", &unknown),
        };
        let _ = writeln!(out, "- {} {word}: {}", code(&gate.id, 80), code(why, 300));
    }
    out
}

/// Everything that is folded up; the evidence of the controls comes last, because it is the longest.
pub(super) fn folded(out: &mut Bounded, view: &View<'_>) {
    if !view.controls.is_empty() {
        let head = "| Control | Enforced | Verified | Released | Confirmed deleted |\n\
            | --- | --- | --- | --- | --- |\n";
        let rows = view.controls.iter().map(row);
        out.fold("Controls", Some(head.to_owned()).into_iter().chain(rows));
    }
    out.fold("After the scan", post_scan(view));
    out.fold("Cost", cost(view));
    let proofs = view.controls.iter().map(proof);
    out.fold("What was planned, and what proves it", proofs);
}

fn row(control: &ControlRecord) -> String {
    format!(
        "| {} | {} | {} | {} | {} |\n",
        cell(&control.id),
        word(&control.enforced),
        word(&control.verified),
        word(&control.released),
        word(&control.release_verified)
    )
}

fn word(stage: &ControlStage) -> String {
    let word = stage.word();
    match stage {
        ControlStage::NotReached
        | ControlStage::Done { .. }
        | ControlStage::NotInstalled { .. } => word.to_owned(),
        _ => format!("**{word}**"),
    }
}

fn proof(control: &ControlRecord) -> String {
    let mut out = format!("- {}\n", code(&control.id, 80));
    let mut item = |name: &str, text: &str| {
        let _ = writeln!(out, "  - {name}: {}", code(text, 300));
    };
    for planned in &control.planned {
        item("planned", planned);
    }
    for (name, stage) in [
        ("enforced", &control.enforced),
        ("verified", &control.verified),
        ("granted", &control.granted),
        ("revoked", &control.revoked),
        ("released", &control.released),
        ("confirmed deleted", &control.release_verified),
    ] {
        match stage {
            ControlStage::NotReached => {}
            ControlStage::Done { evidence } => {
                for proof in &evidence.0 {
                    item(name, proof);
                }
            }
            ControlStage::NotInstalled { reason } => item(stage.word(), reason),
            ControlStage::NotHeld { reason } => item(&format!("**NOT** {name}"), reason),
            ControlStage::Failed { reason } => item(&format!("{name} **FAILED**"), reason),
            _ => item(name, "a state of a later version"),
        }
    }
    out
}

fn post_scan(view: &View<'_>) -> Vec<String> {
    let audit = view.post_scan.map_or(&[][..], |audit| &audit.checks);
    let one = |check: &scanner_core::report::AuditCheck| {
        let outcome = match check.outcome {
            AuditOutcome::Verified => "verified",
            AuditOutcome::Reported => "reported",
            AuditOutcome::NotVerified => "**NOT VERIFIED**",
            _ => "**UNKNOWN**",
        };
        let mut out = format!("- {} {outcome}\n", code(&check.id, 80));
        for item in &check.evidence {
            let _ = writeln!(out, "  - {}", code(item, 300));
        }
        out
    };
    audit.iter().map(one).collect()
}

/// Timings, API calls and where the audit log stood.
fn cost(view: &View<'_>) -> Vec<String> {
    let mut out = Vec::new();
    if let Some(calls) = view.api_calls {
        let (operator, scan) = (calls.operator, calls.scan);
        out.push(format!(
            "- API calls: {operator} as operator, {scan} as the scan identity\n"
        ));
    }
    if let Some(seconds) = view.seconds {
        out.push(format!("- took: {seconds:.1} s\n"));
    }
    for timing in view.timings {
        let stage = timing.stage.name().replace('_', " ");
        out.push(format!("- {stage}: {:.2} s\n", timing.seconds));
    }
    if let Some(audit) = view.audit {
        let (entries, head) = (audit.at.entries, code(&audit.at.head, 64));
        out.push(format!("- audit log: {entries} entries, head {head}\n"));
    }
    out
}
