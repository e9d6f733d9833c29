//! Tests of scans that run in tasks of their own, over work that stands for a scan.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use scanner_core::event::Event;

use super::*;

pub(super) fn plan() -> ScanPlan {
    serde_json::from_value(serde_json::json!({
        "scan_id": "0123456789",
        "target": {
            "namespace": "shop", "pod": "web-0", "pod_uid": "u", "container": "web", "container_id": "c",
            "image": "i", "image_id": "i", "node": "n", "restarts": 0
        },
        "strategy": "container", "profile": "p 1", "lease_seconds": 300,
        "objects": [{
            "api_version": "batch/v1", "kind": "Job", "namespace": "shop", "name": "secure-scan-0123456789",
            "purpose": "lease"
        }],
        "rules": [], "commands": [], "controls": []
    }))
    .unwrap()
}

/// Starts work that creates something, runs for `work` or until it is stopped, and takes `cleanup` to release.
fn start(work: Duration, cleanup: Duration, released: Arc<AtomicBool>) -> Running {
    Running::start(plan(), None, move |tap, interrupt| async move {
        tap.event(&Event::StageStarted(Stage::Enforce));
        let reason = tokio::time::timeout(work, interrupt.wait()).await;
        tap.event(&Event::StageStarted(Stage::Release));
        tokio::time::sleep(cleanup).await;
        released.store(true, Ordering::SeqCst);
        let reason = reason.unwrap_or_else(|_| "nothing".into());
        let failure = Failure::new(Stage::Collect, FailureKind::Interrupted, reason);
        let mut report = ScanReport::new(plan(), Verdict::Failed);
        report.failure = Some(failure);
        report
    })
}

const LONG: Duration = Duration::from_hours(1);
const SHORT: Duration = Duration::from_millis(100);

#[tokio::test(start_paused = true)]
async fn a_timeout_around_a_scan_leaves_nothing_behind() {
    let released = Arc::new(AtomicBool::new(false));
    let running = start(LONG, SHORT, Arc::clone(&released));
    let stop = running.stop();
    let began = tokio::time::Instant::now();
    let waited = tokio::time::timeout(Duration::from_secs(1), running.into_future()).await;
    assert!(waited.is_err());
    stop.ended().await;
    assert!(released.load(Ordering::SeqCst));
    // Without the stop it would have gone on for an hour.
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn a_detached_scan_runs_to_its_end() {
    let released = Arc::new(AtomicBool::new(false));
    let running = start(Duration::from_secs(30), SHORT, Arc::clone(&released));
    let stop = running.stop();
    running.detach();
    tokio::time::sleep(Duration::from_secs(29)).await;
    assert!(!released.load(Ordering::SeqCst));
    stop.ended().await;
    assert!(released.load(Ordering::SeqCst));
}

#[tokio::test(start_paused = true)]
async fn a_stop_within_a_time_says_what_would_be_left() {
    let released = Arc::new(AtomicBool::new(false));
    let (_, stop, report) = start(LONG, Duration::from_secs(30), released).split();
    tokio::task::yield_now().await;
    let left = stop.within(Duration::from_secs(20), "SIGTERM").await;
    let left = left.unwrap_err();
    assert_eq!(left.stage, Some(Stage::Release));
    let text = left.to_string();
    assert!(text.contains("Job secure-scan-0123456789"), "{text}");
    // It goes on releasing, and the report has the first reason.
    stop.now("another");
    let report = report.await;
    assert_eq!(report.failure.unwrap().message.raw(), "SIGTERM");
    let again = stop.within(Duration::ZERO, "x").await;
    assert_eq!(again, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_scan_that_has_created_nothing_leaves_nothing() {
    let running = Running::start(plan(), None, |_, _| std::future::pending());
    let left = running.stop().within(SHORT, "SIGTERM").await.unwrap_err();
    assert_eq!((left.objects.len(), left.removed_by), (0, None));
    assert!(left.to_string().contains("has created nothing"), "{left}");
}

#[test]
fn what_would_be_left_begins_with_the_first_control() {
    let (stop, control) = Stop::new(&plan());
    let objects = |stage| {
        control.progress().stage(stage);
        stop.would_leave().objects.len()
    };
    assert_eq!(objects(Stage::Gate), 0);
    assert_eq!(objects(Stage::Enforce), 1);
    assert_eq!(objects(Stage::VerifyRelease), 1);
}

#[tokio::test(start_paused = true)]
async fn the_stream_of_events_ends_with_the_scan_and_does_not_hold_it_up() {
    let running = start(SHORT, SHORT, Arc::default());
    let (mut events, _, report) = running.split();
    assert_eq!(report.await.verdict, Verdict::Failed);
    let mut seen = Vec::new();
    while let Some(event) = events.next().await {
        seen.push((event.sequence, event.event));
    }
    let stages = [Stage::Enforce, Stage::Release].map(Event::StageStarted);
    assert_eq!(seen, (0..).zip(stages).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_report_comes_even_where_the_task_panicked() {
    let running = Running::start(plan(), None, |_, _| async { panic!("bug") });
    let stop = running.stop();
    let report = running.await;
    assert_eq!(report.verdict, Verdict::CleanupUnverified);
    assert_eq!(report.failure.unwrap().kind, FailureKind::Internal);
    stop.ended().await;
}

#[test]
fn a_scan_outside_of_a_runtime_is_a_failed_one() {
    let running = Running::start(plan(), None, |_, _| std::future::pending());
    let report = futures_util::FutureExt::now_or_never(running.into_future()).unwrap();
    assert_eq!(report.verdict, Verdict::Failed);
    let hint = report.failure.unwrap().hint.unwrap();
    assert!(hint.contains("tokio runtime"), "{hint}");
}

#[test]
fn the_handles_of_a_scan_can_go_to_any_task() {
    fn anywhere<T: Send + 'static>() {}
    anywhere::<Running>();
    anywhere::<Report>();
    anywhere::<Events>();
    anywhere::<Stop>();
}
