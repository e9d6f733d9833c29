//! A pod of the scan's own that takes its time: whoever watches the scan sees what it waits for.

#![expect(clippy::panic, reason = "a helper of a test fails the test")]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use secure_scan::{
    Profile, Scan, TargetSelector,
    engines::Inline,
    event::{Event, Observer},
    strategy::{self, Strategy},
};
use secure_scan_testing::{FakeCluster, Pace, Target, samples};
use serde_json::json;

const PROBE: &str = "registry.example/probe:1";

/// Keeps what is waited for: control, seconds, words.
#[derive(Clone, Default)]
struct Waits(Arc<Mutex<Vec<(String, u64, String)>>>);

impl Observer for Waits {
    fn event(&self, event: &Event) {
        if let Event::ControlWaits { id, seconds, what } = event {
            let wait = (id.clone(), *seconds, what.clone());
            self.0.lock().expect("lock").push(wait);
        }
    }
}

/// What a scan of a cluster whose pods start after `start` waits for.
async fn waits(strategy: impl Into<Strategy>, start: Duration) -> Vec<(String, u64, String)> {
    let fake = FakeCluster::new()
        .pod(json!({
            "metadata": {"namespace": "shop", "name": "web-0"},
            "spec": {
                "securityContext": {"runAsUser": 10001, "runAsGroup": 10001, "runAsNonRoot": true},
                "containers": [{"name": "web", "image": "registry.example/web:1", "securityContext": {
                    "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}],
            },
        }))
        .answers(Target::distroless(samples::healthy()))
        .pace(Pace::instant().start(start));
    let cluster = fake.cluster().expect("a cluster");
    let waits = Waits::default();
    let profile = Profile::shipped("sbom").expect("a profile");
    // In a thread of its own, an engine would work while the paused clock runs ahead.
    let scan = Scan::template()
        .host(Inline)
        .engine(profile)
        .strategy(strategy)
        .observer(waits.clone());
    let target = TargetSelector::pod("shop", "web-0");
    let prepared = scan.prepare(&cluster, target).await;
    let report = prepared
        .unwrap_or_else(|error| panic!("{error:?}"))
        .run()
        .await;
    assert!(fake.left().is_empty(), "{:?}", report.failure);
    waits.0.lock().expect("lock").clone()
}

#[tokio::test(start_paused = true)]
async fn what_a_slow_pod_waits_for_is_reported_while_it_lasts() {
    // The pod of strategy sidecar takes its time twice: before its barrier, and after it.
    let ways: [(Strategy, &str); 3] = [
        (strategy::distroless(PROBE), "image-trial"),
        (strategy::sidecar(PROBE).into(), "network"),
        (strategy::sidecar(PROBE).into(), "pod"),
    ];
    for (way, control) in ways {
        let seen = waits(way, Duration::from_secs(20)).await;
        let own = seen.iter().filter(|(id, ..)| id == control);
        let seconds: Vec<u64> = own.map(|(_, seconds, _)| *seconds).collect();
        assert!(
            seconds.len() >= 2 && seconds.is_sorted() && seconds[0] >= 3,
            "{control}: {seen:?}"
        );
        let named = |what: &str| {
            let starts = ["pod secure-scan-", "ephemeral container secure-scan-"];
            starts.iter().any(|start| what.starts_with(start))
        };
        let named = seen.iter().all(|(.., what)| named(what));
        assert!(named, "{control}: {seen:?}");
    }
    // A probe that was not tried before is waited for in the target's own pod.
    let untried = strategy::ProbeImage::new(PROBE).untried();
    let seen = waits(strategy::distroless(untried), Duration::from_secs(20)).await;
    let seconds: Vec<u64> = seen.iter().map(|(_, seconds, _)| *seconds).collect();
    assert!(seconds.len() >= 2 && seconds.is_sorted(), "{seen:?}");
    let named = |(id, _, what): &(String, u64, String)| {
        id == "probe-ends" && what.ends_with(" starts: ContainerCreating")
    };
    assert!(seen.iter().all(named), "{seen:?}");
    let quick = waits(strategy::distroless(PROBE), Duration::from_secs(1)).await;
    assert!(quick.is_empty(), "{quick:?}");
}
