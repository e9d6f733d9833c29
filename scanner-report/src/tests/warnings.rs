//! A failure below the threshold does not change the verdict, and no form hides it.

use super::{forms::*, prelude::*, result};
use scanner_core::finding::ThresholdOutcome;

/// A scan that passes with two failed checks below high.
fn passes_with_warnings() -> ScanReport {
    let mut report = passed();
    report.fail_on = Some(Severity::High);
    for (id, severity) in [("middle-one", Severity::Medium), ("low-one", Severity::Low)] {
        let check = result(id, severity, CheckStatus::Fail, "/etc/group");
        report.findings[0].results.push(check);
    }
    report
}

#[test]
fn every_form_shows_what_failed_below_the_threshold() {
    let report = passes_with_warnings();
    assert_eq!(
        Verdict::of(&report.findings, Severity::High),
        Verdict::Passed
    );
    for &format in Format::ALL {
        let text = made(&report, format);
        let says = text.contains("2 checks failed below high");
        let counted = matches!(
            format,
            Format::Json
                | Format::Sarif
                | Format::Junit
                | Format::OpenReports
                | Format::PolicyReport
        );
        assert!(says || counted, "{format}: {text}");
        let names = !matches!(format, Format::CycloneDx | Format::InToto);
        for id in ["middle-one", "low-one"] {
            assert!(text.contains(id) || !names, "{format} without {id}: {text}");
        }
    }
}

#[test]
fn forms_for_people_show_them_as_warnings_below_what_counts() {
    let mut report = passes_with_warnings();
    let worst = result("worst", Severity::High, CheckStatus::Fail, "/etc/shadow");
    report.findings[0].results.push(worst);
    report.verdict = Verdict::Findings;
    for format in [Format::Terminal, Format::Html, Format::Markdown] {
        let text = made(&report, format);
        let at = |part: &str| {
            let found = text.find(part);
            found.unwrap_or_else(|| panic!("{format} without {part}: {text}"))
        };
        let counts = at("What is wrong with worst");
        let title = at("2 checks failed below high");
        assert!(counts < title, "{format}: {text}");
        assert!(
            title < at("What is wrong with middle-one"),
            "{format}: {text}"
        );
        assert!(text.contains("2 more failed below high"), "{format}");
        assert_eq!(text.matches("(warning").count(), 2, "{format}: {text}");
    }
    let text = made(&report, Format::Terminal);
    assert!(text.contains("3 failed (2 of them below high)"), "{text}");
}

#[test]
fn programs_get_them_as_their_consumers_expect() {
    let mut report = passes_with_warnings();
    report.fail_on = Some(Severity::Critical);
    let worst = result("high-one", Severity::High, CheckStatus::Fail, "/etc/shadow");
    report.findings[0].results.push(worst);
    let sarif = json(&report, Format::Sarif);
    let run = &sarif["runs"][0];
    let results = run["results"].as_array().unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let levels = results
        .iter()
        .map(|r| (text(&r["ruleId"]), text(&r["level"])));
    let levels: Vec<_> = levels.collect();
    let expected = [
        ("high-one", "warning"),
        ("middle-one", "warning"),
        ("low-one", "note"),
    ];
    assert_eq!(
        levels,
        expected.map(|(id, level)| (id.into(), level.into()))
    );
    assert_eq!(results[0]["properties"]["warning"], "below critical");
    assert_eq!(run["properties"]["warnings"], 3);
    let junit = made(&report, Format::Junit);
    let junit = quick_junit::Report::deserialize_from_str(&junit).unwrap();
    assert_eq!((junit.failures, junit.errors), (0, 0));
    let checks = &junit.test_suites[1];
    assert_eq!(checks.skipped, 3);
    let object = json(&report, Format::OpenReports);
    assert_eq!(
        (&object["summary"]["warn"], &object["summary"]["fail"]),
        (&3.into(), &0.into())
    );
    let message = object["results"][0]["message"].as_str().unwrap();
    assert!(message.contains("warning, below critical"), "{message}");
    let checks = &json(&report, Format::InToto)["predicate"]["checks"];
    assert_eq!(
        (&checks["warnings"], &checks["failed"]["high"]),
        (&3.into(), &1.into())
    );
}

#[test]
fn what_counts_or_is_waived_is_no_warning() {
    let mut report = passes_with_warnings();
    report.fail_on = Some(Severity::Low);
    let clean = |report: &ScanReport| {
        let view = View::from(report);
        assert_eq!(view.warning_line(), None);
        assert_eq!(view.warnings().count(), 0);
        for format in [Format::Terminal, Format::Html, Format::Markdown] {
            let text = made(report, format).to_lowercase();
            assert!(!text.contains("warning"), "{format}: {text}");
        }
    };
    clean(&report);
    report.fail_on = Some(Severity::High);
    for check in &mut report.findings[0].results[1..] {
        check.waiver = Some(scanner_core::finding::Waiver::new("Jo", "2099-01-31"));
    }
    clean(&report);
}

#[test]
fn thresholds_that_decide_alone_and_engines_with_their_own_are_named() {
    let mut report = passes_with_warnings();
    report.findings[0].thresholds = Some(ThresholdOutcome::default());
    report.fail_on = None;
    let line = |report: &ScanReport| View::from(report).warning_line().unwrap();
    assert_eq!(line(&report), "2 checks failed within the thresholds");
    let mut other = report.findings[0].clone();
    other.engine = EngineRef::new("acme", "2");
    other.thresholds = None;
    other.results.truncate(2);
    report.findings.push(other);
    report.fail_on = Some(Severity::High);
    assert_eq!(
        line(&report),
        "3 checks failed below the thresholds of their engines"
    );
    let view = View::from(&report);
    let of_each: Vec<_> = view.per_engine().iter().map(View::warning_line).collect();
    let of_each: Vec<_> = of_each.into_iter().flatten().collect();
    assert_eq!(
        of_each,
        [
            "2 checks failed within the thresholds",
            "1 check failed below high"
        ]
    );
}
