//! Reports of other versions: of version 1, and of a later version with values that this one does not know.

use serde_json::{Value, json};

use super::{forms::*, local, prelude::*};
use scanner_core::{
    report::{LOCAL_SCHEMA, SCHEMA},
    stage::Stage as Of,
    target::TargetForm,
};

/// Reports that version 1 wrote: of a scan in a cluster, and of a directory.
const V1: &str = include_str!("data/report-v1.json");
const LOCAL_V1: &str = include_str!("data/local-report-v1.json");

#[test]
fn a_report_of_version_1_is_read_converted_and_compared() {
    let document = Document::parse(V1.as_bytes()).unwrap();
    let report = document.scan().unwrap();
    assert!(document.local().is_none());
    assert_eq!(report.findings.len(), 1);
    let old: Value = serde_json::from_str(V1).unwrap();
    let results = old["findings"]["results"].as_array().unwrap();
    assert_eq!(report.findings[0].results.len(), results.len());
    assert_eq!(
        report.findings[0].engine.name,
        old["findings"]["profile"]["name"]
    );
    let states = old["controls"].as_array().unwrap().iter();
    for (control, was) in report.controls.iter().zip(states) {
        assert_eq!(
            matches!(control.revoked, ControlStage::Done { .. }),
            was["sealed"]["state"] == "done"
        );
        assert_eq!(control.granted, ControlStage::NotReached);
    }
    let timed: Vec<_> = report.timings.iter().map(|timing| timing.stage).collect();
    assert!(timed.contains(&Of::Revoke) && !timed.contains(&Of::Unknown));
    let audit = report.post_scan.as_ref().unwrap();
    let unknown = |check: &AuditCheck| check.outcome == AuditOutcome::Unknown;
    assert!(!audit.checks.iter().any(unknown));

    // What is written is of this version, and holds the same.
    assert_eq!(report.schema, SCHEMA);
    let again = Document::parse(document.json().as_bytes()).unwrap();
    assert_eq!(again.scan(), document.scan());
    let found = diff::compare(&document.view(), &again.view());
    assert_eq!(found.outcome, diff::Outcome::NoNewFindings);
    assert!(found.changed.is_empty() && found.controls.is_empty());
    for &format in Format::ALL {
        if document.view().contents().packages || format != Format::CycloneDx {
            render(&document, format, text::Style::default()).unwrap();
        }
    }
}

#[test]
fn a_failed_check_of_version_1_does_not_read_as_its_opposite() {
    let document = Document::parse(V1.as_bytes()).unwrap();
    let view = document.view();
    let failed = view.failed().next().unwrap();
    assert!(failed.fails.is_empty());
    assert_eq!(failed.headline(), format!("failed: {}", failed.title));
}

#[test]
fn a_local_report_of_version_1_is_read() {
    let document = Document::parse(LOCAL_V1.as_bytes()).unwrap();
    let report = document.local().unwrap();
    assert!(document.scan().is_none());
    assert_eq!(report.schema, LOCAL_SCHEMA);
    assert!(!report.findings[0].results.is_empty());
    let text = render(&document, Format::Terminal, text::Style::default()).unwrap();
    assert!(text.contains("not stated by the version"), "{text}");
    assert!(text.contains("no security control surrounded"), "{text}");
}

#[test]
fn a_local_scan_never_claims_that_a_control_surrounded_it() {
    for verdict in [Verdict::Passed, Verdict::Findings, Verdict::Incomplete] {
        let mut report = local("directory /srv");
        report.verdict = verdict;
        report.image_digest = Some(format!("sha256:{}", "b".repeat(64)));
        let document = Document::from(report);
        for &format in Format::ALL {
            let text = render(&document, format, text::Style::default()).unwrap();
            let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(
                joined.contains("no security control surrounded"),
                "{format}: {text}"
            );
        }
    }
}

