//! Saved reports: read as hostile input, and compared.

use proptest::prelude::*;

use super::{prelude::*, sample};
use scanner_core::finding::{CheckResult, CheckStatus, Waiver};

#[test]
fn a_saved_report_is_read_back_and_newer_fields_are_ignored() {
    let document = Document::from(sample("\u{202e}\u{9b}2J"));
    let text = document.json();
    assert!(!text.contains(['\u{202e}', '\u{9b}']), "{text}");
    assert_eq!(Document::parse(text.as_bytes()).unwrap(), document);
    let mut newer: serde_json::Value = serde_json::from_str(&text).unwrap();
    newer["of_a_later_version"] = 1.into();
    let read = Document::parse(newer.to_string().as_bytes()).unwrap();
    assert_eq!(read.json(), text);
    assert_ne!(read.sha256(), document.sha256());
}

#[test]
fn what_is_no_report_is_refused_with_the_reason() {
    let of = |text: &str| Document::parse(text.as_bytes()).unwrap_err().to_string();
    assert!(of("").contains("not a JSON report"));
    assert!(of("[]").contains("not a JSON report"));
    assert!(of(&"[".repeat(100_000)).contains("not a JSON report"));
    assert!(of(r#"{"schema":"secure-scan.io/report/v3"}"#).contains("unknown schema"));
    for version in ["v1", "v2"] {
        let missing = of(&format!(
            r#"{{"schema":"secure-scan.io/report/{version}"}}"#
        ));
        assert!(missing.contains("missing field"), "{missing}");
    }
    let hostile = of("{\"schema\":\"\\u001b[2J\"}");
    assert!(!hostile.contains('\u{1b}'), "{hostile}");
    assert!(Document::parse(b"{\"schema\":\"\xff\"}").is_err());
}

fn diff(old: &ScanReport, new: &ScanReport) -> diff::Diff {
    diff::compare(&View::from(old), &View::from(new))
}

fn set(report: &mut ScanReport, id: &str, status: CheckStatus) {
    let results = &mut report.findings[0].results;
    results.iter_mut().find(|r| r.id == id).unwrap().status = status;
}

#[test]
fn a_comparison_shows_new_fixed_and_changed() {
    let old = sample("a");
    assert_eq!(diff(&old, &old).outcome, diff::Outcome::NoNewFindings);
    let mut new = sample("b");
    set(&mut new, "low-one", CheckStatus::Pass);
    set(&mut new, "fine", CheckStatus::Fail);
    let found = diff(&old, &new);
    assert_eq!(found.outcome, diff::Outcome::NewFindings);
    assert_eq!(found.new_findings[0].id, "fine");
    assert_eq!(found.fixed[0].id, "low-one");
    let worst = found.changed.iter().find(|c| c.id == "worst").unwrap();
    assert_eq!(
        (worst.appeared[0].as_str(), worst.vanished[0].as_str()),
        ("b", "a")
    );
    for text in [
        diff::text(&found),
        diff::markdown(&found),
        diff::json(&found),
    ] {
        assert!(text.contains("fine") && text.contains("low-one"), "{text}");
    }
}

#[test]
fn a_comparison_in_json_holds_nothing_that_acts_on_a_terminal() {
    let (old, mut new) = (sample("a"), sample("a\u{9b}2J\u{202e}"));
    set(&mut new, "fine", CheckStatus::Fail);
    let text = diff::json(&diff(&old, &new));
    assert!(!text.contains(['\u{9b}', '\u{202e}']), "{text}");
    let read: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(read.to_string().contains("\u{9b}2J\u{202e}"), "{text}");
}

#[test]
fn a_report_that_sees_less_is_not_taken_for_a_better_one() {
    let old = sample("a");
    let mut blind = old.clone();
    set(&mut blind, "worst", CheckStatus::Error);
    assert_eq!(diff(&old, &blind).outcome, diff::Outcome::SeesLess);
    let mut gone = old.clone();
    gone.findings[0].results.remove(1);
    assert_eq!(diff(&old, &gone).outcome, diff::Outcome::SeesLess);
    let mut failed = old.clone();
    failed.findings.clear();
    failed.verdict = Verdict::Failed;
    assert_eq!(diff(&old, &failed).outcome, diff::Outcome::SeesLess);
}

fn change(report: &mut ScanReport, id: &str, change: impl FnOnce(&mut CheckResult)) {
    let results = &mut report.findings[0].results;
    change(results.iter_mut().find(|r| r.id == id).unwrap());
}

fn waiver(skipped: bool) -> Waiver {
    let waiver = Waiver::new("until the new image", "2026-02-01");
    if skipped { waiver.skipping() } else { waiver }
}

/// Where a comparison puts a check.
fn group<'a>(found: &'a diff::Diff, id: &str) -> &'a str {
    let groups = [
        ("new", &found.new_findings),
        ("fixed", &found.fixed),
        ("changed", &found.changed),
    ];
    let holds = |(_, all): &&(&str, &Vec<diff::Change>)| all.iter().any(|c| c.id == id);
    groups.iter().find(holds).map_or("none", |(name, _)| name)
}

