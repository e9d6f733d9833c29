//! Tests of the report: its published schema, and its form for a reader at a terminal.

mod execution;
mod format;
mod forms;
mod hostile;
mod place;
mod policy_reports;
mod saved;
mod scope;

use crate::testing::plan;
use prelude::*;

/// What every test of reports names.
mod prelude {
    pub(super) use std::collections::BTreeMap;

    pub(super) use scanner_core::{
        Evidence,
        finding::{CheckResult, CheckStatus, Findings, ProfileRef, Severity},
        gate::GateResult,
        inventory::{AgentInfo, Coverage, OsRelease, Package, Section},
        pipeline::Stage,
        report::{
            ApiCalls, AuditCheck, AuditOutcome, AuditSummary, ControlRecord, ControlStage, Failure,
            LOCAL_SCHEMA, LocalReport, Packages, PostScanAudit, SCHEMA, ScanReport, Timing,
            Verdict, View,
        },
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
    CheckResult {
        id: id.into(),
        title: format!("Title of {id}"),
        severity,
        status,
        message: "files: not available: find is missing".into(),
        evidence: vec![evidence.into()],
        evidence_total: 7,
        rationale: "Anyone who gets in can change it, and what it changes runs as root.".into(),
        fix: "Remove the write permission of others in the image.".into(),
        limits: vec![],
        tags: Vec::new(),
        references: Vec::new(),
        waiver: None,
    }
}

fn sample(evidence: &str) -> ScanReport {
    let findings = Findings {
        profile: ProfileRef {
            name: "p".into(),
            version: "1".into(),
            title: "P".into(),
            digest: "00".into(),
            inputs: std::collections::BTreeMap::default(),
            selection: Vec::new(),
        },
        results: vec![
            result("low-one", Severity::Low, CheckStatus::Fail, evidence),
            result("worst", Severity::Critical, CheckStatus::Fail, evidence),
            result("blind", Severity::High, CheckStatus::Error, evidence),
            result("fine", Severity::High, CheckStatus::Pass, evidence),
        ],
        waivers: None,
        thresholds: None,
    };
    ScanReport {
        schema: SCHEMA.into(),
        tool_version: "0".into(),
        verdict: Verdict::of(&findings, Severity::Low),
        plan: plan(),
        started: "2026-01-01T00:00:00Z".into(),
        seconds: 11.0,
        trust: "the target's own tools, which an attacker inside may have replaced".into(),
        failure: None,
        gates: vec![],
        unused_allowances: vec![],
        alert: None,
        findings: Some(findings),
        agent: None,
        coverage: BTreeMap::from([(
            Section::Shadow,
            Coverage::Unavailable {
                reason: evidence.into(),
            },
        )]),
        controls: vec![ControlRecord {
            id: "lease".into(),
            title: "Lease".into(),
            planned: vec![],
            enforced: ControlStage::Done {
                evidence: Evidence::of(evidence),
            },
            verified: ControlStage::Failed {
                reason: evidence.into(),
            },
            sealed: ControlStage::NotReached,
            released: ControlStage::NotReached,
            release_verified: ControlStage::NotReached,
        }],
        timings: vec![],
        post_scan: None,
        audit: None,
        image_scan: None,
        api_calls: ApiCalls {
            operator: 20,
            scan: 5,
        },
        fail_on: Some(Severity::Low),
        packages: Some(Packages {
            language: vec![scanner_core::inventory::LanguagePackage {
                ecosystem: "pypi".into(),
                name: evidence.into(),
                version: evidence.into(),
                license: evidence.into(),
                path: evidence.into(),
            }],
            os: Some(OsRelease {
                id: "debian".into(),
                version: "12".into(),
                name: evidence.into(),
            }),
            items: vec![Package {
                name: evidence.into(),
                version: "1:2+3".into(),
                arch: "amd64".into(),
                manager: "dpkg".into(),
            }],
        }),
    }
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
fn the_worst_comes_first_and_what_could_not_look_is_shown() {
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
            colour: false,
            verbose,
        };
        let text = text::render(&View::from(&sample(&hostile)), style);
        assert!(!text.contains(['\x1b', '\r', '\u{202e}']), "{text}");
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line:?}");
        }
    }
}
