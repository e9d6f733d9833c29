//! Scans at once and after each other on one cluster: each has its own counters and its own audit log.

mod common;

use std::sync::Arc;

use common::{fake, template, web};
use futures_util::future::join_all;
use secure_scan::{
    Cluster, ScanReport,
    core::{
        audit::{AuditLog, verify},
        report::Unbound,
    },
    serde_json,
};
use secure_scan_testing::FakeCluster;

async fn scan(cluster: &Cluster) -> (ScanReport, Arc<AuditLog>) {
    let prepared = template().prepare(cluster, web()).await.expect("a scan");
    let audit = prepared.audit();
    let report = prepared.run().await;
    assert!(report.failure.is_none(), "{:#?}", report.failure);
    (report, audit)
}

/// Calls of a scan's own identity, as the cluster counts them.
fn calls_of(fake: &FakeCluster, report: &ScanReport) -> u64 {
    let id = report.plan.scan_id.as_str();
    let calls = fake.calls();
    let own = calls
        .iter()
        .filter(|call| call.user.starts_with("system:serviceaccount:") && call.user.contains(id));
    own.count() as u64
}

#[tokio::test(start_paused = true)]
async fn two_scans_at_once_count_their_own_calls() {
    let fake = fake();
    let cluster = fake.cluster().expect("a cluster");
    let ((one, _), (two, _)) = tokio::join!(scan(&cluster), scan(&cluster));
    // A call with a revoked token is nobody's to the cluster; each scan makes some.
    let calls = fake.calls();
    let nobodys = calls.iter().filter(|call| call.user.is_empty()).count() as u64;
    let known = calls_of(&fake, &one) + calls_of(&fake, &two);
    assert_eq!(one.api_calls.scan + two.api_calls.scan, known + nobodys);
    for report in [&one, &two] {
        let own = calls_of(&fake, report);
        assert!(report.api_calls.scan >= own && report.api_calls.scan <= own + nobodys);
    }
    let operators = calls.iter().filter(|call| call.user == "operator").count() as u64;
    assert_eq!(one.api_calls.operator + two.api_calls.operator, operators);
    // One that is alone makes as many.
    let alone = self::fake();
    let (report, _) = scan(&alone.cluster().expect("a cluster")).await;
    let near = |a: u64, b: u64| a.abs_diff(b) <= 3;
    for other in [&one, &two] {
        assert!(
            near(report.api_calls.operator, other.api_calls.operator)
                && near(report.api_calls.scan, other.api_calls.scan),
            "{:?} alone, {:?} beside another",
            report.api_calls,
            other.api_calls
        );
    }
}

#[tokio::test(start_paused = true)]
async fn seventy_scans_have_a_log_each() {
    let fake = fake();
    let cluster = fake.cluster().expect("a cluster");
    let mut all: Vec<(ScanReport, Arc<AuditLog>)> = Vec::new();
    for _ in 0..7 {
        all.extend(join_all((0..10).map(|_| scan(&cluster))).await);
    }
    let ids: Vec<String> = all
        .iter()
        .map(|(report, _)| report.plan.scan_id.to_string())
        .collect();
    let first = all[0].1.text().len();
    for (number, (report, audit)) in all.iter().enumerate() {
        audit.close().expect("a log that lost nothing");
        let text = audit.text();
        let verified = verify(text.as_bytes(), audit.public_key().as_ref()).expect("a whole log");
        let summary = report.audit.as_ref().expect("a summary");
        assert!(verified.passed_through(&summary.at));
        let held = verified.holds_report(&serde_json::to_vec(report).expect("JSON"));
        assert!(held.is_ok(), "{held:?}");
        let (other, _) = &all[(number + 1) % all.len()];
        let other = verified.holds_report(&serde_json::to_vec(other).expect("JSON"));
        assert_eq!(other.err(), Some(Unbound::OtherLog));
        // The seventieth is no longer than the first, and speaks of no other scan.
        assert!(text.len() < 2 * first, "{} after {first} bytes", text.len());
        let other = ids
            .iter()
            .enumerate()
            .find(|(other, id)| *other != number && text.contains(id.as_str()));
        assert_eq!(other, None, "in the log of scan {number}");
        assert!(text.contains(&ids[number]));
    }
}