#[test]
fn a_failure_whose_waiver_ended_is_new_and_one_that_is_waived_is_not() {
    let plain = sample("a");
    let mut waived = plain.clone();
    change(&mut waived, "worst", |r| r.waiver = Some(waiver(false)));
    let ended = diff(&waived, &plain);
    assert_eq!(group(&ended, "worst"), "new");
    assert_eq!(ended.outcome, diff::Outcome::NewFindings);
    let covered = diff(&plain, &waived);
    assert_eq!(group(&covered, "worst"), "changed");
    assert_eq!(covered.outcome, diff::Outcome::NoNewFindings);
    let mut fails = plain.clone();
    change(&mut fails, "fine", |r| {
        (r.status, r.waiver) = (CheckStatus::Fail, Some(waiver(false)));
    });
    let found = diff(&plain, &fails);
    assert_eq!(group(&found, "fine"), "changed");
    assert_eq!(found.outcome, diff::Outcome::NoNewFindings);
    let mut mended = plain.clone();
    set(&mut mended, "worst", CheckStatus::Pass);
    assert_eq!(group(&diff(&waived, &mended), "worst"), "fixed");
}

#[test]
fn a_check_that_nobody_looked_at_is_not_fixed() {
    let old = sample("a");
    for (message, waiver) in [
        ("disabled: we debug by exec", None),
        ("there is no pod here", None),
        ("skipped: a waiver says run: false", Some(waiver(true))),
    ] {
        for id in ["worst", "fine"] {
            let mut new = old.clone();
            change(&mut new, id, |r| {
                r.status = CheckStatus::NotApplicable;
                (r.message, r.waiver) = (message.into(), waiver.clone());
            });
            let found = diff(&old, &new);
            assert_eq!(group(&found, id), "changed", "{message}");
            assert_eq!(found.outcome, diff::Outcome::SeesLess, "{message}");
            let word = if waiver.is_some() {
                "waived and skipped"
            } else {
                "no longer checked"
            };
            assert!(diff::text(&found).contains(word), "{message}");
            // It was not checked before either.
            assert_eq!(diff(&new, &new).outcome, diff::Outcome::NoNewFindings);
        }
    }
    let mut new = old.clone();
    change(&mut new, "worst", |r| {
        r.status = CheckStatus::NotApplicable;
        r.message.clear();
    });
    assert_eq!(group(&diff(&old, &new), "worst"), "fixed");
}

#[test]
fn a_pass_that_reaches_less_is_not_fixed() {
    let old = sample("a");
    let mut new = old.clone();
    change(&mut new, "worst", |r| {
        r.status = CheckStatus::Pass;
        r.limits = vec!["files: not readable by this user".into()];
    });
    let found = diff(&old, &new);
    assert_eq!(group(&found, "worst"), "changed");
    assert_eq!(found.outcome, diff::Outcome::SeesLess);
    assert!(diff::markdown(&found).contains("passed, but covers less"));
    assert_eq!(diff(&new, &new).outcome, diff::Outcome::NoNewFindings);
}

#[test]
fn less_coverage_is_seeing_less_and_more_is_not() {
    let partial = |count| {
        let mut gaps = Gaps::default();
        gaps.add_counted(Gap::new(GapKind::NotReadable), count);
        Coverage::Partial { gaps }
    };
    let states = [
        Some(Coverage::Complete),
        Some(partial(1)),
        Some(partial(2)),
        None,
    ];
    let with = |coverage: &Option<Coverage>| {
        let mut report = sample("a");
        let put = coverage.clone().map(|c| (Section::Files, c));
        report.coverage.extend(put);
        report
    };
    for (i, old) in states.iter().enumerate() {
        for (j, new) in states.iter().enumerate() {
            let found = diff(&with(old), &with(new));
            let less = found.outcome == diff::Outcome::SeesLess;
            assert_eq!(less, j > i, "{old:?} {new:?}");
            assert_eq!(found.coverage.is_empty(), i == j, "{old:?} {new:?}");
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Document::parse(&bytes);
    }

    #[test]
    fn no_cut_report_is_read(at in 1_usize..2000) {
        let text = sample("x").clone();
        let text = Document::from(text).json();
        let at = at.min(text.len() - 3);
        prop_assert!(Document::parse(&text.as_bytes()[..at]).is_err());
    }
}
