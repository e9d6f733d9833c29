//! No form claims more than was checked: tags, inputs, waivers, partial sections, and entries without effect.

use serde_json::Value;

use super::{forms::*, prelude::*};
use scanner_core::finding::{ThresholdOutcome, Waiver, WaiverSummary};

/// Forms in which every reader of this scan must see it.
const ALL: &[Format] = Format::ALL;

fn narrowed() -> ScanReport {
    let mut report = passed();
    let profile = &mut report.findings[0].engine;
    profile.selection = vec!["tag probes".into(), "2 of 14 checks".into()];
    profile.inputs = [("max_users".to_owned(), "3".to_owned())].into();
    report
}

/// One check passed, and a waiver skips one.
fn unseen() -> ScanReport {
    let mut report = passed();
    let results = &mut report.findings[0].results;
    let mut skipped = results[0].clone();
    skipped.id = "not-seen".into();
    skipped.status = CheckStatus::NotApplicable;
    skipped.message = "skipped: a waiver says run: false".into();
    skipped.waiver = Some(Waiver::new("accepted by Jo", "2099-01-31").skipping());
    results.push(skipped);
    report
}

fn claims_all(text: &str) -> bool {
    text.contains(Verdict::Passed.sentence())
}

#[test]
fn a_threshold_that_is_not_met_is_no_failed_check() {
    let breached = |breaches: &[&str], fail_on: Option<Severity>| {
        let mut report = passed();
        let mut failed = report.findings[0].results[0].clone();
        failed.status = CheckStatus::Fail;
        failed.severity = Severity::High;
        report.findings[0].results.push(failed);
        report.verdict = Verdict::Findings;
        report.findings[0].thresholds = Some(ThresholdOutcome {
            breaches: breaches.iter().map(|&breach| breach.into()).collect(),
            fail_on,
            ..ThresholdOutcome::default()
        });
        report
    };
    for (report, words) in [
        (
            breached(&["passed.total.min: 1000, there are 1"], None),
            "findings: 1 threshold is not met",
        ),
        (
            breached(&["one", "two"], Some(Severity::Critical)),
            "findings: 2 thresholds are not met",
        ),
        (
            breached(&["one"], Some(Severity::High)),
            Verdict::Findings.sentence(),
        ),
    ] {
        let view = View::from(&report);
        assert!(view.sentence().starts_with(words), "{}", view.sentence());
        let short = crate::text::summary(&view, Some(80));
        for breach in view.breaches() {
            assert!(
                short.contains(&format!("threshold not met: {breach}")),
                "{short}"
            );
        }
        assert!(short.contains(words), "{short}");
        assert!(made(&report, Format::Terminal).contains(words));
    }
}

#[test]
fn every_form_shows_tags_and_inputs() {
    for &format in ALL {
        let whole = made(&passed(), format);
        assert!(!whole.contains("probes"), "{format}");
        let text = made(&narrowed(), format);
        for part in ["tag probes", "2 of 14 checks", "max_users", "3"] {
            assert!(text.contains(part), "{format} without {part}: {text}");
        }
        assert!(!claims_all(&text), "{format}: {text}");
    }
    for format in [
        Format::Terminal,
        Format::Html,
        Format::Markdown,
        Format::Ohdf,
    ] {
        assert!(claims_all(&made(&passed(), format)), "{format}");
        let text = made(&narrowed(), format);
        assert!(
            text.contains("every selected applicable check"),
            "{format}: {text}"
        );
    }
}

fn complete(report: &ScanReport) -> [Value; 4] {
    let annotation = |format| {
        let object = json(report, format);
        let complete = &object["metadata"]["annotations"]["secure-scan.io/complete"];
        Value::from(complete == "true")
    };
    [
        json(report, Format::InToto)["predicate"]["complete"].clone(),
        json(report, Format::Sarif)["runs"][0]["properties"]["complete"].clone(),
        annotation(Format::OpenReports),
        annotation(Format::PolicyReport),
    ]
}

