//! `JUnit` XML, for CI servers: a suite of checks, and a suite of the scan itself and its controls.
//!
//! A check that was not done is an `error`, as is a control that did not hold: no CI server
//! takes the scan for green. A failed check that the threshold allows is `skipped`, as the exit
//! code has it, with a message that begins with `WARNING` and its details.

use std::{fmt::Write as _, time::Duration};

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use crate::escaped::{MAX_GAPS, completions, limits, more};
use scanner_core::report::{ControlRecord, ControlStage, view::View};
use scanner_core::{
    escape::{visible, xml},
    finding::{CheckResult, CheckStatus, Waiver},
    gate::GateDecision,
};

/// Renders `view`.
pub fn render(view: &View<'_>) -> String {
    let mut report = Report::new("secure-scan");
    let time = Duration::try_from_secs_f64(view.seconds.unwrap_or_default()).unwrap_or_default();
    report.set_time(time);
    report.add_test_suite(scan(view));
    for one in view.per_engine() {
        let mut checks = TestSuite::new(format!("checks of {}", visible(&one.engines, 200)));
        checks.add_test_cases(one.sorted().into_iter().map(|r| check(&one, r)));
        if view.has_several_engines() {
            for (name, text) in one.narrowed() {
                checks.add_property(Property::new(name, text));
            }
        }
        report.add_test_suite(checks);
    }
    // Writing to memory cannot fail.
    let text = xml(&report.to_string().unwrap_or_default());
    // The schema that Jenkins uses allows this attribute on each suite, but not on all together.
    let skipped: usize = report.test_suites.iter().map(|s| s.skipped).sum();
    text.replacen(&format!(" skipped=\"{skipped}\""), "", 1)
}

fn check(view: &View<'_>, result: &CheckResult) -> TestCase {
    let status = match result.status {
        CheckStatus::Pass => TestCaseStatus::success(),
        CheckStatus::NotApplicable => {
            let mut skipped = TestCaseStatus::skipped();
            skipped.set_message(match &result.waiver {
                Some(waiver) => format!("SKIPPED, {}", waived(waiver)),
                None => format!("not applicable {}", visible(&result.message, 300)),
            });
            skipped
        }
        CheckStatus::Error => problem(
            NonSuccessKind::Error,
            "not checked",
            &format!("not checked (does not count as passed): {}", result.message),
        ),
        CheckStatus::Fail if view.counts(result) => {
            let severity = result.severity.name();
            let mut failure = problem(NonSuccessKind::Failure, severity, &result.headline());
            failure.set_description(details(result));
            failure
        }
        CheckStatus::Fail => {
            let mut skipped = TestCaseStatus::skipped();
            let waived = result.waiver.as_ref().map(waived);
            let waived = waived.map(|waived| format!("FAILED, but {waived}"));
            skipped.set_message(waived.unwrap_or_else(|| {
                let why = view.allowed_as(result).unwrap_or_default();
                let headline = visible(&result.headline(), 300);
                format!("WARNING: {headline}; severity {}, {why}", result.severity)
            }));
            skipped.set_description(details(result));
            skipped
        }
    };
    let mut case = TestCase::new(visible(&view.check_id(result), 200), status);
    case.set_classname(visible(&view.engines, 200));
    if result.status == CheckStatus::Pass && !result.is_complete() {
        case.set_system_out(limits(result).join("\n"));
    }
    case
}

/// Whether everything was read that checks ask for. If not, the test is skipped and names what is missing, so that the report of
/// such a scan differs from that of a complete one.
fn everything(view: &View<'_>) -> TestCase {
    let gaps = view.gaps();
    let status = if gaps.is_empty() {
        TestCaseStatus::success()
    } else {
        let gaps = gaps
            .iter()
            .map(|(section, gap)| format!("{section}: {gap}"));
        let more = completions(view);
        let more = more.iter().map(|remedy| format!("to read more: {remedy}"));
        let text: Vec<String> = gaps.chain(more).collect();
        let mut skipped = TestCaseStatus::skipped();
        skipped.set_message(visible(&text.join("; "), MAX_GAPS));
        skipped
    };
    let mut case = TestCase::new("everything that was asked for was read", status);
    let read = view.image_lines();
    if !read.is_empty() {
        case.set_system_out(visible(&read.join("; "), MAX_GAPS));
    }
    case.set_classname("coverage");
    case
}

fn waived(waiver: &Waiver) -> String {
    format!(
        "waived until {}: {}",
        visible(&waiver.expires, 20),
        visible(&waiver.justification, 500)
    )
}

fn details(result: &CheckResult) -> String {
    let mut out = String::new();
    for item in &result.evidence {
        let _ = writeln!(out, "- {}", visible(item, 300));
    }
    let more = more(result);
    if more > 0 {
        let _ = writeln!(out, "- and {more} more");
    }
    let _ = writeln!(out, "why: {}", visible(&result.rationale, 2000));
    let _ = writeln!(out, "fix: {}", visible(&result.fix, 2000));
    out
}

fn problem(kind: NonSuccessKind, class: &str, message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(class);
    status.set_message(visible(message, 1000));
    status
}

