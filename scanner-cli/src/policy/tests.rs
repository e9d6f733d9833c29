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
    use Severity::{Critical, High, Medium};
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
        (String::new(), &[], (Findings, Some(High))),
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
    assert!(of("").contains("a finding from: high\n"));
    assert!(of(lax).contains("Thresholds decide which failed checks are findings\n"));
    let both = of(&format!("fail_on: medium\n{lax}"));
    assert!(
        both.contains("a finding from: medium; thresholds must hold too\n"),
        "{both}"
    );
}

#[derive(Parser)]
struct Without {
    #[command(flatten)]
    findings: FindingArgs,
}

/// A check that passed beside a path that was not read.
fn in_part() -> Findings {
    let mut result = CheckResult::new("a", "", Severity::High).pass();
    (result.not_read, result.limits) = (1, vec!["files: /root: not searchable".into()]);
    Findings::new(EngineRef::new("p", "1"), vec![result])
}

#[test]
fn a_demand_to_be_complete_comes_from_the_option_a_policy_and_level_strict() {
    let today = jiff::civil::date(2026, 1, 31);
    let with_policy = |arguments: &[&str]| {
        let line = Line::parse_from(["x"].iter().chain(arguments));
        let decided = decide(&line.policy);
        let decided = decided.unwrap_or_else(|problem| unreachable!("{}", problem.message));
        let findings = decided.policy.finding_rules().apply(in_part(), today);
        Verdict::of(&[findings], Severity::Low)
    };
    let folder = tempfile::tempdir().unwrap();
    let own = |name: &str, complete: bool| {
        let file = folder.path().join(name);
        let text = format!("name: own\nversion: '1'\ntitle: T\nrequire_complete: {complete}\n");
        std::fs::write(&file, text).unwrap();
        file.display().to_string()
    };
    let (yes, no) = (own("yes.yaml", true), own("no.yaml", false));
    for (arguments, demanded) in [
        (&[][..], false),
        (&["--require-complete"], true),
        (&["--level", "baseline"], false),
        (&["--level", "hardened"], false),
        (&["--level", "hardened", "--require-complete"], true),
        (&["--level", "strict"], true),
        (&["--policy", &yes], true),
        (&["--policy", &no], false),
        (&["--policy", &no, "--require-complete"], true),
    ] {
        let expected = if demanded {
            Verdict::Incomplete
        } else {
            Verdict::Passed
        };
        assert_eq!(with_policy(arguments), expected, "{arguments:?}");
    }
    // Scans of directories and archives have no policy.
    for (arguments, expected) in [
        (&["x"][..], Verdict::Passed),
        (&["x", "--require-complete"], Verdict::Incomplete),
    ] {
        let rules = finding_rules(&Without::parse_from(arguments).findings);
        let rules = rules.unwrap_or_else(|problem| unreachable!("{}", problem.message));
        let findings = rules.apply(in_part(), today);
        assert_eq!(
            Verdict::of(&[findings], Severity::Low),
            expected,
            "{arguments:?}"
        );
    }
}