#[test]
fn only_a_scan_of_all_is_complete() {
    assert_eq!(complete(&passed()), [true; 4].map(Value::from));
    let mut inputs = narrowed();
    inputs.findings[0].engine.selection.clear();
    assert_eq!(complete(&inputs), [true; 4].map(Value::from));
    let mut partial = passed();
    partial.coverage.insert(
        Section::Files,
        Coverage::Partial {
            gaps: Gap::new(GapKind::NotReadable).at("/srv").into(),
        },
    );
    // A check that has all it asks about is not concerned.
    assert_eq!(complete(&partial), [true; 4].map(Value::from));
    // Evidence of the image, which the container may have changed since.
    let mut of_image = passed();
    of_image.findings[0].results[0].may_have_changed = true;
    assert_eq!(complete(&of_image), [false; 4].map(Value::from));
    let results = &mut partial.findings[0].results;
    results[0].limits = vec!["files: /srv is not readable".into()];
    for (name, report) in [
        ("narrowed", narrowed()),
        ("unseen", unseen()),
        ("partial", partial.clone()),
    ] {
        assert_eq!(complete(&report), [false; 4].map(Value::from), "{name}");
        // What was asked for was done, and no alarm.
        let sarif = json(&report, Format::Sarif);
        let invocation = &sarif["runs"][0]["invocations"][0];
        assert_eq!(invocation["executionSuccessful"], true, "{name}");
    }
    for format in [Format::OpenReports, Format::PolicyReport] {
        let object = json(&partial, format);
        let gaps = &object["metadata"]["annotations"]["secure-scan.io/coverage-gaps"];
        assert!(gaps.as_str().unwrap().contains("/srv"), "{object}");
        let limits = &object["results"][0]["properties"]["limits"];
        assert!(limits.as_str().unwrap().contains("/srv"), "{object}");
    }
}

#[test]
fn a_check_that_a_waiver_skips_is_shown_with_its_reason_and_end() {
    let report = unseen();
    for format in ALL.iter().copied().filter(|f| *f != Format::CycloneDx) {
        let text = made(&report, format);
        for part in ["not-seen", "accepted by Jo", "2099-01-31"] {
            assert!(text.contains(part), "{format} without {part}: {text}");
        }
        assert!(!claims_all(&text), "{format}: {text}");
        let skipped = text.to_lowercase().contains("skipped");
        assert!(skipped || format == Format::InToto, "{format}: {text}");
        assert!(!text.contains("not applicable skipped"), "{format}");
    }
    let predicate = json(&report, Format::InToto)["predicate"].clone();
    let checks = &predicate["checks"];
    let counts = ["waived", "waivedAndNotLookedAt", "notApplicable"].map(|n| &checks[n]);
    assert_eq!(counts, [1, 1, 0]);
    assert_eq!(predicate["waivers"][0]["lookedAt"], false);
    let waiver = |report: &ScanReport| {
        let ohdf = json(report, Format::Ohdf);
        let controls = ohdf["profiles"][0]["controls"].as_array().unwrap().clone();
        let mut waivers = controls.into_iter().map(|mut c| c["waiver_data"].take());
        waivers.find(|w| !w.is_null()).unwrap()
    };
    assert_eq!(waiver(&report)["run"], false);
    let mut failed = report.clone();
    let result = &mut failed.findings[0].results[1];
    result.status = CheckStatus::Fail;
    result.waiver.as_mut().unwrap().skipped = false;
    assert_eq!(waiver(&failed)["run"], true);
    let checks = &json(&failed, Format::InToto)["predicate"]["checks"];
    assert_eq!(
        (&checks["waived"], &checks["waivedAndNotLookedAt"]),
        (&1.into(), &0.into())
    );
}

#[test]
fn what_was_asked_for_and_did_nothing_is_shown() {
    let mut report = passed();
    report.unused_allowances = vec!["allowance of nobody".into()];
    let findings = &mut report.findings[0];
    findings.waivers = Some(WaiverSummary {
        expired: vec!["old-one on 2020-01-01".into()],
        unused: vec!["spare-one: the check passed".into()],
        ..WaiverSummary::default()
    });
    findings.thresholds = Some(ThresholdOutcome {
        ignored: vec!["compliance.max: 0".into()],
        ..ThresholdOutcome::default()
    });
    for format in ALL.iter().copied().filter(|f| *f != Format::CycloneDx) {
        let text = made(&report, format);
        for part in [
            "nobody",
            "old-one",
            "2020-01-01",
            "spare-one",
            "compliance.max",
        ] {
            assert!(text.contains(part), "{format} without {part}: {text}");
        }
    }
    let sarif = json(&report, Format::Sarif);
    let notes = &sarif["runs"][0]["invocations"][0]["toolExecutionNotifications"];
    let of = |part: &str| {
        let with = |n: &&Value| n["message"]["text"].as_str().unwrap().contains(part);
        notes.as_array().unwrap().iter().find(with).unwrap()["level"].clone()
    };
    assert_eq!(
        (of("old-one"), of("spare-one")),
        ("warning".into(), "note".into())
    );
}