/// The scan itself: whether it was done, what the gates said, and what every control proves.
fn scan(view: &View<'_>) -> TestSuite {
    let mut suite = TestSuite::new(format!("scan of {}", view.subject_line()));
    let problems = view.problems_beside_alerts();
    let status = if problems.is_empty() {
        TestCaseStatus::success()
    } else {
        problem(
            NonSuccessKind::Error,
            view.verdict.name(),
            &problems.join("; "),
        )
    };
    let mut case = TestCase::new("scan was done and nothing is left", status);
    case.set_classname("scan");
    suite.add_test_case(case);
    suite.add_test_case(everything(view));
    for alert in view.alerts {
        let message = format!("{}: {}", alert.message.raw(), alert.sentences());
        let status = problem(NonSuccessKind::Error, "security alert", &message);
        let name = format!("no security alert {}", visible(&alert.id, 80));
        let mut case = TestCase::new(name, status);
        case.set_classname("alerts");
        suite.add_test_case(case);
    }
    for gate in view.gates {
        let status = match &gate.decision {
            GateDecision::Allow { .. } => TestCaseStatus::success(),
            GateDecision::Warn { reason } => {
                let mut skipped = TestCaseStatus::skipped();
                skipped.set_message(format!("WARNING: {}", visible(reason, 600)));
                skipped
            }
            GateDecision::Abort { reason } => problem(NonSuccessKind::Failure, "gate", reason),
            _ => problem(
                NonSuccessKind::Error,
                "gate",
                "a decision of a later version",
            ),
        };
        let mut case = TestCase::new(format!("gate {}", visible(&gate.id, 80)), status);
        case.set_classname("gates");
        suite.add_test_case(case);
    }
    for breach in view.breaches() {
        let status = problem(NonSuccessKind::Failure, "threshold", &breach);
        let mut case = TestCase::new(format!("threshold {}", visible(&breach, 200)), status);
        case.set_classname("thresholds");
        suite.add_test_case(case);
    }
    suite.add_test_cases(view.controls.iter().map(control));
    let image = view.artifact();
    let started = view.started_second().unwrap_or_else(|| "unknown".into());
    for trace in view.trace() {
        suite.add_property(Property::new(trace.label, trace.value));
    }
    let fixed = [
        ("verdict", view.verdict.name()),
        ("image", &image),
        ("image digest", view.image_digest.unwrap_or("unknown")),
        ("profile", &view.engines),
        ("strategy", view.strategy),
        ("trust", view.trust),
        ("started", &started),
    ];
    let kind = view.failure_kind();
    let kind = kind.iter().map(|kind| ("failure", kind.as_str()));
    let alert = view.gate_alert.iter().map(|alert| ("gate alert", *alert));
    let none = view.no_controls();
    let none = none.iter().map(|none| ("controls", *none));
    let more = kind.chain(alert).chain(none);
    for (name, value) in fixed.into_iter().chain(more) {
        suite.add_property(Property::new(name, visible(value, 1000)));
    }
    for (name, text) in view.narrowed() {
        suite.add_property(Property::new(name, text));
    }
    for (kind, list) in view.notes() {
        suite.add_property(Property::new(kind, visible(&list.join("; "), 2000)));
    }
    suite
}

fn control(control: &ControlRecord) -> TestCase {
    // A failed removal is settled by the proof after it.
    let stages = [
        ("enforce", &control.enforced),
        ("verify", &control.verified),
        ("grant", &control.granted),
        ("revoke", &control.revoked),
        ("confirmed deleted", &control.release_verified),
    ];
    let failed: Vec<String> = stages
        .iter()
        .filter_map(|(name, stage)| match stage {
            ControlStage::Failed { reason } => Some(format!("{name}: {reason}")),
            ControlStage::Unknown => Some(format!("{name}: a state of a later version")),
            _ => None,
        })
        .collect();
    let mut status = if !failed.is_empty() {
        problem(NonSuccessKind::Error, "control", &failed.join("; "))
    } else if let ControlStage::NotInstalled { reason } = &control.verified {
        let mut skipped = TestCaseStatus::skipped();
        let word = control.verified.word();
        skipped.set_message(format!("{word}: {}", visible(reason, 600)));
        skipped
    } else if let ControlStage::NotHeld { reason } = &control.verified {
        // Tolerated, but not a success.
        let mut skipped = TestCaseStatus::skipped();
        skipped.set_message(visible(reason, 600));
        skipped
    } else if control.verified == ControlStage::NotReached {
        let mut skipped = TestCaseStatus::skipped();
        skipped.set_message("not reached");
        skipped
    } else {
        TestCaseStatus::success()
    };
    status.set_description(evidence(&stages));
    let mut case = TestCase::new(format!("control {}", visible(&control.id, 80)), status);
    case.set_classname("controls");
    case
}

fn evidence(stages: &[(&str, &ControlStage)]) -> String {
    let mut out = String::new();
    for (name, stage) in stages {
        if let ControlStage::Done { evidence } = stage {
            for item in &evidence.0 {
                let _ = writeln!(out, "{name}: {}", visible(item, 300));
            }
        }
    }
    out
}
