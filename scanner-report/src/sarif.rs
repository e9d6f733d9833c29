//! SARIF 2.1.0 (OASIS standard, errata 01), for code scanning. Section numbers are of that standard.
//!
//! Results are failed checks and checks that were not done; consumers that know no `kind` take
//! every result for an alert, so what passed is counted in the properties of the run alone.

mod message;

use serde_json::{Value, json};

use crate::escaped::{MAX_GAPS, completions, more, pretty, visible_all};
use message::{plain, text};
use scanner_core::report::view::{Subject, View};
use scanner_core::{
    escape::visible,
    finding::{CheckResult, CheckStatus, Severity},
};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// Most results that GitHub keeps of one run.
const MAX_RESULTS: usize = 5000;

/// Renders `view`.
pub fn render(view: &View<'_>) -> String {
    let runs: Vec<Value> = view.per_engine().iter().map(run).collect();
    pretty(&json!({ "$schema": SCHEMA, "version": "2.1.0", "runs": runs }))
}

/// 3.14 `run`: the results of one engine.
fn run(view: &View<'_>) -> Value {
    let sorted = view.sorted();
    let results: Vec<Value> = sorted
        .iter()
        .enumerate()
        .filter(|(_, r)| matches!(r.status, CheckStatus::Fail | CheckStatus::Error))
        .take(MAX_RESULTS)
        .map(|(index, r)| result(view, index, r))
        .collect();
    let rules: Vec<Value> = sorted.iter().map(|r| rule(view, r)).collect();
    let mut run = json!({
        "tool": { "driver": {
            "name": "secure-scan",
            "version": visible(view.tool_version, 40),
            "rules": rules,
        }},
        "automationDetails": { "id": category(view) },
        "invocations": [invocation(view)],
        "columnKind": "unicodeCodePoints",
        "results": results,
        "properties": {
            "verdict": view.verdict.name(),
            "subject": view.subject_line(),
            "profile": visible(&view.engines, 200),
            "strategy": visible(view.strategy, 80),
            "trust": visible(view.trust, 400),
            "selection": visible_all(&view.selection()),
            "inputs": visible_all(&view.inputs()),
            "complete": view.complete(),
            "notRead": view.not_read(),
            "failed": view.failed().count(),
            "warnings": view.warnings().count(),
            "passed": view.count(CheckStatus::Pass),
            "notApplicable": view.inapplicable().count(),
            "waivedAndNotLookedAt": view.unseen().count(),
        },
    });
    for trace in view.trace() {
        let id = trace.id();
        run["properties"]["trace"][id] = trace.value.into();
    }
    if let Some(engine) = view.engine() {
        run["properties"]["engine"] = json!({
            "name": visible(&engine.name, 200),
            "version": visible(&engine.version, 80),
            "digest": visible(&engine.digest, 64),
        });
    }
    if let Some(kind) = view.failure_kind() {
        run["properties"]["failure"] = kind.into();
    }
    if let Some(alert) = view.gate_alert {
        run["properties"]["gateAlert"] = visible(alert, 600).into();
    }
    if let Some(none) = view.no_controls() {
        run["properties"]["controls"] = none.into();
    }
    run
}

/// 3.14.3: results of the same category replace each other, so each engine has its own where there are several.
fn category(view: &View<'_>) -> String {
    let series = uri(&view.series());
    match view.findings {
        [one] if view.has_several_engines() => {
            format!("secure-scan/{series}/{}/", uri(&view.engine_name(one)))
        }
        _ => format!("secure-scan/{series}/"),
    }
}

/// 3.49 `reportingDescriptor`.
fn rule(view: &View<'_>, result: &CheckResult) -> Value {
    let help = format!(
        "{}\n\nFix: {}",
        plain(&result.rationale, 2000),
        plain(&result.fix, 2000)
    );
    let wrong = if result.fails.is_empty() {
        &result.title
    } else {
        &result.fails
    };
    json!({
        "id": visible(&view.check_id(result), 200),
        // What code scanning shows for an alert: what is wrong.
        "shortDescription": { "text": text(wrong, 500) },
        "fullDescription": { "text": text(&result.rationale, 2000) },
        "help": { "text": help },
        "defaultConfiguration": { "level": level(result.severity) },
        "properties": {
            "tags": ["security"],
            // GitHub sorts by this: a number from 0 to 10 as text.
            "security-severity": score(result.severity),
        },
    })
}

/// 3.27 `result`. A kind other than `fail` takes the level `none` (3.27.10).
fn result(view: &View<'_>, index: usize, result: &CheckResult) -> Value {
    let failed = result.status == CheckStatus::Fail;
    let mut value = json!({
        "ruleId": visible(&view.check_id(result), 200),
        "ruleIndex": index,
        // 3.27.9: `open` is "insufficient information to decide whether a problem exists".
        "kind": if failed { "fail" } else { "open" },
        "level": if failed { result_level(view, result) } else { "none" },
        "message": { "text": message(view, result) },
        "locations": [{
            // Consumers want an artifact; ours is the image, which no line number fits.
            "physicalLocation": {
                "artifactLocation": { "uri": location(view) },
                "region": { "startLine": 1 },
            },
            "logicalLocations": [{
                "fullyQualifiedName": view.subject_line(),
                "kind": "resource",
            }],
        }],
        // 3.27.17, versioned as 3.5.4 asks.
        "partialFingerprints": { "checkOnTarget/v1": view.fingerprint(&view.check_id(result)) },
        "properties": { "severity": result.severity.name() },
    });
    if let Some(why) = view.allowed_as(result) {
        value["properties"]["warning"] = why.into();
    }
    if let Some(waiver) = &result.waiver {
        // 3.27.23: whoever reads this sees that it was waived, and why.
        let why = format!(
            "{} (until {})",
            visible(&waiver.justification, 500),
            visible(&waiver.expires, 20)
        );
        value["suppressions"] = json!([{ "kind": "external", "justification": why }]);
    }
    value
}

