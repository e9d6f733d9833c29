//! Several engines in one report stay apart in every form, and one engine reads as it always did.

use serde_json::Value;

use super::{findings, forms::*, prelude::*, result};
use scanner_core::finding::ThresholdOutcome;

/// The profile's findings, and those of another engine with a check of the same identifier.
fn two() -> ScanReport {
    let mut report = with_digest();
    let own = result("worst", Severity::Low, CheckStatus::Fail, "/bin/su");
    let passed = result("setuid", Severity::High, CheckStatus::Pass, "");
    let mut acme = Findings::new(EngineRef::new("acme", "2"), vec![own, passed]);
    acme.engine.selection = vec!["tag probes".into()];
    report.findings.push(acme);
    report
}

#[test]
fn identifiers_are_qualified_only_where_there_are_several_engines() {
    for &format in Format::ALL {
        let one = made(&with_digest(), format);
        assert!(!one.contains("p/worst"), "{format}: {one}");
        if format == Format::CycloneDx || format == Format::Json {
            continue;
        }
        let both = made(&two(), format);
        let unqualified = format == Format::InToto;
        for id in ["p/worst", "acme/worst"] {
            assert!(unqualified || both.contains(id), "{format}: {both}");
        }
        assert!(both.contains("acme 2") && both.contains("p 1"), "{format}");
    }
}

#[test]
fn sarif_has_a_run_for_each_engine_in_a_category_of_its_own() {
    let log = json(&two(), Format::Sarif);
    let runs = log["runs"].as_array().unwrap();
    let of = |at: usize, path: &str| runs[at].pointer(path).cloned().unwrap_or_default();
    assert_eq!(runs.len(), 2);
    let results = |at: usize| runs[at]["results"].as_array().unwrap().len();
    assert_eq!((results(0), results(1)), (3, 1));
    for (at, name) in [(0, "p"), (1, "acme")] {
        assert_eq!(of(at, "/tool/driver/name"), "secure-scan");
        assert_eq!(of(at, "/properties/engine/name"), name);
        let id = of(at, "/automationDetails/id");
        let id = id.as_str().unwrap();
        assert!(id.ends_with(&format!("/web/{name}/")), "{id}");
        // The index of a rule is into the rules of the same run.
        for result in runs[at]["results"].as_array().unwrap() {
            let index = result["ruleIndex"].as_u64().unwrap();
            let rule = of(at, &format!("/tool/driver/rules/{index}/id"));
            assert_eq!(rule, result["ruleId"]);
        }
    }
    let prints: std::collections::BTreeSet<String> = runs
        .iter()
        .flat_map(|run| run["results"].as_array().unwrap())
        .map(|result| result["partialFingerprints"].to_string())
        .collect();
    assert_eq!(prints.len(), 4);
}

#[test]
fn ohdf_has_a_profile_and_junit_a_suite_for_each_engine() {
    let ohdf = json(&two(), Format::Ohdf);
    let profiles = ohdf["profiles"].as_array().unwrap();
    let names: Vec<&Value> = profiles.iter().map(|p| &p["name"]).collect();
    assert_eq!(names, ["p", "acme"]);
    assert_eq!(profiles[1]["controls"].as_array().unwrap().len(), 2);
    let junit = made(&two(), Format::Junit);
    let junit = quick_junit::Report::deserialize_from_str(&junit).unwrap();
    let suites: Vec<(&str, usize)> = junit
        .test_suites
        .iter()
        .map(|suite| (suite.name.as_str(), suite.test_cases.len()))
        .collect();
    assert_eq!(suites[1..], [("checks of p 1", 4), ("checks of acme 2", 2)]);
    let statement = json(&two(), Format::InToto);
    let engines = statement["predicate"]["engines"].as_array().unwrap();
    assert_eq!(engines[1]["name"], "acme 2");
    assert_eq!(engines[0]["failed"], 2);
    let object = json(&two(), Format::PolicyReport);
    let policy = |id: &str| {
        let mut results = object["results"].as_array().unwrap().iter();
        results.find(|r| r["rule"] == id).unwrap()["policy"].clone()
    };
    assert_eq!(policy("acme/worst"), "acme 2");
    assert_eq!(policy("p/worst"), "p 1");
}

#[test]
fn forms_for_people_have_a_section_for_each_engine() {
    for format in [Format::Terminal, Format::Html, Format::Markdown] {
        let text = made(&two(), format);
        let at = |part: &str| {
            text.find(part)
                .unwrap_or_else(|| panic!("{format}: {part}"))
        };
        let second = text.rfind("acme 2").unwrap();
        assert!(at("p/worst") < second, "{format}: {text}");
        assert!(second < at("acme/worst"), "{format}: {text}");
        assert!(
            !made(&with_digest(), format).contains("Engine "),
            "{format}"
        );
    }
}

#[test]
fn a_threshold_of_one_engine_is_none_of_the_other() {
    let mut report = two();
    report.fail_on = Some(Severity::High);
    let lenient = ThresholdOutcome {
        fail_on: Some(Severity::Low),
        ..ThresholdOutcome::default()
    };
    report.findings[1].thresholds = Some(lenient);
    let view = View::from(&report);
    let counting: Vec<String> = view
        .failed()
        .filter(|result| view.counts(result))
        .map(|result| view.check_id(result).into_owned())
        .collect();
    assert_eq!(counting, ["p/worst", "acme/worst"]);
    let text = made(&report, Format::Terminal);
    assert!(text.contains("Fails at: high or higher"), "{text}");
    assert!(text.contains("Fails at: low or higher"), "{text}");
}

#[test]
fn engines_of_the_same_name_are_numbered() {
    let mut report = with_digest();
    report.findings.push(findings("other"));
    let view = View::from(&report);
    let ids: Vec<_> = view.sorted().iter().map(|r| view.check_id(r)).collect();
    assert_eq!(ids[..2], ["p/worst", "p-2/worst"]);
}

#[test]
fn a_comparison_keeps_engines_apart() {
    let one = with_digest();
    let both = two();
    let found = diff::compare(&View::from(&one), &View::from(&both));
    let new: Vec<&str> = found.new_findings.iter().map(|c| c.id.as_str()).collect();
    assert_eq!(new, ["acme/worst"]);
    assert!(found.fixed.is_empty());
    let same = diff::compare(&View::from(&both), &View::from(&both));
    assert_eq!(same.outcome, diff::Outcome::NoNewFindings);
}

#[test]
fn every_row_of_a_view_is_safe_to_show() {
    let mut report = two();
    report.findings[0].results[1].fails = "\u{1b}[2J".into();
    let view = View::from(&report);
    let rows: Vec<_> = view.rows().collect();
    assert_eq!(rows.len(), 6);
    assert_eq!(rows[0].id.raw(), "p/worst");
    assert_eq!(rows[0].headline.to_string(), "\\u{1b}[2J");
}
