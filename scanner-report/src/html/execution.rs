//! Sections on how the scan was done: what it scanned, gates, controls, times and calls.

use maud::{Markup, html};

use crate::text::execution::outcome;
use scanner_core::{
    escape::visible,
    gate::GateDecision,
    report::{AuditOutcome, ControlRecord, ControlStage, view::View},
};

/// How the scanned copy differs from the target.
pub(super) fn differences(view: &View<'_>) -> Markup {
    html! {
        @if !view.differences.is_empty() {
            h2 { "Differs from the target" }
            ul.card {
                @for difference in view.differences { li { (visible(difference, 400)) } }
            }
        }
    }
}

pub(super) fn gates(view: &View<'_>) -> Markup {
    html! {
        @if !view.gates.is_empty() {
            h2 { "Gates" }
            div.card {
                dl {
                    @for gate in view.gates {
                        dt { (visible(&gate.id, 80)) }
                        dd {
                            @match &gate.decision {
                                GateDecision::Allow { evidence } => {
                                    b.good { "allowed" } " " (visible(evidence, 600))
                                }
                                GateDecision::Warn { reason } => {
                                    b.unsure { "warning" } " " (visible(reason, 600))
                                }
                                GateDecision::Abort { reason } => {
                                    b.bad { "ABORTED" } " " (visible(reason, 600))
                                }
                                _ => { b.unsure { "a decision of a later version" } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Every control: planned, enforced, verified, released, and what proves it.
pub(super) fn controls(view: &View<'_>) -> Markup {
    html! {
        @if !view.controls.is_empty() {
            h2 { "Controls" }
            table.stack {
                thead {
                    tr {
                        th { "Control" }
                        @for name in STAGES { th { (name) } }
                    }
                }
                tbody {
                    @for control in view.controls {
                        tr {
                            td { b { (visible(&control.title, 200)) } }
                            @for (name, stage) in STAGES.iter().zip(stages(control)) { (word(name, stage)) }
                        }
                    }
                }
            }
            details {
                summary { "What was planned, and what proves it" }
                @for control in view.controls { (evidence(control)) }
            }
        }
    }
}

/// What was verified after the scan.
pub(super) fn post_scan(view: &View<'_>) -> Markup {
    html! {
        @if let Some(audit) = view.post_scan {
            h2 { "After the scan" }
            dl.card {
                @for check in &audit.checks {
                    dt { (visible(&check.id, 80)) }
                    dd {
                        @match check.outcome {
                            AuditOutcome::Verified => { span.good { "verified" } }
                            AuditOutcome::Reported => { b.unsure { "reported" } }
                            other => { b.bad { (outcome(other)) } }
                        }
                        @for item in &check.evidence { p { (visible(item, 600)) } }
                    }
                }
            }
        }
    }
}

/// Stages of a control, in the order of [`stages`].
const STAGES: [&str; 6] = [
    "Enforced",
    "Verified",
    "Granted",
    "Revoked",
    "Released",
    "Confirmed deleted",
];

const fn stages(control: &ControlRecord) -> [&ControlStage; 6] {
    [
        &control.enforced,
        &control.verified,
        &control.granted,
        &control.revoked,
        &control.released,
        &control.release_verified,
    ]
}

fn word(name: &str, stage: &ControlStage) -> Markup {
    html! {
        td data-name=(name) {
            @match stage {
                ControlStage::NotReached => { "not reached" }
                ControlStage::Done { evidence } if evidence.0.is_empty() => { span.soft { "nothing to do" } }
                ControlStage::Done { .. } => { span.good { "yes" } }
                ControlStage::NotInstalled { .. } => { b.unsure { (stage.word()) } }
                ControlStage::NotHeld { .. } => { b.bad { "NO" } }
                ControlStage::Failed { .. } => { b.bad { "FAILED" } }
                _ => { b.unsure { "unknown" } }
            }
        }
    }
}

fn evidence(control: &ControlRecord) -> Markup {
    html! {
        div.card {
            h3 { (visible(&control.title, 200)) " " code { (visible(&control.id, 80)) } }
            dl {
                @for planned in &control.planned {
                    dt { "Planned" } dd { (visible(planned, 600)) }
                }
                @for (name, stage) in STAGES.iter().zip(stages(control)) {
                    @match stage {
                        ControlStage::NotReached => {}
                        ControlStage::Done { evidence } => {
                            @for item in &evidence.0 { dt { (name) } dd { (visible(item, 600)) } }
                        }
                        ControlStage::NotInstalled { reason } => {
                            dt { (name) } dd { b.unsure { (stage.word()) } " " (visible(reason, 600)) }
                        }
                        ControlStage::NotHeld { reason } => {
                            dt { (name) } dd { b.bad { "NO " } (visible(reason, 600)) }
                        }
                        ControlStage::Failed { reason } => {
                            dt { (name) } dd { b.bad { "FAILED " } (visible(reason, 600)) }
                        }
                        _ => { dt { (name) } dd { "a state of a later version" } }
                    }
                }
            }
        }
    }
}

/// Timings and API calls.
pub(super) fn cost(view: &View<'_>) -> Markup {
    html! {
        @if view.api_calls.is_some() || !view.timings.is_empty() {
            h2 { "Cost" }
            dl.card {
                @if let Some(calls) = view.api_calls {
                    dt { "API calls" }
                    dd { (calls.operator) " as operator, " (calls.scan) " as the scan identity" }
                }
                @if let Some(seconds) = view.seconds { dt { "Took" } dd { (format!("{seconds:.1} s")) } }
                @if let Some(audit) = view.audit {
                    dt { "Audit log" }
                    dd { (audit.at.entries) " entries, head " code { (visible(&audit.at.head, 64)) } }
                }
                @for timing in view.timings {
                    dt { (timing.stage.name().replace('_', " ")) }
                    dd { (format!("{:.2} s", timing.seconds)) }
                }
            }
        }
    }
}
