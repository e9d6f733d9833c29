//! Agents that send nothing for long: how long a scan waits for them, and how they learn that it no longer does.

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use common::{fake, template, web};
use scanner_core::engines::Inline;
use secure_scan::{FailureKind, Remedy, Scan, ScanReport};
use secure_scan_testing::{Exit, FakeCluster, Script, Target};

async fn scanned(fake: &FakeCluster, scan: Scan) -> ScanReport {
    let cluster = fake.cluster().expect("a cluster");
    let prepared = scan.prepare(&cluster, web()).await;
    prepared.expect("a scan that can be prepared").run().await
}

#[tokio::test(start_paused = true)]
async fn only_the_lease_and_the_idle_timeout_bound_the_silence_of_an_agent() {
    let silence = Duration::from_mins(8);
    let hanging = || {
        let script = Script::new().after_stdin().wait(silence).cut();
        fake().answers(script)
    };
    // Steps of an engine in a thread would let the paused clock run on.
    let scan = || template().host(Inline).lease(Duration::from_mins(10));
    for (scan, kind, remedy, words) in [
        (
            scan(),
            FailureKind::Cut,
            None,
            "unknown until its deadline, at most 600 s after its start",
        ),
        (
            scan().idle_timeout(Duration::from_secs(20)),
            FailureKind::TooLate,
            Some(Remedy::RaiseIdleTimeout),
            "the agent sent nothing for 20 s",
        ),
        (
            scan().lease(Duration::from_mins(5)),
            FailureKind::TooLate,
            Some(Remedy::RaiseLease),
            "the target did not finish in time",
        ),
    ] {
        let fake = hanging();
        let report = scanned(&fake, scan).await;
        let failure = report.failure.expect("a failure");
        assert_eq!(failure.kind, kind, "{failure:?}");
        assert!(failure.message.raw().contains(words), "{failure:?}");
        assert!(
            remedy.is_none() || failure.remedy == remedy,
            "{:?}",
            failure.remedy
        );
        assert!(fake.left().is_empty(), "{:?}", fake.left());
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_is_no_longer_waited_for_sees_the_end_of_its_input() {
    let ended = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&ended);
    let agent = Target::custom(move |mut exec| {
        let seen = Arc::clone(&seen);
        async move {
            exec.stdin_to_end().await;
            let end = exec.line().await;
            seen.store(end.is_none(), Ordering::Relaxed);
            Exit::Code(1)
        }
    });
    let fake = fake().answers(agent);
    let scan = template()
        .host(Inline)
        .idle_timeout(Duration::from_secs(20));
    let report = scanned(&fake, scan).await;
    assert!(report.failure.is_some());
    assert!(ended.load(Ordering::Relaxed), "its input is still open");
}
