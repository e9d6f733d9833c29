//! A default is never evidence, and the day of the scan comes with the evaluation.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what fails here fails the test"
)]

use std::sync::Arc;

use scanner_core::{
    ScanEngine,
    engine::Evaluation,
    finding::{CheckStatus, Findings},
    inventory::{Collected, Inventory, OsRelease, Section},
};
use scanner_policy::{
    Profile,
    profile::{ShippedError, Source},
};

fn today() -> Evaluation {
    Evaluation::on(jiff::civil::date(2026, 1, 31))
}

fn status(findings: &Findings, id: &str) -> CheckStatus {
    let mut results = findings.results.iter();
    results.find(|r| r.id == id).unwrap().status
}

#[test]
fn a_profile_about_pods_passes_nothing_where_there_is_no_pod() {
    let profile = Profile::shipped("pod-hardening").unwrap();
    let unknown = profile.evaluate(&Inventory::default(), &today());
    assert_eq!(unknown.count(CheckStatus::Error), profile.ids().count());
    let none = profile.evaluate(&Inventory::default(), &today().without(&[Section::Pod]));
    assert_eq!(
        none.count(CheckStatus::NotApplicable),
        profile.ids().count()
    );
}

#[test]
fn a_parsed_profile_evaluates_on_the_day_of_the_scan() {
    let text = Source::shipped("packages").unwrap().text;
    let profile = Profile::parse(&text, "packages").unwrap();
    let inventory = Inventory {
        os: Collected::Complete {
            data: OsRelease {
                id: "debian".into(),
                version: "10".into(),
                ..OsRelease::default()
            },
        },
        ..Inventory::default()
    };
    let on = |year| {
        let day = Evaluation::on(jiff::civil::date(year, 1, 31));
        profile.evaluate(&inventory, &day)
    };
    assert_eq!(status(&on(2020), "os-end-of-life"), CheckStatus::Pass);
    let late = on(2026);
    assert_eq!(status(&late, "os-end-of-life"), CheckStatus::Fail);
    assert_eq!(late.engine.inputs["today"], "2026-01-31");
    assert!(!profile.reference().inputs.contains_key("today"));
}

#[test]
fn a_profile_is_cloned_and_shared_as_an_engine() {
    let profile = Profile::shipped("sbom").unwrap();
    let engines: [Arc<dyn ScanEngine>; 2] = [Arc::new(profile.clone()), Arc::new(profile)];
    let [first, second] = engines.map(|e| e.evaluate(&Inventory::default(), &today()));
    assert_eq!(first, second);
}

#[test]
fn an_unknown_shipped_profile_says_which_one_may_be_meant() {
    let error = Profile::shipped("pod-hardning").unwrap_err();
    let ShippedError::Unknown(unknown) = &error else {
        unreachable!("{error}");
    };
    assert_eq!(unknown.closest(), Some("pod-hardening"));
    assert!(
        error.to_string().ends_with("did you mean pod-hardening?"),
        "{error}"
    );
    let error = Profile::shipped("nonsense").unwrap_err().to_string();
    assert!(error.contains("container-baseline"), "{error}");
}
