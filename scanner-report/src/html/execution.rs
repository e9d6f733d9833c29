//! Sections of how the scan was done: what it looked at, gates, controls, and what it took.

use maud::{Markup, html};

use scanner_core::{
    escape::visible,
    gate::GateDecision,
    report::{AuditOutcome, ControlRecord, ControlStage, view::View},
};

/// In what the thing that was looked at is not the target.
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
                        th { "Control" } th { "Enforced" } th { "Verified" } th { "Sealed" }
                        th { "Released" } th { "Seen gone" }
                    }
                }
                tbody {
                    @for control in view.controls {
                        tr {
                            td { b { (visible(&control.title, 200)) } }
                            @for (name, stage) in stages(control) { (word(name, stage)) }
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

/// What was looked at after the scan.
pub(super) fn post_scan(view: &View<'_>) -> Markup {
    html! {
        @if let Some(audit) = view.post_scan {
            h2 { "After the scan" }
            dl.card {
                @for check in &audit.checks {
                    dt { (visible(&check.id, 80)) }
                    dd {
                        @match check.outcome {
                            AuditOutcome::Shown => { span.good { "shown" } }
                            AuditOutcome::Told => { b.unsure { "told" } }
                            AuditOutcome::NotShown => { b.bad { "NOT SHOWN" } }
                        }
                        @for item in &check.evidence { p { (visible(item, 600)) } }
                    }
                }
            }
        }
    }
}

fn stages(control: &ControlRecord) -> [(&'static str, &ControlStage); 5] {
    [
        ("Enforced", &control.enforced),
        ("Verified", &control.verified),
        ("Sealed", &control.sealed),
        ("Released", &control.released),
        ("Seen gone", &control.release_verified),
    ]
}

fn word(name: &str, stage: &ControlStage) -> Markup {
    html! {
        td data-name=(name) {
            @match stage {
                ControlStage::NotReached => { "not reached" }
                ControlStage::Done { .. } => { span.good { "yes" } }
                ControlStage::NotHeld { .. } => { b.bad { "NO" } }
                ControlStage::Failed { .. } => { b.bad { "FAILED" } }
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
                @for (name, stage) in stages(control) {
                    @match stage {
                        ControlStage::NotReached => {}
                        ControlStage::Done { evidence } => {
                            @for item in &evidence.0 { dt { (name) } dd { (visible(item, 600)) } }
                        }
                        ControlStage::NotHeld { reason } => {
                            dt { (name) } dd { b.bad { "NO " } (visible(reason, 600)) }
                        }
                        ControlStage::Failed { reason } => {
                            dt { (name) } dd { b.bad { "FAILED " } (visible(reason, 600)) }
                        }
                    }
                }
            }
        }
    }
}

/// Timings and API calls.
pub(super) fn effort(view: &View<'_>) -> Markup {
    html! {
        @if view.api_calls.is_some() || !view.timings.is_empty() {
            h2 { "Effort" }
            dl.card {
                @if let Some(calls) = view.api_calls {
                    dt { "API calls" }
                    dd { (calls.operator) " as operator, " (calls.scan) " as the scan identity" }
                }
                @if let Some(seconds) = view.seconds { dt { "Seconds" } dd { (format!("{seconds:.1}")) } }
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
