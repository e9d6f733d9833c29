//! Tests of which severity and thresholds decide, by policy and by argument.

use clap::Parser;
use secure_scan::{
    Verdict,
    finding::{CheckResult, EngineRef, Findings},
    jiff,
};

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    policy: PolicyArgs,
}

/// One failed check of severity high.
fn failed() -> Findings {
    let result = CheckResult::new("a", "", Severity::High).fail(Vec::new());
    Findings::new(EngineRef::new("p", "1"), vec![result])
}

/// The verdict on one failed check of severity high, and the severity that decided.
fn verdict(policy: &str, arguments: &[&str]) -> (Verdict, Option<Severity>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.yaml");
    let text = format!("name: own\nversion: '1'\ntitle: T\n{policy}");
    std::fs::write(&file, text).unwrap();
    let line = ["x", "--policy", file.to_str().unwrap()];
    let line = Line::parse_from(line.iter().chain(arguments));
    let decided =
        decide(&line.policy).unwrap_or_else(|problem| unreachable!("{}", problem.message));
    let (policy, today) = (decided.policy, jiff::civil::date(2026, 1, 31));
    let findings = policy.finding_rules().apply(failed(), today);
    let threshold = policy.threshold();
    let from = findings.fail_on(threshold);
    (Verdict::of(&[findings], threshold), from)
}

#[test]
fn a_severity_that_a_policy_names_holds_beside_thresholds_and_that_of_a_level_does_not() {
    use Severity::{Critical, High, Low, Medium};
    use Verdict::{Findings, Passed};
    let lax = "thresholds: {failed: {critical: {max: 0}}}\n";
    let inline = ["--threshold", "{failed.critical.max: 0}"];
    for (policy, arguments, expected) in [
        (
            format!("fail_on: medium\n{lax}"),
            &[][..],
            (Findings, Some(Medium)),
        ),
        (
            format!("fail_on: critical\n{lax}"),
            &[],
            (Passed, Some(Critical)),
        ),
        (lax.to_owned(), &[], (Passed, None)),
        (
            lax.to_owned(),
            &["--fail-on", "high"],
            (Findings, Some(High)),
        ),
        (
            format!("fail_on: medium\n{lax}"),
            &["--fail-on", "critical"],
            (Passed, Some(Critical)),
        ),
        (
            "fail_on: medium\n".into(),
            &inline,
            (Findings, Some(Medium)),
        ),
        (String::new(), &inline, (Passed, None)),
        (String::new(), &[], (Findings, Some(Low))),
    ] {
        assert_eq!(
            verdict(&policy, arguments),
            expected,
            "{policy} {arguments:?}"
        );
    }
}

#[test]
fn what_decides_is_explained() {
    let of = |text: &str| {
        let text = format!("name: own\nversion: '1'\ntitle: T\n{text}");
        explain(&Policy::parse(&text, "f", None).unwrap())
    };
    let lax = "thresholds: {failed: {critical: {max: 0}}}\n";
    assert!(of("").contains("a finding from: low\n"));
    assert!(of(lax).contains("Thresholds decide which failed checks are findings\n"));
    let both = of(&format!("fail_on: medium\n{lax}"));
    assert!(
        both.contains("a finding from: medium; thresholds must hold too\n"),
        "{both}"
    );
}
