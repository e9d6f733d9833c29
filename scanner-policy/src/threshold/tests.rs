//! Tests of thresholds against the semantics of `saf validate threshold`.

use scanner_core::{
    Verdict,
    finding::{CheckStatus as Status, Severity, Waiver},
};

use super::*;
use crate::{
    FindingRules,
    waiver::tests::{findings, result},
};

/// Passed 2 (high, low), failed 1 (critical) and 1 waived (medium), error 1 (high), not applicable 1.
fn sample() -> Findings {
    let mut all = findings(vec![
        result("a", Status::Pass, Severity::High),
        result("b", Status::Pass, Severity::Info),
        result("c", Status::Fail, Severity::Critical),
        result("d", Status::Fail, Severity::Medium),
        result("e", Status::Error, Severity::High),
        result("f", Status::NotApplicable, Severity::High),
    ]);
    all.results[3].waiver = Some(Waiver {
        justification: "J".into(),
        expires: "2030-01-01".into(),
        skipped: false,
    });
    all
}

#[test]
fn limits_hold_or_do_not_as_in_the_saf_cli() {
    // 2 passed of 2 + 1 + 1: 50 %.
    for (text, breaches) in [
        ("compliance.min: 50", 0),
        ("compliance.min: 51", 1),
        ("compliance.max: 49", 1),
        ("compliance: {min: 0, max: 50}", 0),
        ("passed.total: 2", 0),
        ("passed: {total: 2}", 0),
        ("passed: {total: 3}", 1),
        ("passed: {total: {min: 2, max: 2}}", 0),
        ("passed.total.min: 3", 1),
        ("passed: {high: {min: 1, max: 1}, low: {min: 1, max: 1}}", 0),
        ("failed.total.max: 1", 0),
        ("failed.total.max: 0", 1),
        ("failed.critical.max: 0\nfailed.medium.max: 0", 1),
        ("skipped.total: 0", 0),
        ("error.total: 0", 1),
        ("error: {high: {max: 1}}", 0),
        ("no_impact.total: 2", 0),
        ("no_impact.total: 1", 1),
        (
            "no_impact: {none: {min: 1, max: 1}, medium: {min: 1, max: 1}, high: {max: 0}}",
            0,
        ),
        ("failed: {critical: {controls: [c]}}", 0),
        ("failed: {critical: {controls: [x]}}", 1),
        ("failed: {critical: {controls: [c, x]}}", 2),
        ("passed: {critical: {controls: [c]}}", 2),
        // The SAF CLI never compares these two.
        ("no_impact.total.max: 0\ncompliance.min: 0", 0),
        ("no_impact: {total: {min: 9}}\nfailed: {total: 1}", 0),
    ] {
        let outcome = Thresholds::parse(text, "t").unwrap().evaluate(&sample());
        assert_eq!(outcome.breaches.len(), breaches, "{text}: {outcome:?}");
        let ignored = text.starts_with("no_impact")
            && (text.contains("max: 0") && text.contains("total.max") || text.contains("min: 9"));
        assert_eq!(!outcome.ignored.is_empty(), ignored, "{text}");
        assert_eq!(outcome.compliance, 50);
    }
}

#[test]
fn compliance_is_rounded_half_up_and_is_0_of_nothing() {
    let of = |passed: usize, failed: usize| {
        let pass = (0..passed).map(|_| result("a", Status::Pass, Severity::Low));
        let fail = (0..failed).map(|_| result("a", Status::Fail, Severity::Low));
        compliance(&findings(pass.chain(fail).collect()))
    };
    assert_eq!(
        [
            of(0, 0),
            of(1, 2),
            of(2, 1),
            of(1, 7),
            of(1, 199),
            of(200, 0)
        ],
        [0, 33, 67, 13, 1, 100]
    );
}

#[test]
fn what_cannot_be_read_is_refused() {
    for (text, word) in [
        ("", ""),
        ("{}", "no threshold"),
        ("compliance: {mn: 1}", "mn"),
        ("compliance.min: -1", ""),
        ("compliance: {min: high}", ""),
        ("failed: {total: many}", ""),
        ("failed: {crit: {max: 0}}", "crit"),
        ("failed: {none: {max: 0}}", "no_impact"),
        ("failed: {high: 0}", ""),
        ("failed: {high: {controls: []}}", "empty list"),
        ("failed: {total: {controls: [a]}}", ""),
        ("compliance.max: 0", "skipped by the SAF CLI"),
        ("failed.total: 1\nfailed.total.max: 1", "total"),
        ("[1, 2]", ""),
        ("no_impact.total.max: 0", "compares none"),
        ("no_impact: {total: {min: 1, max: 2}}", "compares none"),
    ] {
        let error = Thresholds::parse(text, "t").unwrap_err().to_string();
        assert!(error.contains(word), "{text}: {error}");
    }
}

#[test]
fn the_inline_form_is_that_of_the_saf_cli() {
    for text in [
        "{compliance.min: 80}, {passed.total.min: 18}, {failed.total.max: 2}",
        "compliance.min:80,passed.total.min:18,failed.total.max:2",
        "\"{compliance.min: 80}, {passed.total.min: 18}, {failed.total.max: 2}\"",
    ] {
        let inline = Thresholds::inline(text).unwrap();
        let nested = "compliance: {min: 80}\npassed: {total: {min: 18}}\nfailed: {total: {max: 2}}";
        assert_eq!(inline, Thresholds::parse(nested, "t").unwrap(), "{text}");
    }
    for text in [
        "",
        "failed",
        "failed.total.max: x",
        "failed.total.max: 1.5",
        "a.b: 1",
        "failed.total.max: 1, failed.total.max: 2",
    ] {
        assert!(Thresholds::inline(text).is_err(), "{text}");
    }
}

