//! in-toto statement v1, to be signed: what was scanned, by its digest, and the result.
//!
//! The form is <https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md>; the
//! predicate sums the report up and names it by the digest of its JSON form.

use serde_json::{Value, json};

use crate::escaped::{pretty, visible_all};
use scanner_core::report::view::View;
use scanner_core::{
    escape::visible,
    finding::{CheckResult, CheckStatus, Severity},
};

/// The `predicateType` of the statement.
pub const PREDICATE: &str = "https://secure-scan.io/attestation/report/v1";

/// Renders `view`, whose JSON form has the digest `json_sha256`.
pub fn render(view: &View<'_>, json_sha256: &str) -> String {
    let digest = view.image_digest.unwrap_or_default();
    let failed: serde_json::Map<String, Value> = Severity::WORST_FIRST
        .iter()
        .map(|severity| {
            let count = view.failed().filter(|r| r.severity == *severity).count();
            (severity.name().to_owned(), count.into())
        })
        .collect();
    let gaps: Vec<&str> = view.gaps().iter().map(|(section, _)| *section).collect();
    let sorted = view.sorted();
    let waivers: Vec<Value> = sorted.iter().filter_map(|r| waiver(view, r)).collect();
    let notes: Vec<String> = view
        .notes()
        .iter()
        .flat_map(|(kind, list)| list.iter().map(move |item| format!("{kind}: {item}")))
        .collect();
    let notes = visible_all(&notes);
    let mut statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{
            "name": visible(&view.artifact(), 400),
            "digest": { "sha256": digest.trim_start_matches("sha256:") },
        }],
        "predicateType": PREDICATE,
        "predicate": {
            "scanner": { "name": "secure-scan", "version": visible(view.tool_version, 40) },
            "started": view.started_utc(),
            "target": view.subject_line(),
            "strategy": visible(view.strategy, 80),
            "trust": visible(view.trust, 400),
            "profile": {
                "name": visible(&view.engines, 200),
                "digest": { "sha256": view.engine().map(|e| visible(&e.digest, 64)) },
                "selection": visible_all(&view.selection()),
                "inputs": visible_all(&view.inputs()),
            },
            "verdict": view.verdict.name(),
            "result": view.sentence(),
            "complete": view.complete(),
            "failOn": view.fail_on,
            "checks": {
                "failed": failed,
                "warnings": view.warnings().count(),
                "waived": waivers.len(),
                "waivedAndNotLookedAt": view.unseen().count(),
                "couldNotLook": view.count(CheckStatus::Error),
                "passed": view.count(CheckStatus::Pass),
                "notApplicable": view.inapplicable().count(),
            },
            "coverageGaps": gaps,
            "waivers": waivers,
            "ineffective": notes,
            "report": { "mediaType": "application/json", "digest": { "sha256": json_sha256 } },
        },
    });
    let predicate = &mut statement["predicate"];
    for trace in view.trace() {
        let id = trace.id();
        predicate["trace"][id] = trace.value.into();
    }
    if view.has_several_engines() {
        let engines: Vec<Value> = view.per_engine().iter().map(engine).collect();
        predicate["engines"] = engines.into();
    }
    let read = view.image_lines();
    if !read.is_empty() {
        predicate["readFromImage"] = visible_all(&read).into();
        predicate["checks"]["mayHaveChanged"] = view.may_have_changed().into();
    }
    if let Some(kind) = view.failure_kind() {
        predicate["failure"] = kind.into();
    }
    if !view.alerts.is_empty() {
        predicate["alerts"] = visible_all(&view.alert_lines()).into();
    }
    if let Some(why) = view.incompleteness() {
        predicate["incomplete"] = why.into();
    }
    if let Some(alert) = view.gate_alert {
        predicate["gateAlert"] = visible(alert, 600).into();
    }
    if let Some(none) = view.no_controls() {
        predicate["controls"] = none.into();
    }
    pretty(&statement)
}

/// One of several engines: what it checks, and its result.
fn engine(view: &View<'_>) -> Value {
    json!({
        "name": visible(&view.engines, 200),
        "digest": { "sha256": view.engine().map(|e| visible(&e.digest, 64)) },
        "selection": visible_all(&view.selection()),
        "inputs": visible_all(&view.inputs()),
        "failOn": view.fails_at(),
        "complete": view.complete(),
        "failed": view.failed().count(),
        "warnings": view.warnings().count(),
        "couldNotLook": view.count(CheckStatus::Error),
        "passed": view.count(CheckStatus::Pass),
        "notApplicable": view.inapplicable().count(),
    })
}

fn waiver(view: &View<'_>, result: &CheckResult) -> Option<Value> {
    let waiver = result.waiver.as_ref()?;
    Some(json!({
        "check": visible(&view.check_id(result), 200),
        "justification": visible(&waiver.justification, 1000),
        "expires": visible(&waiver.expires, 20),
        "lookedAt": !waiver.skipped,
    }))
}
