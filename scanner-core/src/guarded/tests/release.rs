//! What is released, however a scan ends.

use super::*;

#[test]
fn a_panic_while_releasing_stops_no_other_release() {
    for step in ["release b", "gone b", "audit"] {
        let pass = vec![(CheckStatus::Pass, Severity::High)];
        let (report, log) = scan(Fault::Panic(step), pass, vec![], pending());
        assert_eq!(report.verdict, Verdict::CleanupUnverified, "{step}");
        assert_eq!(log[log.len() - 4..], RELEASED, "{step}");
    }
}

/// Panics when the release begins to show something.
struct Clumsy;

impl Observer for Clumsy {
    fn event(&self, event: &Event) {
        let released = matches!(event, Event::ControlReleased { .. } | Event::Failed { .. });
        assert!(!released, "fault at the observer");
    }
}

#[test]
fn an_observer_that_panics_stops_no_release() {
    for fault in [Fault::None, Fault::Error("open")] {
        let pass = vec![(CheckStatus::Pass, Severity::High)];
        let (report, log) = watched(fault, pass, vec![], pending(), vec![], &Clumsy);
        assert_eq!(report.verdict, Verdict::Failed);
        assert_eq!(log[log.len() - 4..], RELEASED);
    }
}

#[test]
fn an_interrupt_at_any_step_releases_everything() {
    for step in ["enforce b", "verify a", "open", "revoke a", "collect"] {
        let (report, log) = scan(Fault::Hang(step), vec![], vec![], ready("SIGINT".into()));
        assert_eq!(report.verdict, Verdict::Failed, "{step}");
        assert!(report.failure.unwrap().interrupted, "{step}");
        assert_eq!(log[log.len() - 4..], RELEASED, "{step}");
    }
}

#[test]
fn one_failed_release_does_not_stop_the_others() {
    let pass = vec![(CheckStatus::Pass, Severity::High)];
    let (report, log) = scan(Fault::Error("release b"), pass.clone(), vec![], pending());
    assert_eq!(log[log.len() - 4..], RELEASED);
    assert_eq!(
        report.verdict,
        Verdict::Passed,
        "its absence was verified after all"
    );
    let (report, _) = scan(Fault::Error("gone b"), pass, vec![], pending());
    assert_eq!(report.verdict, Verdict::CleanupUnverified);
}

#[test]
fn evidence_about_something_else_is_discarded() {
    let pass = vec![(CheckStatus::Pass, Severity::High)];
    let (report, _) = scan(Fault::Invalid("gone a"), pass, vec![], pending());
    assert_eq!(report.verdict, Verdict::Failed);
    assert!(report.findings.is_empty());
}

#[test]
fn a_gate_that_aborts_leaves_the_cluster_untouched() {
    let gates: Vec<Box<dyn Gate>> = vec![Box::new(ExpectedDigest("sha256:bb".into()))];
    let (report, log) = scan(Fault::None, vec![], gates, pending());
    assert_eq!(report.verdict, Verdict::GateAborted);
    assert!(log.is_empty(), "{log:?}");
}
