//! A scan that must be complete but is not does not pass in any form, and what was not read is counted once.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{forms::*, prelude::*};
use scanner_core::{
    finding::{CheckResult, Findings, Waiver},
    inventory::Gaps,
};

/// One check failed beside a path that was not read, but the failure is not a finding.
fn in_part(change: impl FnOnce(&mut CheckResult)) -> ScanReport {
    let mut report = passed();
    let gaps: Gaps = Gap::new(GapKind::NotSearchable).at("/root").into();
    report
        .coverage
        .insert(Section::Files, Coverage::Partial { gaps });
    let result = &mut report.findings[0].results[0];
    result.status = CheckStatus::Fail;
    result.limits = vec!["files: /root: not searchable".into()];
    result.not_read = 1;
    change(result);
    report.findings[0].must_be_complete = true;
    report.fail_on = Some(Severity::High);
    report.verdict = Verdict::of(&report.findings, Severity::High);
    report
}

/// Reports in which only the demand to be complete is not met: a waived failure, and one below the threshold.
pub(super) fn incomplete() -> [ScanReport; 2] {
    let waived = in_part(|result| {
        result.severity = Severity::Critical;
        result.waiver = Some(Waiver::new("accepted by Jo", "2099-01-31"));
    });
    let allowed = in_part(|result| result.severity = Severity::Low);
    [waived, allowed]
}

#[test]
fn a_demand_to_be_complete_that_is_not_met_is_said_in_every_form() {
    for report in incomplete() {
        assert_eq!(report.verdict, Verdict::Incomplete);
        let words = "the scan must be complete";
        for format in Format::ALL {
            let text = made(&report, *format);
            if *format == Format::Json {
                let json: Value = serde_json::from_str(&text).unwrap();
                assert_eq!(json["verdict"], "incomplete");
                assert_eq!(json["findings"][0]["must_be_complete"], true);
            } else {
                assert!(text.contains(words), "{format}: {text}");
            }
        }
        let document = Document::from(report.clone());
        let summary = text::summary(&document.view(), None);
        assert!(summary.contains(words), "{summary}");
        // Without the demand it passes, and says what it rests on.
        let mut free = report.clone();
        free.findings[0].must_be_complete = false;
        free.verdict = Verdict::of(&free.findings, Severity::High);
        assert_eq!(free.verdict, Verdict::Passed);
        for format in Format::ALL {
            assert!(!made(&free, *format).contains(words), "{format}");
        }
        let json = json(&free, Format::Json);
        assert_eq!(json["findings"][0].get("must_be_complete"), None);
    }
}

/// Three reports: a complete pass, a pass beside a path that was not read, and a check that was not done.
fn three() -> [ScanReport; 3] {
    let whole = passed();
    let part = in_part(|result| {
        result.status = CheckStatus::Pass;
        result.severity = Severity::Low;
        (result.evidence, result.evidence_total) = (vec![], 0);
        result.message = String::new();
    });
    let mut beside = part.clone();
    beside.findings[0].must_be_complete = false;
    beside.verdict = Verdict::of(&beside.findings, Severity::High);
    let mut unchecked = part;
    unchecked.findings[0].demand_complete();
    unchecked.verdict = Verdict::of(&unchecked.findings, Severity::High);
    [whole, beside, unchecked]
}

