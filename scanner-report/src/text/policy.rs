//! The effect of the policy on a scan: gates, waivers and thresholds, for a reader at a terminal.

use std::fmt::Write as _;

use super::layout::{Page, Style, item, wrapped};
use scanner_core::{
    escape::visible,
    finding::{CheckStatus, Findings},
    gate::{GateDecision, GateResult},
    report::view::View,
};

/// Gates: those that warn or abort; the others are counted, and listed when verbose.
pub(super) fn gates(out: &mut Page, gates: &[GateResult], style: Style) {
    if gates.is_empty() {
        return;
    }
    let count = |f: fn(&GateDecision) -> bool| gates.iter().filter(|g| f(&g.decision)).count();
    let aborts = count(|d| matches!(d, GateDecision::Abort { .. }));
    let warnings = count(|d| matches!(d, GateDecision::Warn { .. }));
    let allowed = count(|d| matches!(d, GateDecision::Allow { .. }));
    let title = format!("Gates: {aborts} abort, {warnings} warn, {allowed} allow");
    let _ = writeln!(out, "\n{}", style.paint("1", &title));
    let unknown = "a decision of a later version, which allows nothing".to_owned();
    for gate in gates {
        let (word, code, text) = match &gate.decision {
            GateDecision::Abort { reason } => ("ABORT", "1;31", reason),
            GateDecision::Warn { reason } => ("WARN ", "33", reason),
            GateDecision::Allow { evidence } if style.verbose => ("allow", "2", evidence),
            GateDecision::Allow { .. } => continue,
            _ => ("?    ", "33", &unknown),
        };
        let line = format!("{}: {}", visible(&gate.id, 40), visible(text, 600));
        let options = textwrap::Options::new(out.width() - 9);
        let filled = textwrap::fill(&line, options).replace('\n', "\n         ");
        let _ = writeln!(out, "  {}  {filled}", style.paint(code, word));
    }
}

/// How an alert was raised, and allowances that matched nothing.
pub(super) fn alert(out: &mut Page, view: &View<'_>, style: Style) {
    if let Some(alert) = view.gate_alert {
        let text = format!("alert: {}", visible(alert, 600));
        wrapped(out, "  ", &text);
    }
    if !view.unused_allowances.is_empty() {
        let title = "Allowances of the policy that matched nothing here";
        let _ = writeln!(out, "\n{}", style.paint("1", title));
        for unused in view.unused_allowances.iter().take(20) {
            item(out, "  ", &visible(unused, 200));
        }
    }
}

/// Failures that a waiver covers, and waivers that cover nothing.
pub(super) fn waived(out: &mut Page, view: &View<'_>, findings: &Findings, style: Style) {
    let waived: Vec<_> = findings
        .results
        .iter()
        .filter_map(|r| Some((r, r.waiver.as_ref()?)))
        .collect();
    if !waived.is_empty() {
        let title = "Waived (never a pass)";
        let _ = writeln!(out, "\n{}", style.paint("1", title));
    }
    for (result, waiver) in waived {
        let what = match result.status {
            CheckStatus::Fail => "failed",
            _ => "skipped",
        };
        let line = format!(
            "WAIVED {}: {}, {what}; until {}: {}",
            visible(&view.check_id(result), 80),
            result.severity,
            visible(&waiver.expires, 20),
            visible(&waiver.justification, 300)
        );
        wrapped(out, "  ", &line);
    }
    let Some(summary) = &findings.waivers else {
        return;
    };
    for (word, list) in [("EXPIRED", &summary.expired), ("UNUSED", &summary.unused)] {
        for item in list {
            wrapped(out, "  ", &format!("{word} waiver: {}", visible(item, 300)));
        }
    }
}

/// The results of the thresholds.
pub(super) fn thresholds(out: &mut Page, findings: &Findings) {
    let Some(outcome) = &findings.thresholds else {
        return;
    };
    let title = format!(
        "Thresholds of {}: {} met, {} not met; compliance {} %",
        visible(&outcome.source, 200),
        outcome.met,
        outcome.breaches.len(),
        outcome.compliance
    );
    let _ = writeln!(out);
    wrapped(out, "", &title);
    for breach in &outcome.breaches {
        let line = format!("not met: {}", visible(breach, 400));
        wrapped(out, "  ", &line);
    }
    for ignored in &outcome.ignored {
        wrapped(
            out,
            "  ",
            &format!("not applied: {}", visible(ignored, 300)),
        );
    }
}
