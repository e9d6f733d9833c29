//! Tests of the report: its published schema, and its form for a reader at a terminal.

mod completeness;
mod engines;
mod execution;
mod format;
mod forms;
mod from_image;
mod hostile;
mod later;
mod place;
mod policy_reports;
mod saved;
mod scope;
mod trace;
mod warnings;

use crate::testing::plan;
use prelude::*;

/// What every test of reports names.
mod prelude {
    pub(super) use std::collections::BTreeMap;

    pub(super) use scanner_core::{
        Evidence, SecurityAlert,
        failure::{Failure, FailureKind, RefusedBy},
        finding::{CheckResult, CheckStatus, EngineRef, Findings, Severity},
        gate::GateResult,
        inventory::{Coverage, Gap, GapKind, Gaps, OsRelease, Package, Section},
        plan::PlannedControl,
        report::{
            ApiCalls, AuditCheck, AuditOutcome, AuditSummary, ControlRecord, ControlStage,
            LocalReport, Packages, PostScanAudit, ScanReport, Timing, Verdict, View,
        },
        stage::Stage,
    };

    pub(super) use crate::{
        diff,
        document::Document,
        format::{Format, render},
        markdown,
        schema::{json_schema, local_json_schema},
        text::{self, Style},
    };
}

fn result(id: &str, severity: Severity, status: CheckStatus, evidence: &str) -> CheckResult {
    let mut result = CheckResult::new(id, format!("Title of {id}"), severity)
        .with_failing_title(format!("What is wrong with {id}"))
        .with_advice(
            "Anyone who gets in can change it, and what it changes runs as root.",
            "Remove the write permission of others in the image.",
        );
    result.status = status;
    result.message = "files: not available: find is missing".into();
    result.evidence = vec![evidence.into()];
    result.evidence_total = 7;
    result
}

fn findings(evidence: &str) -> Findings {
    let engine = EngineRef::new("p", "1").with_title("P").with_digest("00");
    Findings::new(
        engine,
        vec![
            result("low-one", Severity::Low, CheckStatus::Fail, evidence),
            result("worst", Severity::Critical, CheckStatus::Fail, evidence),
            result("blind", Severity::High, CheckStatus::Error, evidence),
            result("fine", Severity::High, CheckStatus::Pass, evidence),
        ],
    )
}

fn sample(evidence: &str) -> ScanReport {
    let findings = vec![findings(evidence)];
    let verdict = Verdict::of(&findings, Severity::Low);
    let mut report = ScanReport::new(plan(), verdict);
    report.tool_version = "0".into();
    report.started = "2026-01-01T00:00:00Z".into();
    report.seconds = 11.0;
    report.trust = "the target's own tools, which an attacker inside may have replaced".into();
    report.findings = findings;
    let reason = evidence.into();
    report.coverage = BTreeMap::from([(Section::Shadow, Coverage::Unavailable { reason })]).into();
    let mut lease = ControlRecord::of(PlannedControl::new("lease", "Lease"));
    lease.enforced = ControlStage::Done {
        evidence: Evidence::of(evidence),
    };
    lease.verified = ControlStage::Failed {
        reason: evidence.into(),
    };
    report.controls = vec![lease];
    report.api_calls = ApiCalls::new(20, 5);
    report.fail_on = Some(Severity::Low);
    let mut packages = Packages::default();
    packages.language = vec![scanner_core::inventory::LanguagePackage {
        ecosystem: "pypi".into(),
        name: evidence.into(),
        version: evidence.into(),
        license: evidence.into(),
        path: evidence.into(),
    }];
    packages.os = Some(OsRelease {
        id: "debian".into(),
        version: "12".into(),
        name: evidence.into(),
    });
    packages.items = vec![Package {
        name: evidence.into(),
        version: "1:2+3".into(),
        arch: "amd64".into(),
        manager: "dpkg".into(),
        ..Package::default()
    }];
    report.packages = Some(packages);
    report
}

fn local(subject: &str) -> LocalReport {
    let scan = sample("/etc/shadow");
    let mut report = LocalReport::new(subject, Verdict::Findings);
    report.profile = "p 1".into();
    report.findings = scan.findings;
    report.coverage = scan.coverage;
    report.packages = scan.packages;
    report
}