#[test]
fn every_form_sets_a_whole_pass_apart_from_one_in_part_and_from_what_was_not_checked() {
    let [whole, part, unchecked] = three();
    let verdicts = [&whole, &part, &unchecked].map(|report| report.verdict);
    let passed = Verdict::Passed;
    assert_eq!(verdicts, [passed, passed, Verdict::Incomplete]);
    let says = |report: &ScanReport, format: Format, words: &str| {
        made(report, format)
            .to_lowercase()
            .contains(&words.to_lowercase())
    };
    for format in Format::ALL {
        let (part_words, unchecked_words) = match format {
            Format::Json => ("\"not_read\": 1", "\"status\": \"error\""),
            Format::Sarif => ("\"notRead\": 1", "\"executionSuccessful\": false"),
            Format::Junit => ("1 path or item that it asks for was not read", "<error"),
            Format::Ohdf => (
                "1 path or item that it asks for was not read",
                "\"status\": \"error\"",
            ),
            Format::OpenReports | Format::PolicyReport => (
                "\"limits\": \"files: /root: not searchable",
                "\"result\": \"error\"",
            ),
            Format::CycloneDx | Format::InToto => (
                "passed, 1 path or item not read",
                "incomplete: something that had to be",
            ),
            _ => (
                "1 path or item not read",
                "not checked (does not count as passed)",
            ),
        };
        let found = [part_words, unchecked_words]
            .map(|words| [&whole, &part, &unchecked].map(|report| says(report, *format, words)));
        assert!(
            !found[0][0] && found[0][1],
            "{format}: {found:?} {}",
            made(&part, *format)
        );
        assert!(
            !found[1][0] && !found[1][1] && found[1][2],
            "{format}: {found:?} {}",
            made(&unchecked, *format)
        );
    }
}

fn unread(section: &str, paths: &[&str]) -> BTreeMap<String, Gaps> {
    let gap = |path: &&str| Gap::new(GapKind::NotSearchable).at(*path);
    [(section.to_owned(), paths.iter().map(gap).collect())].into()
}

#[test]
fn what_several_checks_ask_for_counts_once_and_what_none_asks_for_not_at_all() {
    let mut report = passed();
    let gaps = ["/root", "/a", "/b", "/c: d", "/never-asked-for"];
    let gaps: Gaps = gaps
        .iter()
        .map(|path| Gap::new(GapKind::NotSearchable).at(*path))
        .collect();
    report
        .coverage
        .insert(Section::Files, Coverage::Partial { gaps });
    let base = report.findings[0].results[0].clone();
    let result = |id: &str, status, paths: &[&str]| {
        let mut result = base.clone();
        (result.id, result.status) = (id.into(), status);
        result.not_read = paths.len() as u64;
        result.limits = vec!["files: some".into()];
        result.unread = unread("files", paths);
        result
    };
    let results = vec![
        result("one", CheckStatus::Pass, &["/root", "/a"]),
        result("two", CheckStatus::Pass, &["/a", "/c: d"]),
        result("three", CheckStatus::Fail, &["/b"]),
        result("four", CheckStatus::Error, &["/b"]),
    ];
    let engine = report.findings[0].engine.clone();
    report.findings = vec![Findings::new(engine.clone(), results)];
    let sentence = "passed, 3 paths or items not read";
    for format in [
        Format::Terminal,
        Format::Html,
        Format::Markdown,
        Format::Ohdf,
    ] {
        let text = made(&report, format);
        assert!(text.contains(sentence), "{format}: {text}");
    }
    // The same in a report that was saved, and of an engine that says no more than how many.
    let text = made(&report, Format::Json);
    let saved = Document::parse(text.as_bytes()).unwrap();
    let terminal = render(&saved, Format::Terminal, text::Style::default()).unwrap();
    assert!(terminal.contains(sentence), "{terminal}");
    report.findings[0].not_read = 0;
    let fewer = "passed, 2 paths or items not read";
    assert!(made(&report, Format::Terminal).contains(fewer));
    // Of several sections each counts, and what several engines ask for counts once.
    let [files, packages] = [
        ("files", &["/root", "/a"][..]),
        ("packages", &["/var/lib/rpm"]),
    ]
    .map(|(section, paths)| unread(section, paths).remove(section).unwrap());
    report.coverage = [(Section::Files, files), (Section::Packages, packages)]
        .map(|(section, gaps)| (section, Coverage::Partial { gaps }))
        .into_iter()
        .collect::<BTreeMap<_, _>>()
        .into();
    let mut other = result("five", CheckStatus::Pass, &[]);
    (other.not_read, other.unread) = (1, unread("packages", &["/var/lib/rpm"]));
    let one = result("one", CheckStatus::Pass, &["/root", "/a"]);
    report.findings = vec![
        Findings::new(engine.clone(), vec![one.clone()]),
        Findings::new(engine, vec![one, other]),
    ];
    assert!(made(&report, Format::Terminal).contains(sentence));
}
