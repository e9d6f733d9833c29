//! Saved reports: read as hostile input, and compared.

use proptest::prelude::*;

use super::{super::*, sample};
use crate::finding::CheckStatus;

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
    assert!(of(r#"{"schema":"secure-scan.io/report/v2"}"#).contains("unknown schema"));
    let missing = of(r#"{"schema":"secure-scan.io/report/v1"}"#);
    assert!(missing.contains("missing field"), "{missing}");
    let hostile = of("{\"schema\":\"\\u001b[2J\"}");
    assert!(!hostile.contains('\u{1b}'), "{hostile}");
    assert!(Document::parse(b"{\"schema\":\"\xff\"}").is_err());
}

fn diff(old: &ScanReport, new: &ScanReport) -> diff::Diff {
    diff::compare(&View::from(old), &View::from(new))
}

fn set(report: &mut ScanReport, id: &str, status: CheckStatus) {
    let results = &mut report.findings.as_mut().unwrap().results;
    results.iter_mut().find(|r| r.id == id).unwrap().status = status;
}

#[test]
fn a_comparison_tells_new_fixed_and_changed() {
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
    gone.findings.as_mut().unwrap().results.remove(1);
    assert_eq!(diff(&old, &gone).outcome, diff::Outcome::SeesLess);
    let mut failed = old.clone();
    failed.findings = None;
    failed.verdict = Verdict::Failed;
    assert_eq!(diff(&old, &failed).outcome, diff::Outcome::SeesLess);
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
