//! A report of every verdict, and what is in it.

use secure_scan::{Document, FailureKind, ScanReport, Verdict, core::finding::CheckStatus, format};
use secure_scan_testing::samples;

const ALL: [Verdict; 8] = [
    Verdict::Passed,
    Verdict::Findings,
    Verdict::Incomplete,
    Verdict::Failed,
    Verdict::GateAborted,
    Verdict::SecurityAlert,
    Verdict::CleanupUnverified,
    Verdict::Unknown,
];

#[test]
fn every_verdict_has_a_report_that_is_written_and_read() {
    for verdict in ALL {
        let report = samples::report(verdict);
        let json = serde_json::to_string(&report).expect("JSON");
        let read: ScanReport = serde_json::from_str(&json).expect("the same report");
        assert_eq!(read, report);
        Document::parse(json.as_bytes()).expect("a document");
        let mut sarif = Vec::new();
        report.write(&format::SARIF, &mut sarif).expect("SARIF");
        assert!(!sarif.is_empty());
    }
}

#[test]
fn each_report_holds_what_makes_its_verdict() {
    let passed = samples::report(Verdict::Passed);
    assert!(passed.post_scan.is_some_and(|audit| audit.verified));
    let findings = samples::report(Verdict::Findings);
    assert!(findings.failed().count() > 3);
    let incomplete = samples::report(Verdict::Incomplete);
    let errors = incomplete
        .findings
        .iter()
        .map(|f| f.count(CheckStatus::Error));
    assert!(errors.sum::<usize>() > 0);
    let failed = samples::report(Verdict::Failed);
    let kind = failed.failure.map(|failure| failure.kind);
    assert!(
        matches!(kind, Some(FailureKind::ExecForbidden { .. })),
        "{kind:?}"
    );
    assert!(failed.findings.is_empty());
    let aborted = samples::report(Verdict::GateAborted);
    assert!(aborted.gate_alert.is_some() && !aborted.gates.is_empty());
    let alert = samples::report(Verdict::SecurityAlert);
    assert_eq!(alert.alerts[0].id, "identity-shared");
    assert!(!alert.alerts[0].evidence.is_empty());
    let left = samples::report(Verdict::CleanupUnverified);
    assert!(left.post_scan.is_some_and(|audit| !audit.verified));
}

#[tokio::test]
async fn a_sample_is_made_inside_of_a_runtime_too() {
    assert_eq!(samples::report(Verdict::Passed).verdict, Verdict::Passed);
}
