//! How the scan itself was done: its controls and what was audited after it.

use std::fmt::Write as _;

use super::layout::{Page, Style, wrapped};
use scanner_core::{
    escape::{visible, visible_ends},
    report::{AuditOutcome, ControlStage, view::View},
};

/// Every control, with the evidence that is always shown; if asked for, with its plan and all evidence.
pub(super) fn controls(out: &mut Page, view: &View<'_>, style: Style) {
    if view.controls.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "\n{}",
        style.paint(
            "1",
            "Controls           enforced  verified      released  confirmed deleted"
        )
    );
    for control in view.controls {
        let _ = writeln!(
            out,
            "  {:<18} {:<9} {:<13} {:<9} {}",
            visible(&control.id, 18),
            control.enforced.word(),
            control.verified.word(),
            control.released.word(),
            control.release_verified.word()
        );
        for planned in control.planned.iter().filter(|_| style.verbose) {
            wrapped(
                out,
                "      ",
                &format!("planned: {}", visible(planned, 300)),
            );
        }
        for stage in [
            &control.enforced,
            &control.verified,
            &control.granted,
            &control.revoked,
            &control.released,
            &control.release_verified,
        ] {
            match stage {
                ControlStage::Failed { reason } => {
                    wrapped(
                        out,
                        "      ",
                        &format!("failed: {}", visible_ends(reason, 1000)),
                    );
                }
                ControlStage::NotInstalled { reason } | ControlStage::NotHeld { reason } => {
                    wrapped(out, "      ", &visible_ends(reason, 1000));
                }
                ControlStage::Done { evidence } => {
                    // Always shown: what stays behind, and whether the cluster has the guard.
                    let always = ["residue:", "admission-guard:"];
                    let important = |item: &&String| always.iter().any(|a| item.starts_with(a));
                    let shown = |item: &&String| style.verbose || important(item);
                    for item in evidence.0.iter().filter(shown) {
                        wrapped(out, "      ", &visible(item, 300));
                    }
                }
                ControlStage::NotReached => {}
                _ => wrapped(out, "      ", "a state of a later version"),
            }
        }
    }
}

/// The post-scan audit.
pub(super) fn post_scan(out: &mut Page, view: &View<'_>, style: Style) {
    let Some(audit) = view.post_scan else {
        return;
    };
    let verdict = if audit.verified {
        "verified"
    } else {
        "NOT VERIFIED"
    };
    let title = format!("After the scan: {verdict}");
    let _ = writeln!(out, "\n{}", style.paint("1", &title));
    for check in &audit.checks {
        let outcome = outcome(check.outcome);
        let _ = writeln!(out, "  {:<18} {outcome}", visible(&check.id, 18));
        if style.verbose || check.outcome != AuditOutcome::Verified {
            for item in &check.evidence {
                wrapped(out, "      ", &visible(item, 600));
            }
        }
    }
}

/// The outcome of a check after the scan; one that is not verified must not be overlooked.
pub(crate) const fn outcome(outcome: AuditOutcome) -> &'static str {
    match outcome {
        AuditOutcome::Verified => "verified",
        AuditOutcome::Reported => "reported",
        AuditOutcome::NotVerified => "NOT VERIFIED",
        _ => "UNKNOWN",
    }
}