/// A report with values in every place that a later minor version may extend.
fn later() -> Value {
    let mut report = serde_json::to_value(passed()).unwrap();
    report["of_a_later_version"] = json!({ "deep": [1] });
    report["verdict"] = "quarantined".into();
    report["plan"]["target"]["form"] = "virtual_machine".into();
    report["failure"] = json!({
        "stage": "negotiate",
        "kind": { "name": "quota_exceeded", "quota": 3 },
        "message": "no room",
        "remedy": { "remedy": "buy_more", "of": "it" },
        "hint": null,
        "interrupted": false,
    });
    report["gates"] = json!([{ "id": "g", "decision": { "decision": "defer", "until": "later" } }]);
    report["coverage"]["firmware"] = json!({ "state": "unavailable", "reason": "no TPM" });
    report["coverage"]["files"] = json!({ "state": "sampled", "percent": 3 });
    report["timings"] = json!([{ "stage": "negotiate", "seconds": 1.0 }]);
    report["post_scan"] = json!({
        "verified": true,
        "checks": [{ "id": "c", "outcome": "deferred", "evidence": [] }],
    });
    report["controls"] = json!([{
        "id": "c", "title": "C", "planned": [],
        "enforced": { "state": "delegated", "to": "x" },
        "verified": { "state": "not_reached" },
        "granted": { "state": "not_reached" },
        "revoked": { "state": "not_reached" },
        "released": { "state": "not_reached" },
        "release_verified": { "state": "not_reached" },
    }]);
    report["fail_on"] = "blocker".into();
    let results = report["findings"][0]["results"].as_array_mut().unwrap();
    results[0]["status"] = "deferred".into();
    results[0]["severity"] = "blocker".into();
    report
}

#[test]
fn a_report_of_a_later_version_is_read_and_never_taken_for_a_pass() {
    let document = Document::parse(later().to_string().as_bytes()).unwrap();
    let report = document.scan().unwrap();
    assert_eq!(report.verdict, Verdict::Unknown);
    assert_ne!(report.verdict.exit_code(), 0);
    assert_eq!(report.plan.target.form, TargetForm::Unknown);
    let failure = report.failure.as_ref().unwrap();
    assert_eq!(
        (failure.stage, &failure.kind),
        (Of::Unknown, &FailureKind::Unknown)
    );
    let check = &report.findings[0].results[0];
    assert_eq!(
        (check.status, check.severity),
        (CheckStatus::Error, Severity::Critical)
    );
    assert_eq!(report.fail_on, Some(Severity::Info));
    assert_eq!(report.controls[0].enforced, ControlStage::Unknown);
    let gaps = document
        .view()
        .gaps()
        .into_iter()
        .map(|(name, _)| name.to_owned());
    assert_eq!(gaps.collect::<Vec<_>>(), ["files", "firmware"]);
    assert!(!document.view().complete());
    for &format in Format::ALL {
        let text = render(&document, format, text::Style::default()).unwrap();
        assert!(!text.contains(Verdict::Passed.sentence()), "{format}");
    }
    for format in [
        Format::Terminal,
        Format::Html,
        Format::Markdown,
        Format::Sarif,
    ] {
        let text = render(&document, format, text::Style::default()).unwrap();
        assert!(text.contains("firmware"), "{format}: {text}");
    }
    let again = Document::parse(document.json().as_bytes()).unwrap();
    assert_eq!(again.scan(), document.scan());
}

#[test]
fn a_comparison_with_a_later_version_sees_a_gap_in_a_section_that_it_does_not_know() {
    let parse = |value: &Value| Document::parse(value.to_string().as_bytes()).unwrap();
    let mut old = serde_json::to_value(passed()).unwrap();
    old["coverage"]["firmware"] = json!({ "state": "complete" });
    let mut new = old.clone();
    new["coverage"]["firmware"] = json!({ "state": "unavailable", "reason": "no TPM" });
    let found = diff::compare(&parse(&old).view(), &parse(&new).view());
    assert_eq!(found.outcome, diff::Outcome::SeesLess);
}

#[test]
fn alerts_come_first_and_a_failure_has_its_kind_in_every_form() {
    let mut report = with_digest();
    report.verdict = Verdict::SecurityAlert;
    report.alerts =
        vec![SecurityAlert::new("lease-disarmed", "somebody stopped the lease").evidence("uid 7")];
    let by = RefusedBy::Guard;
    report.failure = Some(Failure::new(
        Of::Open,
        FailureKind::ExecForbidden { by },
        "refused",
    ));
    for &format in Format::ALL {
        let text = made(&report, format);
        assert!(text.contains("lease-disarmed"), "{format}: {text}");
        if format != Format::Json {
            let kind = text.contains("exec_forbidden by guard (stage open)");
            assert!(kind, "{format}: {text}");
        }
    }
    for format in [Format::Terminal, Format::Html, Format::Markdown] {
        let text = made(&report, format);
        let at = |part: &str| {
            text.find(part)
                .unwrap_or_else(|| panic!("{format}: {part}"))
        };
        assert!(at("lease-disarmed") < at("refused"), "{format}: {text}");
        assert!(at("lease-disarmed") < at("worst"), "{format}: {text}");
    }
    let json = json(&report, Format::Json);
    assert_eq!(
        json["failure"]["kind"],
        json!({ "name": "exec_forbidden", "by": "guard" })
    );
}
