//! Policy reports as Kubernetes objects: `openreports.io/v1alpha1` and `wgpolicyk8s.io/v1alpha2`.
//!
//! Written as JSON, which every reader of YAML takes: no text of a target can be read as YAML.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::escaped::{more, pretty};
use scanner_core::report::view::{Subject, View};
use scanner_core::{
    escape::visible,
    finding::{CheckResult, CheckStatus, Severity, Waiver},
};

/// Most characters of a message.
const MAX_MESSAGE: usize = 1000;
/// Most results of one object.
const MAX_RESULTS: usize = 1000;
/// Most bytes of all results of one object: etcd takes 1.5 MiB in one request, all else included.
const MAX_BYTES: usize = 1 << 20;

/// The API that the object belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// `Report` of `openreports.io/v1alpha1`.
    OpenReports,
    /// `PolicyReport` of `wgpolicyk8s.io/v1alpha2`.
    WgPolicy,
}

/// Renders `view`.
pub fn render(view: &View<'_>, api: Api) -> String {
    let (api_version, kind) = match api {
        Api::OpenReports => ("openreports.io/v1alpha1", "Report"),
        Api::WgPolicy => ("wgpolicyk8s.io/v1alpha2", "PolicyReport"),
    };
    let alerts = view.alert_lines();
    let alerts = alerts
        .iter()
        .map(|alert| whole(view, "secure-scan-security-alert", "error", alert));
    let problems = view.problems_beside_alerts();
    let problems = problems
        .iter()
        .map(|problem| whole(view, "secure-scan-execution", "error", problem));
    let breaches = view.breaches();
    let breaches = breaches
        .iter()
        .map(|b| whole(view, "secure-scan-threshold", "fail", b));
    let checks = view.sorted().into_iter().map(|r| result(view, r));
    let mut results: Vec<Value> = alerts
        .chain(problems)
        .chain(breaches)
        .chain(checks)
        .collect();
    let mut summary = BTreeMap::from(["pass", "fail", "warn", "error", "skip"].map(|s| (s, 0)));
    for result in &results {
        if let Some(count) = result["result"].as_str().and_then(|r| summary.get_mut(r)) {
            *count += 1;
        }
    }
    let left_out = cut(&mut results);
    let mut metadata = metadata(view);
    if left_out > 0 {
        metadata["annotations"]["secure-scan.io/results-left-out"] = left_out.to_string().into();
        let text = format!(
            "{left_out} more results do not fit into this object and are only counted; the JSON report has all of them"
        );
        results.push(whole(view, "secure-scan-results-left-out", "warn", &text));
        summary.entry("warn").and_modify(|count| *count += 1);
    }
    let mut object = json!({
        "apiVersion": api_version,
        "kind": kind,
        "metadata": metadata,
        "summary": summary,
        "results": results,
    });
    if api == Api::OpenReports {
        object["source"] = "secure-scan".into();
    }
    if let Subject::Container(target) = view.subject {
        object["scope"] = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "namespace": target.namespace,
            "name": target.pod,
            "uid": visible(&target.pod_uid, 100),
        });
    }
    pretty(&object)
}

/// Keeps as many of the first results as an object can hold, and returns the number of the others.
fn cut(results: &mut Vec<Value>) -> usize {
    let mut bytes = 0;
    let fits = |result: &Value| {
        let text = result.to_string();
        // A server writes these as `\u003c`.
        let longer = text.bytes().filter(|b| b"<>&".contains(b)).count() * 5;
        bytes += text.len() + longer;
        bytes <= MAX_BYTES
    };
    let all = results.len();
    let kept = results.iter().take(MAX_RESULTS).map(fits);
    let kept = kept.take_while(|fits| *fits).count();
    results.truncate(kept);
    all - kept
}