#[test]
fn the_published_schemas_are_those_of_the_code() {
    for (name, schema) in [
        ("report", json_schema()),
        ("local-report", local_json_schema()),
    ] {
        let path = format!("{}/../docs/{name}.schema.json", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(&path, &schema).unwrap();
        }
        let published = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            published, schema,
            "run: UPDATE_SCHEMA=1 cargo test -p secure-scan-report"
        );
    }
}

#[test]
fn a_report_is_valid_by_its_schema_and_survives_a_round_trip() {
    let report = sample("/etc/shadow");
    let json = serde_json::to_value(&report).unwrap();
    let schema = serde_json::from_str(&json_schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(validator.is_valid(&json));
    let mut broken = json.clone();
    broken["verdict"] = "fine".into();
    assert!(!validator.is_valid(&broken));
    let back: ScanReport = serde_json::from_value(json).unwrap();
    assert_eq!(back, report);
}

#[test]
fn the_worst_comes_first_and_what_was_not_checked_is_shown() {
    let text = text::render(
        &View::from(&sample("/etc/shadow mode 0644")),
        Style::default(),
    );
    insta::assert_snapshot!(text);
}

#[test]
fn hostile_text_stays_in_its_line_and_in_80_columns() {
    let hostile = format!("\x1b[2J\r\n\u{202e}{}", "x y".repeat(200));
    for verbose in [false, true] {
        let style = Style {
            verbose,
            ..Style::default()
        };
        let text = text::render(&View::from(&sample(&hostile)), style);
        assert!(!text.contains(['\x1b', '\r', '\u{202e}']), "{text}");
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line:?}");
        }
    }
    let summary = text::summary(&View::from(&sample(&hostile)), None);
    assert!(!summary.contains(['\x1b', '\r', '\u{202e}']), "{summary}");
}

#[test]
fn lines_are_as_wide_as_the_terminal_within_bounds() {
    let widest = |width: usize, text: &str| {
        let style = Style {
            width: Some(width),
            ..Style::default()
        };
        let text = text::render(&View::from(&sample(text)), style);
        let title = text.lines().skip(1);
        title
            .map(|line| line.chars().count())
            .max()
            .unwrap_or_default()
    };
    let long = "word ".repeat(200);
    for (width, most) in [(100, 100), (160, 160), (1000, 160), (usize::MAX, 160)] {
        let seen = widest(width, &long);
        assert!(seen <= most && seen > most - 30, "{width}: {seen}");
    }
    // The table of controls has a width of its own.
    assert!(widest(0, &long) <= widest(80, &long));
}

#[test]
fn a_summary_has_the_verdict_and_the_counts() {
    let report = sample("x");
    let view = View::from(&report);
    let summary = text::summary(&view, None);
    assert!(
        summary.contains("failed, ") && summary.contains(" not checked, "),
        "{summary}"
    );
    assert!(summary.contains(&view.sentence()), "{summary}");
    assert!(summary.contains(&view.subject_line()), "{summary}");
}

#[test]
fn failures_about_the_same_thing_stand_together_and_equal_lines_are_one() {
    let mut report = sample("x");
    let make = |id: String, tag: &str, severity| {
        let mut result = CheckResult::new(id, "T", severity).fail(vec![]);
        result.tags = vec![tag.to_owned()];
        result
    };
    let mut results = vec![
        make("a".into(), "pod", Severity::High),
        make("b".into(), "files", Severity::Medium),
        make("c".into(), "pod", Severity::Low),
    ];
    let unread = |n: usize| {
        CheckResult::new(format!("e{n}"), "T", Severity::Low).error("the files were not read")
    };
    results.extend((0..24).map(unread));
    report.findings[0].results = results;
    let text = text::render(&View::from(&report), Style::default());
    assert!(
        text.contains("\npod: 2 checks failed (1 high, 1 low)\n"),
        "{text}"
    );
    assert!(!text.contains("files: 1 check"), "{text}");
    let at = |id: &str| text.find(&format!("         {id}\n")).unwrap();
    assert!(at("a") < at("c") && at("c") < at("b"), "{text}");
    assert_eq!(text.matches("the files were not read").count(), 1, "{text}");
    assert!((0..24).all(|n| text.contains(&format!("e{n}"))), "{text}");
}
