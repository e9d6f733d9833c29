//! How the scan was done is in every form for people: planned, proven, what came after, and the cost.

use super::{forms::*, prelude::*};
use scanner_core::audit::Checkpoint;

fn executed() -> ScanReport {
    let mut report = with_digest();
    report.controls[0].planned = vec!["a lease of 5 minutes".into()];
    report.controls[0].enforced = ControlStage::Done {
        evidence: Evidence::of("lease abc was made"),
    };
    report.timings = vec![Timing::new(Stage::Collect, 4.25)];
    report.plan.policy = Some("shop-policy 3".into());
    report.plan.reason = Some("there is a shell".into());
    report.gate_alert = Some("an Event of the pod".into());
    report.post_scan = Some(PostScanAudit::new(vec![AuditCheck::new(
        "identity-gone",
        AuditOutcome::Verified,
        vec!["the identity was refused".into()],
    )]));
    report.audit = Some(AuditSummary::new(
        Checkpoint {
            entries: 77,
            head: "c0ffee".into(),
        },
        "",
    ));
    report
}

#[test]
fn who_asks_for_all_sees_all_evidence_and_every_path_that_was_not_read() {
    let mut report = executed();
    let mut results = report.findings[0].results.iter_mut();
    let failed = results.find(|result| result.status == CheckStatus::Fail);
    let failed = failed.unwrap();
    failed.evidence = (0..7).map(|number| format!("file-{number}")).collect();
    failed.evidence_total = 7;
    let reason = format!("{}/the-last-path", "/some-path ".repeat(1000));
    let reason = reason.as_str().into();
    report.coverage = BTreeMap::from([(Section::Shadow, Coverage::Unavailable { reason })]).into();
    let document = Document::from(report);
    for verbose in [false, true] {
        let style = text::Style {
            verbose,
            ..text::Style::default()
        };
        let text = render(&document, Format::Terminal, style).unwrap();
        assert_eq!(text.contains("- file-6"), verbose, "{text}");
        assert_eq!(text.contains("- and 2 more"), !verbose, "{text}");
        assert_eq!(text.contains("/the-last-path"), verbose, "{text}");
    }
}

#[test]
fn forms_for_people_show_how_the_scan_was_done() {
    let document = Document::from(executed());
    let verbose = text::Style {
        verbose: true,
        ..text::Style::default()
    };
    for format in [Format::Terminal, Format::Html, Format::Markdown] {
        let text = render(&document, format, verbose).unwrap();
        for part in [
            "a lease of 5 minutes",
            "lease abc was made",
            "shop-policy 3",
            "there is a shell",
            "an Event of the pod",
            "identity-gone",
            "the identity was refused",
            "20 as operator",
            "5 as the scan identity",
            "77 entries",
            "c0ffee",
            "collect",
        ] {
            assert!(text.contains(part), "{format} without {part}: {text}");
        }
    }
    let brief = made(&executed(), Format::Terminal);
    assert!(!brief.contains("a lease of 5 minutes"), "{brief}");
}

#[test]
fn markdown_folds_what_is_long_and_closes_every_fold_when_it_is_cut() {
    let mut report = executed();
    let control = report.controls[0].clone();
    report.controls = (0..300).map(|_| control.clone()).collect();
    for control in &mut report.controls {
        control.planned = vec!["x".repeat(250); 3];
    }
    let text = made(&report, Format::Markdown);
    assert!(text.len() <= markdown::MAX_BYTES, "{}", text.len());
    assert!(text.contains("were cut for length"), "{text}");
    assert!(text.contains("What was planned, and what proves it"));
    let count = |part: &str| text.matches(part).count();
    assert_eq!(count("<details>"), 4);
    assert_eq!(count("</details>"), 4);
}

/// A guard that is not installed, as the control itself reports it.
fn without_guard() -> ScanReport {
    let mut report = executed();
    let mut guard = ControlRecord::of(PlannedControl::new("admission-guard", "Admission guard"));
    let nothing = || ControlStage::Done {
        evidence: Evidence::none(),
    };
    guard.enforced = nothing();
    guard.verified = ControlStage::NotInstalled {
        reason: "RBAC alone limits the scan identity".into(),
    };
    guard.released = nothing();
    guard.release_verified = nothing();
    report.controls = vec![guard];
    report
}

#[test]
fn a_guard_that_is_not_installed_is_called_that_and_never_yes() {
    let document = Document::from(without_guard());
    for format in Format::ALL {
        let Ok(text) = render(&document, *format, text::Style::default()) else {
            continue;
        };
        let shows = [
            Format::Terminal,
            Format::Html,
            Format::Markdown,
            Format::Junit,
        ];
        if shows.contains(format) {
            assert!(text.contains("not installed"), "{format}: {text}");
            assert!(text.contains("RBAC alone limits"), "{format}: {text}");
        }
        let green = [">yes<", " yes ", "| yes |", "verify: "];
        assert!(
            green.iter().all(|yes| !text.contains(yes)),
            "{format}: {text}"
        );
    }
    let json = document.json();
    assert!(json.contains("\"state\": \"not_installed\""), "{json}");
    let junit = made(&without_guard(), Format::Junit);
    let case = junit.split("control admission-guard").nth(1).unwrap();
    let case = case.split("</testcase>").next().unwrap();
    assert!(case.contains("<skipped message=\"not installed"), "{case}");
}

#[test]
fn a_missing_guard_of_an_earlier_version_is_read_as_not_installed() {
    let mut report = without_guard();
    let evidence = Evidence::of("admission-guard: not installed, RBAC alone limits it");
    report.controls[0].verified = ControlStage::Done { evidence };
    let json = Document::from(report).json();
    let read = Document::parse(json.as_bytes()).unwrap();
    let read = read.scan().unwrap();
    assert_eq!(read.controls[0].verified.word(), "not installed");
}