/// A pod's next report replaces the one before it; the object goes when the pod goes.
fn metadata(view: &View<'_>) -> Value {
    let mut annotations = json!({
        "secure-scan.io/verdict": view.verdict.name(),
        "secure-scan.io/complete": view.complete().to_string(),
        "secure-scan.io/image": visible(&view.artifact(), 400),
        "secure-scan.io/started": view.started_utc().unwrap_or_default(),
        "secure-scan.io/trust": visible(view.trust, 400),
    });
    for trace in view.trace() {
        let name = format!("secure-scan.io/{}", trace.id());
        annotations[name] = trace.value.into();
    }
    for (name, text) in view.narrowed() {
        annotations[format!("secure-scan.io/{name}")] = text.into();
    }
    for (kind, list) in view.notes() {
        let name = format!("secure-scan.io/{}", kind.replace(' ', "-"));
        annotations[name] = visible(&list.join("; "), 2000).into();
    }
    let gaps = view.gaps();
    if !gaps.is_empty() {
        let texts: Vec<String> = gaps.iter().map(|(s, gap)| format!("{s}: {gap}")).collect();
        annotations["secure-scan.io/coverage-gaps"] = visible(&texts.join("; "), 2000).into();
    }
    let read = view.image_lines();
    if !read.is_empty() {
        annotations["secure-scan.io/read-from-image"] = visible(&read.join("; "), 2000).into();
    }
    if let Some(kind) = view.failure_kind() {
        annotations["secure-scan.io/failure"] = kind.into();
    }
    if let Some(alert) = view.gate_alert {
        annotations["secure-scan.io/gate-alert"] = visible(alert, 600).into();
    }
    if let Some(none) = view.no_controls() {
        annotations["secure-scan.io/controls"] = none.into();
    }
    let labels = json!({ "app.kubernetes.io/managed-by": "secure-scan" });
    match view.subject {
        Subject::Container(target) => {
            let owner = json!({
                "apiVersion": "v1",
                "kind": "Pod",
                "name": target.pod,
                "uid": visible(&target.pod_uid, 100),
            });
            json!({
                "name": name(target.pod.as_str(), target.container.as_str()),
                "namespace": target.namespace,
                "annotations": annotations,
                "labels": labels,
                "ownerReferences": [owner],
            })
        }
        _ => json!({
            "name": name("local", &view.artifact()),
            "annotations": annotations,
            "labels": labels,
        }),
    }
}

/// A name that Kubernetes accepts and that no other pair has: the digest differs where the readable part is the same.
fn name(pod: &str, container: &str) -> String {
    let digest = hex::encode(Sha256::digest(format!("{pod}\n{container}")));
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let short = |text: &str, limit: usize| {
        let cut = text
            .chars()
            .take(limit)
            .map(|c| if plain(c) { c } else { '-' });
        cut.collect::<String>().trim_matches('-').to_owned()
    };
    let parts = [&short(pod, 100), &short(container, 63), &digest[..10]];
    let parts: Vec<&str> = parts.into_iter().filter(|p| !p.is_empty()).collect();
    format!("secure-scan-{}", parts.join("-"))
}

fn result(view: &View<'_>, check: &CheckResult) -> Value {
    let (outcome, message) = match check.status {
        CheckStatus::Pass => ("pass", String::new()),
        CheckStatus::Fail if view.counts(check) => ("fail", evidence(check)),
        CheckStatus::Fail => ("warn", allowed(view, check) + &evidence(check)),
        CheckStatus::Error => ("error", format!("not checked: {}", check.message)),
        CheckStatus::NotApplicable if check.is_unseen() => {
            ("skip", format!("skipped; {}", waived(check)))
        }
        CheckStatus::NotApplicable => ("skip", format!("not applicable {}", check.message)),
    };
    let headline = check.headline();
    let text = if message.is_empty() {
        headline.into_owned()
    } else {
        format!("{headline}; {message}")
    };
    let engine = view.engine_of(check).map(|found| found.engine.to_string());
    let mut result = json!({
        "source": "secure-scan",
        "policy": visible(engine.as_ref().unwrap_or(&view.engines), 200),
        "rule": visible(&view.check_id(check), 200),
        "category": "container security",
        "severity": check.severity.name(),
        "scored": check.status != CheckStatus::NotApplicable,
        "result": outcome,
        "message": visible(&text, MAX_MESSAGE),
        "properties": { "fix": visible(&check.fix, 400) },
    });
    if !check.limits.is_empty() {
        result["properties"]["limits"] = visible(&check.limits.join("; "), 400).into();
    }
    stamp(view, &mut result);
    result
}

/// Why a failed check does not count: the threshold allows it, or a waiver covers it.
fn allowed(view: &View<'_>, check: &CheckResult) -> String {
    let why = view.allowed_as(check);
    why.map_or_else(|| waived(check), |why| format!("warning, {why}; "))
}

fn waived(check: &CheckResult) -> String {
    let text = |w: &Waiver| format!("waived until {}: {}; ", w.expires, w.justification);
    check.waiver.as_ref().map_or_else(String::new, text)
}

/// A result of the scan as a whole.
fn whole(view: &View<'_>, rule: &str, outcome: &str, message: &str) -> Value {
    let mut result = json!({
        "source": "secure-scan",
        "policy": visible(&view.engines, 200),
        "rule": rule,
        "category": "container security",
        "severity": Severity::Critical.name(),
        "scored": true,
        "result": outcome,
        "message": visible(message, MAX_MESSAGE),
    });
    stamp(view, &mut result);
    result
}

fn stamp(view: &View<'_>, result: &mut Value) {
    if let Some(started) = view.started_at() {
        let nanos = started.subsec_nanosecond().max(0);
        result["timestamp"] = json!({ "seconds": started.as_second(), "nanos": nanos });
    }
}

fn evidence(check: &CheckResult) -> String {
    let more = more(check);
    let more = if more > 0 {
        format!("; and {more} more")
    } else {
        String::new()
    };
    format!("{}{more}", check.evidence.join("; "))
}
