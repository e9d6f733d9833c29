//! Tests of waivers: what they cover, when they end, and which of them had no effect.

use scanner_core::{
    Verdict,
    finding::{CheckResult, EngineRef, Severity},
};

use super::*;

pub(crate) fn result(id: &str, status: CheckStatus, severity: Severity) -> CheckResult {
    let mut result = CheckResult::new(id, id, severity);
    result.status = status;
    result.message = String::new();
    result.evidence = vec!["seen".into()];
    result.evidence_total = 1;
    result
}

pub(crate) fn findings(results: Vec<CheckResult>) -> Findings {
    Findings::new(EngineRef::new("p", "1").with_title("P"), results)
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn applied(text: &str, status: CheckStatus, today: &str) -> (CheckResult, WaiverSummary, Verdict) {
    let mut all = findings(vec![result("a", status, Severity::High)]);
    Waivers::parse(text, "w.yaml")
        .unwrap()
        .apply(&mut all, day(today));
    let verdict = Verdict::of(std::slice::from_ref(&all), Severity::Low);
    let summary = all.waivers.unwrap();
    (all.results.remove(0), summary, verdict)
}

const A: &str = "a:\n  expiration_date: 2027-01-15\n  justification: Accepted by ops\n";

#[test]
fn a_waived_failure_stays_a_failure_and_is_no_finding() {
    let (result, summary, verdict) = applied(A, CheckStatus::Fail, "2027-01-14");
    assert_eq!(result.status, CheckStatus::Fail);
    assert_eq!(result.waiver.unwrap().expires, "2027-01-15");
    assert_eq!(summary.applied, ["a"]);
    assert_eq!(verdict, Verdict::Passed);
}

#[test]
fn a_waiver_ends_on_its_day() {
    for today in ["2027-01-15", "2027-01-16", "2030-01-01"] {
        let (result, summary, verdict) = applied(A, CheckStatus::Fail, today);
        assert!(result.waiver.is_none(), "{today}");
        assert_eq!(summary.expired, ["a on 2027-01-15"], "{today}");
        assert_eq!(verdict, Verdict::Findings, "{today}");
    }
}

#[test]
fn what_is_not_run_does_not_apply_and_what_could_not_look_stays_an_error() {
    for word in ["false", "no", "No"] {
        let text = format!("{A}  run: {word}\n");
        for status in [CheckStatus::Pass, CheckStatus::Fail, CheckStatus::Error] {
            let (result, ..) = applied(&text, status, "2027-01-14");
            assert_eq!(result.status, CheckStatus::NotApplicable, "{word}");
            assert!(result.waiver.unwrap().skipped && result.evidence.is_empty());
        }
    }
    for word in ["true", "yes"] {
        let text = format!("{A}  run: {word}\n");
        let (result, summary, verdict) = applied(&text, CheckStatus::Error, "2027-01-14");
        assert_eq!(
            (result.status, verdict),
            (CheckStatus::Error, Verdict::Incomplete)
        );
        assert!(summary.unused[0].contains("was not done"));
    }
}

#[test]
fn waivers_that_cover_nothing_are_reported() {
    let (result, summary, _) = applied(A, CheckStatus::Pass, "2027-01-14");
    assert!(result.waiver.is_none());
    assert_eq!(summary.unused, ["a: the check passed"]);
    let other = A.replace("a:\n", "b:\n");
    let (_, summary, _) = applied(&other, CheckStatus::Fail, "2027-01-14");
    assert_eq!(summary.unused, ["b: the profile has no such check"]);
}

#[test]
fn a_waiver_without_end_or_reason_is_refused_with_its_place() {
    for (text, place, word) in [
        ("a:\n  justification: J\n", "w:1:1", "expiration_date"),
        (
            "a:\n  expiration_date: 2027-13-40\n  justification: J\n",
            "w:1:1",
            "YYYY-MM-DD",
        ),
        (
            "a:\n  expiration_date: never\n  justification: J\n",
            "w:1:1",
            "YYYY-MM-DD",
        ),
        (
            "a:\n  expiration_date: 2027-01-01\n",
            "w:1:1",
            "justification",
        ),
        (
            "a:\n  expiration_date: 2027-01-01\n  justification: ' '\n",
            "w:1:1",
            "justification",
        ),
        (
            "a:\n  expiry: 2027-01-01\n  justification: J\n",
            "w:2:3",
            "expiry",
        ),
        (
            "a:\n  expiration_date: 2027-01-01\n  justification: J\n  run: maybe\n",
            "w:",
            "",
        ),
        ("a: {}\na: {}\n", "w:2:", "a"),
    ] {
        let error = Waivers::parse(text, "w").unwrap_err().to_string();
        assert!(
            error.starts_with(place) && error.contains(word),
            "{text}: {error}"
        );
    }
}

#[test]
fn the_file_is_named_and_its_waivers_are_counted() {
    let (_, summary, _) = applied(A, CheckStatus::Fail, "2027-01-14");
    assert_eq!(summary.source, "w.yaml");
    let one = Waivers::parse(A, "w").unwrap();
    assert_eq!((one.len(), one.is_empty()), (1, false));
    assert_eq!(
        (Waivers::default().len(), Waivers::default().is_empty()),
        (0, true)
    );
}

#[test]
fn a_file_of_more_than_its_size_is_refused() {
    let full = format!("{A}{}", "#".repeat(MAX_BYTES - A.len()));
    assert!(Waivers::parse(&full, "w").is_ok());
    let error = Waivers::parse(&format!("{full}#"), "w").unwrap_err();
    assert!(error.to_string().contains("at most"), "{error}");
}

#[test]
fn a_waiver_of_a_check_that_was_not_selected_says_so() {
    use crate::profile::{Options, Profile, Source};
    use scanner_core::{ScanEngine as _, engine::Evaluation, inventory::Inventory};

    let all: Vec<String> = Profile::shipped("container-baseline")
        .unwrap()
        .ids()
        .map(str::to_owned)
        .collect();
    let text: String = all
        .iter()
        .chain([&"nonsense".to_owned()])
        .map(|id| A.replacen('a', id, 1))
        .collect();
    let waivers = Waivers::parse(&text, "w").unwrap();
    let shipped = |name: &str| Source::shipped(name).unwrap();
    for options in [
        Options::default().with_tag("escalation"),
        Options::default().skipping_tag("escalation"),
    ] {
        let profile = shipped("container-baseline");
        let profile = Profile::compile(profile, &|name, _| Ok(shipped(name)), &options).unwrap();
        let kept: Vec<&str> = profile.ids().collect();
        let today = Evaluation::on(day("2026-12-01"));
        let mut findings = profile.evaluate(&Inventory::default(), &today);
        waivers.apply(&mut findings, today.today);
        let unused = findings.waivers.unwrap().unused;
        for id in all.iter().filter(|id| !kept.contains(&id.as_str())) {
            let begins = format!("{id}: the check was not selected (");
            let found = unused
                .iter()
                .any(|why| why.starts_with(&begins) && why.contains("tag escalation"));
            assert!(found, "{id}: {unused:?}");
        }
        assert!(unused.contains(&"nonsense: the profile has no such check".to_owned()));
        assert!(!kept.is_empty() && kept.len() < all.len());
    }
}

#[test]
fn a_field_without_a_value_is_refused() {
    for field in ["expiration_date", "justification", "run"] {
        for nothing in ["", " ~", " null"] {
            let text = format!(
                "a:\n  expiration_date: 2027-01-15\n  justification: J\nb:\n  {field}:{nothing}\n"
            );
            let error = Waivers::parse(&text, "w").unwrap_err().to_string();
            assert!(
                error.contains(&format!("b.{field} has no value")),
                "{text}: {error}"
            );
        }
    }
}
