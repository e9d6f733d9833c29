//! Every form has at its head what the report can be traced by, and anchors and times that a person can use.

use super::{forms::*, prelude::*};
use scanner_core::{
    audit::{AuditKey, Checkpoint},
    report::{KnownBy, OperatorName, Origin},
};

fn traced() -> ScanReport {
    let mut report = with_digest();
    report.tool_version = "1.2.3".into();
    report.started = "2026-01-02T03:04:05.678901234Z".into();
    let operator = OperatorName::new("alice@example", KnownBy::Server);
    let origin = Origin::new("api.example:6443", &[b"abc"]);
    report.origin = Some(origin.with_version("v1.37.2").with_operator(operator));
    let key = AuditKey::read(&[7; 32]).unwrap().public();
    let at = Checkpoint {
        entries: 1,
        head: "c0ffee".into(),
    };
    report.audit = Some(AuditSummary::new(at, key.to_pem()));
    report
}

#[test]
fn every_form_names_the_scan_its_cluster_its_operator_its_program_and_its_key() {
    let key = AuditKey::read(&[7; 32]).unwrap().public().id();
    let ca = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    for format in Format::ALL {
        let text = made(&traced(), *format);
        let text: String = text.split_whitespace().collect();
        for part in [
            "abcd1234",
            "alice@example",
            "api.example:6443",
            "v1.37.2",
            ca,
            "1.2.3",
        ] {
            assert!(text.contains(part), "{format} without {part}: {text}");
        }
        // The JSON form has the whole key.
        let shown = text.contains(&key) || text.contains("BEGINPUBLICKEY");
        assert!(shown, "{format} without the key: {text}");
    }
}

#[test]
fn the_trace_stands_before_the_first_finding() {
    for format in [Format::Terminal, Format::Html, Format::Markdown] {
        let text = made(&traced(), format);
        let at = |part: &str| text.find(part).unwrap_or(usize::MAX);
        assert!(
            at("api.example:6443") < at("What is wrong with worst"),
            "{format}"
        );
    }
    let json = made(&traced(), Format::Json);
    assert!(json.find("origin").unwrap() < json.find("\"plan\"").unwrap());
}

#[test]
fn what_was_asked_and_not_answered_is_said_and_what_was_not_asked_is_not() {
    let mut report = traced();
    report.origin = Some(Origin::new("api.example", &[b"abc"]).with_unanswered("version: 403"));
    for format in Format::ALL {
        let text = made(&report, *format);
        assert!(text.contains("version: 403"), "{format}: {text}");
        assert!(!text.contains("alice"), "{format}: {text}");
    }
}

#[test]
fn times_have_seconds_where_a_person_reads_them() {
    for format in [
        Format::Terminal,
        Format::Html,
        Format::Markdown,
        Format::Junit,
    ] {
        let text = made(&traced(), format);
        assert!(text.contains("2026-01-02T03:04:05Z"), "{format}: {text}");
        assert!(!text.contains(".678901234"), "{format}: {text}");
    }
    let mut report = traced();
    report.seconds = 1.234_567_891;
    let ohdf = json(&report, Format::Ohdf);
    assert_eq!(ohdf["statistics"]["duration"], 1.235);
}

#[test]
fn a_finding_has_an_anchor_and_a_link_to_it() {
    let page = made(&traced(), Format::Html);
    for id in ["worst", "low-one", "blind"] {
        assert_eq!(
            page.matches(&format!("id=\"check-{id}\"")).count(),
            1,
            "{id}"
        );
        assert!(page.contains(&format!("href=\"#check-{id}\"")), "{id}");
    }
}
