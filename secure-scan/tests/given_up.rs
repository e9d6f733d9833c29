//! Scans that nobody waits for any more: a timeout around them, or a drop, leaves nothing in the cluster.

mod common;

use std::{future::IntoFuture as _, time::Duration};

use common::{PROFILE, fake, template, web};
use secure_scan::{ObjectMetadata, PreparedScan, guard};
use secure_scan_testing::{FakeCluster, Fault};
use tokio::time::timeout;

async fn prepared(fake: &FakeCluster) -> PreparedScan {
    let cluster = fake.cluster().expect("a cluster");
    let scan = template().prepare(&cluster, web()).await;
    scan.expect("a scan that can be prepared")
}

fn assert_nothing_left(fake: &FakeCluster, after: Duration) {
    assert!(fake.left().is_empty(), "after {after:?}: {:?}", fake.left());
    assert!(
        fake.tokens().iter().all(|token| !token.valid),
        "after {after:?}"
    );
}

/// From before the first object to the wait for the refusal of the token.
fn moments() -> impl Iterator<Item = Duration> {
    let early = (0..16).map(|n| Duration::from_millis(3 * n));
    early.chain((1..=11).step_by(2).map(Duration::from_secs))
}

#[tokio::test(start_paused = true)]
async fn a_timeout_around_a_running_scan_leaves_nothing() {
    let mut held_something = 0;
    for after in moments() {
        let fake = fake();
        let running = prepared(&fake).await.spawn();
        let stop = running.stop();
        let begun = fake.elapsed();
        if timeout(after, running.into_future()).await.is_ok() {
            continue;
        }
        held_something += usize::from(!fake.left().is_empty());
        // Long before the lease would remove anything.
        timeout(Duration::from_mins(1), stop.ended())
            .await
            .expect("an end");
        assert_nothing_left(&fake, after);
        assert!(fake.elapsed() < begun + Duration::from_secs(75));
    }
    assert!(held_something > 5, "the timeouts came too early to matter");
}

#[tokio::test(start_paused = true)]
async fn a_timeout_around_the_shortest_scan_leaves_nothing() {
    for after in moments() {
        let fake = fake();
        let cluster = fake.cluster().expect("a cluster");
        let scan = secure_scan::scan(&cluster, web(), PROFILE.clone());
        let _ = timeout(after, scan).await;
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert_nothing_left(&fake, after);
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_a_running_scan_leaves_nothing() {
    let mut held_something = false;
    for after in moments() {
        let fake = fake();
        let running = prepared(&fake).await.spawn();
        tokio::time::sleep(after).await;
        held_something |= !fake.left().is_empty();
        drop(running);
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert_nothing_left(&fake, after);
    }
    assert!(held_something, "the drops came too early to matter");
}

#[tokio::test(start_paused = true)]
async fn a_prepared_scan_that_is_dropped_has_written_nothing() {
    let fake = fake();
    drop(prepared(&fake).await);
    let calls = fake.calls();
    let writes = calls.iter().filter(|call| {
        let asks = call.resource.contains("reviews");
        !asks && !matches!(call.verb.as_str(), "get" | "list" | "watch")
    });
    assert_eq!(writes.count(), 0, "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn a_test_of_the_guard_that_is_dropped_leaves_nothing() {
    let mut held_something = false;
    for after in moments() {
        // The guard's own words, by which it is found before anything is tried.
        let words = "denied request: secure-scan guard: the token of a scan identity is mounted into no pod";
        let guarded = Fault::on("create", "serviceaccounts").nth(1);
        let fake = fake().fault(guarded.status_with(403, words));
        let segment = fake.cluster().expect("a cluster").begin();
        let target = web();
        let metadata = ObjectMetadata::default();
        let test = guard::test(&segment, &target, None, &metadata, std::future::pending());
        if timeout(after, test).await.is_ok() {
            continue;
        }
        held_something |= !fake.left().is_empty();
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert_nothing_left(&fake, after);
    }
    assert!(held_something, "the drops came too early to matter");
}
