//! One pod on a fake cluster, and a scan of it.

use std::{sync::LazyLock, time::Duration};

use secure_scan::{Profile, Scan, TargetSelector, engines::Inline, strategy};
use secure_scan_testing::{FakeCluster, samples};
use serde_json::{Value, json};

pub(crate) fn fake() -> FakeCluster {
    FakeCluster::new()
        .pod(web_pod())
        .answers(samples::healthy())
}

pub(crate) fn web_pod() -> Value {
    json!({
        "metadata": {"namespace": "shop", "name": "web-0"},
        "spec": {"containers": [{"name": "web", "image": "registry.example/web:1"}]},
    })
}

/// Compiled once: that takes longer than a scan.
pub(crate) static PROFILE: LazyLock<Profile> =
    LazyLock::new(|| Profile::shipped("container-baseline").expect("a profile"));

pub(crate) fn template() -> Scan {
    // In a thread of its own, an engine would work while the paused clock runs ahead.
    Scan::template()
        .host(Inline)
        .engine(PROFILE.clone())
        .strategy(strategy::container())
        .lease(Duration::from_mins(2))
}

pub(crate) fn web() -> TargetSelector {
    TargetSelector::pod("shop", "web-0")
}