#[test]
fn the_verdict_is_that_of_the_thresholds_and_of_a_severity_named_beside_them() {
    let passed = |status| findings(vec![result("a", status, Severity::High)]);
    for (status, threshold, fail_on, expected) in [
        (
            Status::Fail,
            Some("failed.total.max: 1"),
            None,
            Verdict::Passed,
        ),
        (
            Status::Fail,
            Some("failed.total.max: 0"),
            None,
            Verdict::Findings,
        ),
        (
            Status::Fail,
            Some("failed.total.max: 1"),
            Some(Severity::High),
            Verdict::Findings,
        ),
        (
            Status::Fail,
            Some("failed.total.max: 1"),
            Some(Severity::Critical),
            Verdict::Passed,
        ),
        (
            Status::Error,
            Some("error.total.max: 1"),
            None,
            Verdict::Incomplete,
        ),
        (
            Status::Error,
            Some("error.total.max: 0"),
            None,
            Verdict::Incomplete,
        ),
        (
            Status::Pass,
            Some("passed.total.min: 2"),
            None,
            Verdict::Findings,
        ),
        (Status::Fail, None, None, Verdict::Findings),
    ] {
        let mut rules = FindingRules::default().with_fail_on(fail_on);
        if let Some(text) = threshold {
            rules = rules.with_thresholds("t", Thresholds::parse(text, "t").unwrap());
        }
        let found = rules.apply(passed(status), "2026-01-01".parse().unwrap());
        assert_eq!(
            Verdict::of(&[found], Severity::Low),
            expected,
            "{status:?} {threshold:?}"
        );
    }
}

#[test]
fn each_group_and_severity_has_a_limit_of_its_own() {
    let statuses = [
        ("passed", Status::Pass),
        ("failed", Status::Fail),
        ("error", Status::Error),
    ];
    let severities = [
        ("critical", Severity::Critical),
        ("high", Severity::High),
        ("medium", Severity::Medium),
        ("low", Severity::Low),
    ];
    for (group, status) in statuses {
        for (name, severity) in severities {
            let found = findings(vec![result("a", status, severity)]);
            for (other_group, _) in statuses {
                for (other, _) in severities {
                    let text = format!("{other_group}.{other}.max: 0");
                    let breached = !Thresholds::inline(&text)
                        .unwrap()
                        .evaluate(&found)
                        .breaches
                        .is_empty();
                    let own = group == other_group && name == other;
                    assert_eq!(breached, own, "{group} {name} under {text}");
                }
            }
        }
    }
}

#[test]
fn a_file_of_more_than_its_size_is_refused() {
    let line = "failed.total.max: 0\n";
    let full = format!("{line}{}", "#".repeat(MAX_BYTES - line.len()));
    assert!(Thresholds::parse(&full, "t").is_ok());
    let error = Thresholds::parse(&format!("{full}#"), "t").unwrap_err();
    assert!(error.to_string().contains("at most"), "{error}");
}

/// Every path that a limit may stand at, as its keys.
fn paths() -> Vec<Vec<&'static str>> {
    let mut paths = vec![vec!["compliance", "min"], vec!["compliance", "max"]];
    for group in ["passed", "failed", "skipped", "error", "no_impact"] {
        paths.push(vec![group, "total"]);
        for limit in ["min", "max"] {
            paths.push(vec![group, "total", limit]);
        }
        for severity in SEVERITIES {
            for limit in ["min", "max", "controls"] {
                paths.push(vec![group, severity, limit]);
            }
        }
    }
    paths
}

#[test]
fn a_limit_without_a_value_is_refused_wherever_it_stands() {
    for path in paths() {
        for depth in 1..=path.len() {
            let open = &path[..depth];
            for nothing in ["", "~", "null", "{}", "[]"] {
                let block = open
                    .iter()
                    .enumerate()
                    .map(|(level, key)| format!("{}{key}:\n", "  ".repeat(level)))
                    .collect::<Vec<_>>()
                    .concat();
                let block = format!("{} {nothing}\n", block.trim_end());
                let flow = open.iter().rev().fold(nothing.to_owned(), |inner, key| {
                    format!("{{{key}: {inner}}}")
                });
                let flat = format!("{}: {nothing}\n", open.join("."));
                for text in [block, flow, flat] {
                    assert!(Thresholds::parse(&text, "t").is_err(), "{text}");
                    let policy = format!(
                        "name: p\nversion: '1'\ntitle: t\nthresholds:\n{}",
                        text.lines()
                            .map(|l| format!("  {l}\n"))
                            .collect::<Vec<_>>()
                            .concat()
                    );
                    let policy = crate::policy::Policy::parse(&policy, "p", None);
                    assert!(policy.is_err(), "{text}");
                }
            }
            let inline = format!("{{{}: }}", open.join("."));
            assert!(Thresholds::inline(&inline).is_err(), "{inline}");
            let unknown = format!("{{{}x: 1}}", open.join("."));
            assert!(Thresholds::inline(&unknown).is_err(), "{unknown}");
        }
    }
    assert!(Thresholds::parse("compliance: {min: 1}\nfailed: {}", "t").is_err());
    assert!(Thresholds::parse("compliance: {min: 1}\nfailed:\n", "t").is_err());
}