fn message(view: &View<'_>, result: &CheckResult) -> String {
    let mut lines = Vec::new();
    if result.status == CheckStatus::Error {
        lines.push(format!(
            "Not checked (does not count as passed): {}",
            plain(&result.message, 1000)
        ));
    } else {
        lines.push(format!(
            "{}: {}",
            plain(&view.subject_line(), 1000),
            text(&result.headline(), 500)
        ));
    }
    lines.extend(
        result
            .evidence
            .iter()
            .map(|e| format!("- {}", plain(e, 300))),
    );
    let more = more(result);
    if more > 0 {
        lines.push(format!("- and {more} more"));
    }
    lines.join("\n")
}

/// 3.20 `invocation`. What could not be checked is a notification (3.20.21), and then the
/// execution was not successful (3.20.14).
fn invocation(view: &View<'_>) -> Value {
    let mut notifications: Vec<Value> = view
        .problems_beside_alerts()
        .iter()
        .map(|problem| notification("scan", "error", problem, None))
        .collect();
    for alert in view.alerts {
        let evidence = alert.sentences();
        let text = format!(
            "security alert {}: {} {evidence}",
            alert.id,
            alert.message.raw()
        );
        notifications.push(notification("security-alert", "error", &text, None));
    }
    for (index, result) in view.sorted().into_iter().enumerate() {
        if result.status == CheckStatus::Error {
            let id = visible(&view.check_id(result), 200);
            let rule = json!({ "id": id, "index": index });
            let text = format!("check {id} was not done: {}", result.message);
            notifications.push(notification("check", "error", &text, Some(rule)));
        }
    }
    for (index, result) in view.sorted().into_iter().enumerate() {
        if let Some(waiver) = result.waiver.as_ref().filter(|w| w.skipped) {
            let id = visible(&view.check_id(result), 200);
            let rule = json!({ "id": id, "index": index });
            let until = visible(&waiver.expires, 20);
            let text = format!(
                "check {id} was skipped: waived until {until}: {}",
                waiver.justification
            );
            notifications.push(notification("waiver", "warning", &text, Some(rule)));
        }
    }
    for breach in view.breaches() {
        notifications.push(notification("threshold", "warning", &breach, None));
    }
    for (section, gap) in view.gaps() {
        let text = format!("{section}: {gap}");
        notifications.push(notification("coverage", "warning", &text, None));
    }
    for line in view.image_lines() {
        notifications.push(notification("read-from-image", "note", &line, None));
    }
    for completion in completions(view) {
        let text = format!("to read more: {completion}");
        notifications.push(notification("coverage", "note", &text, None));
    }
    for (name, text) in view.narrowed() {
        let text = format!("{name}: {text}");
        notifications.push(notification("selection", "note", &text, None));
    }
    for (kind, list) in view.notes() {
        let level = if kind == "expired waivers" {
            "warning"
        } else {
            "note"
        };
        for item in list {
            let text = format!("{kind}: {item}");
            notifications.push(notification("ineffective", level, &text, None));
        }
    }
    let mut invocation = json!({
        "executionSuccessful": view.done(),
        "toolExecutionNotifications": notifications,
    });
    if let Some(started) = view.started_utc() {
        invocation["startTimeUtc"] = started.into();
    }
    invocation
}

/// 3.58 `notification`.
fn notification(id: &str, level: &str, text: &str, rule: Option<Value>) -> Value {
    let mut notification = json!({
        "descriptor": { "id": id },
        "level": level,
        "message": { "text": plain(text, MAX_GAPS) },
    });
    if let Some(rule) = rule {
        notification["associatedRule"] = rule;
    }
    notification
}

/// 3.27.10: the level of the severity, but not `error` for what the threshold allows.
fn result_level(view: &View<'_>, result: &CheckResult) -> &'static str {
    match level(result.severity) {
        "error" if view.allowed_as(result).is_some() => "warning",
        level => level,
    }
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

const fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "3.0",
        Severity::Info => "0.5",
    }
}

/// 3.4 `artifactLocation`: the image, or the file or directory that was read.
fn location(view: &View<'_>) -> String {
    let path = match view.subject {
        Subject::Local(subject) => {
            let kinds = ["image ", "directory "];
            kinds
                .into_iter()
                .find_map(|kind| subject.strip_prefix(kind))
        }
        _ => None,
    };
    match path {
        // Without a scheme, an absolute path would count as one below the root of the sources.
        Some(path) if path.starts_with('/') => format!("file:///{}", uri(path)),
        Some(path) => uri(path.strip_prefix("./").unwrap_or(path)),
        None => uri(&view.artifact()),
    }
}

/// A relative reference of RFC 3986, so that a hostile image name is no link.
fn uri(artifact: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const KEEP: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~')
        .remove(b'/');
    let short: String = artifact.trim_start_matches('/').chars().take(400).collect();
    let encoded = utf8_percent_encode(&short, KEEP).to_string();
    if encoded.is_empty() {
        "unknown".to_owned()
    } else {
        encoded
    }
}
