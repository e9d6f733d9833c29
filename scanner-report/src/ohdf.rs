//! OHDF, the OASIS Heimdall Data Format (exec JSON of `InSpec`), for Heimdall and the SAF CLI.
//!
//! Severities are impacts, which the SAF CLI reads as low from 0.1, medium from 0.4, high from 0.7 and
//! critical from 0.9. OHDF has no severity below low, and takes impact 0 for "not applicable": a
//! failed check of severity info counts as low. A check that was not done is a "profile error".

use serde_json::{Value, json};

use crate::escaped::{MAX_GAPS, completions, headline, limits, more, pretty, visible_all};
use scanner_core::report::view::View;
use scanner_core::{
    escape::visible,
    finding::{CheckResult, CheckStatus, Severity},
};

/// Renders `view`.
pub fn render(view: &View<'_>) -> String {
    let profiles: Vec<Value> = view.per_engine().iter().map(profile).collect();
    pretty(&json!({
        "platform": {
            "name": "secure-scan",
            "release": visible(view.tool_version, 40),
            "target_id": view.subject_line(),
        },
        "version": visible(view.tool_version, 40),
        "statistics": { "duration": seconds(view) },
        "profiles": profiles,
    }))
}

/// How long the scan took, to the millisecond.
fn seconds(view: &View<'_>) -> f64 {
    (view.seconds.unwrap_or_default() * 1000.0).round() / 1000.0
}

/// The checks of one engine.
fn profile(view: &View<'_>) -> Value {
    let started = view.started_utc();
    let started = started.as_deref().unwrap_or("1970-01-01T00:00:00.000Z");
    let mut controls: Vec<Value> = view
        .sorted()
        .into_iter()
        .map(|result| control(view, result, started))
        .collect();
    let problems = view.problems();
    if !problems.is_empty() {
        controls.insert(0, not_done(view, &problems.join("; "), started));
    }
    let engine = view.engine();
    let name = engine.map_or(&view.engines, |e| &e.name);
    json!({
        "name": visible(name, 200),
        "version": engine.map_or_else(String::new, |e| visible(&e.version, 80)),
        "title": engine.map_or_else(String::new, |e| visible(&e.title, 200)),
        "summary": format!("{}; trust: {}", view.sentence(), visible(view.trust, 400)),
        "sha256": engine.map_or_else(String::new, |e| visible(&e.digest, 64)),
        "supports": [],
        "attributes": attributes(view),
        "groups": [],
        "controls": controls,
        "status": if problems.is_empty() { "loaded" } else { "failed" },
    })
}

/// Inputs and tags that were given, what could not be read, and what had no effect.
fn attributes(view: &View<'_>) -> Vec<Value> {
    let one = |name: &str, value: &str| json!({ "name": name, "options": { "value": visible(value, MAX_GAPS) } });
    let traces = view.trace();
    let traces = traces.iter().map(|trace| one(trace.label, &trace.value));
    let narrowed = view.narrowed();
    let narrowed = narrowed.iter().map(|(name, text)| one(name, text));
    let gaps = view.gaps();
    let gaps = gaps.iter().map(|(section, gap)| one(section, gap));
    let notes = view.notes();
    let notes = notes.iter().map(|(kind, list)| one(kind, &list.join("; ")));
    let read = view.image_lines();
    let read = read.iter().map(|line| one("read from the image", line));
    let more = completions(view);
    let more = more.iter().map(|remedy| one("to read more", remedy));
    let kind = view.failure_kind();
    let kind = kind.iter().map(|kind| one("failure", kind));
    let alert = view.gate_alert.iter().map(|alert| one("gate alert", alert));
    traces
        .chain(narrowed)
        .chain(gaps)
        .chain(read)
        .chain(more)
        .chain(notes)
        .chain(kind)
        .chain(alert)
        .collect()
}

fn control(view: &View<'_>, check: &CheckResult, started: &str) -> Value {
    let mut result = json!({
        "code_desc": headline(check, 500),
        "run_time": 0.0,
        "start_time": started,
        "status": match check.status {
            CheckStatus::Pass => "passed",
            CheckStatus::Fail => "failed",
            CheckStatus::Error => "error",
            CheckStatus::NotApplicable => "skipped",
        },
    });
    let message = visible(&check.message, 1000);
    match check.status {
        CheckStatus::Fail => result["message"] = evidence(check).into(),
        CheckStatus::Error => {
            result["message"] = message.clone().into();
            result["exception"] = "not checked".into();
            result["backtrace"] = json!([message]);
        }
        CheckStatus::NotApplicable => {
            result["skip_message"] = match &check.waiver {
                Some(waiver) => format!(
                    "skipped: waived until {}: {}",
                    visible(&waiver.expires, 20),
                    visible(&waiver.justification, 1000)
                ),
                None => format!("not applicable {message}"),
            }
            .into();
        }
        CheckStatus::Pass if check.not_read > 0 => {
            result["message"] = limits(check).join("; ").into();
        }
        CheckStatus::Pass => {}
    }
    let applies = check.status != CheckStatus::NotApplicable;
    let mut control = json!({
        "id": visible(&view.check_id(check), 200),
        "title": visible(&check.title, 500),
        "desc": visible(&check.rationale, 2000),
        "descriptions": [
            { "label": "fix", "data": visible(&check.fix, 2000) },
            { "label": "limits", "data": visible(&limits(check).join("; "), 2000) },
        ],
        "impact": if applies { impact(check.severity) } else { 0.0 },
        "tags": {
            // The SAF CLI prefers it to the impact.
            "severity": check.hdf_severity(),
            "secure_scan_severity": check.severity.name(),
            "secure_scan_tags": visible_all(&check.tags),
        },
        "refs": visible_all(&check.references).into_iter().map(|r| json!({ "ref": r })).collect::<Vec<_>>(),
        "code": "",
        "source_location": { "ref": visible(&view.engines, 200), "line": 1 },
        "results": [result],
    });
    if let Some(waiver) = &check.waiver {
        // What a waiver covers counts as "not applicable", as with `InSpec`, and says why.
        control["waiver_data"] = json!({
            "expiration_date": visible(&waiver.expires, 20),
            "justification": visible(&waiver.justification, 1000),
            "run": !waiver.skipped,
            "skipped_due_to_waiver": true,
            "message": "",
        });
    }
    control
}

/// The profile for a scan that gives no result as a whole: never an empty, green one.
fn not_done(view: &View<'_>, problem: &str, started: &str) -> Value {
    let message = visible(problem, 2000);
    json!({
        "id": "secure-scan-execution",
        "title": "The scan was done and nothing is left",
        "desc": view.verdict.sentence(),
        "impact": impact(Severity::Critical),
        "tags": { "severity": severity(Severity::Critical) },
        "refs": [],
        "code": "",
        "source_location": {},
        "results": [{
            "code_desc": view.verdict.sentence(),
            "run_time": 0.0,
            "start_time": started,
            "status": "error",
            "message": message,
            "exception": view.verdict.name(),
            "backtrace": [message],
        }],
    })
}

fn evidence(check: &CheckResult) -> String {
    let mut lines: Vec<String> = check.evidence.iter().map(|e| visible(e, 300)).collect();
    let more = more(check);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines.join("\n")
}

/// The impact of a failed check.
pub const fn impact(severity: Severity) -> f64 {
    match severity {
        Severity::Critical => 0.9,
        Severity::High => 0.7,
        Severity::Medium => 0.5,
        Severity::Low => 0.3,
        Severity::Info => 0.1,
    }
}

/// The name under which thresholds count a severity.
pub const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => Severity::Low.name(),
        other => other.name(),
    }
}
