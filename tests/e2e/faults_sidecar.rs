//! The same faults and kills for the pods of the scan's own: clone, inert image, image that runs nowhere.

use crate::faults::{Way, every_call, killed_at_every_call};

/// Calls for the pod and its isolation. What strategy `container` does too is broken in one mode each.
fn own(what: &str) -> bool {
    what.contains("/pods") || what.contains("/networkpolicies")
}

const CLONE: Way = Way {
    verdict: "findings",
    name: "clone",
    args: &["sidecar", "POD", "--require-isolation"],
    image: "lab.local/busybox:1",
    probe: true,
    // The target's pod stays as it is.
    own_pod: false,
    lease: 60,
    at_once: 4,
    load: 2,
    few: 1,
    kills: 1,
    picks: |call, what| own(what) || call % 3 == 0,
};

const INERT: Way = Way {
    name: "inert",
    // The probe's user may not read everything.
    verdict: "incomplete",
    args: &["sidecar", "POD", "--inert", "--require-isolation"],
    picks: |call, what| own(what) || call % 3 == 1,
    ..CLONE
};

const IMAGE: Way = Way {
    name: "image",
    // The probe's user may not read everything.
    verdict: "incomplete",
    args: &["image", "lab.local/busybox:1", "--require-isolation"],
    picks: |call, what| own(what) || call % 3 == 2,
    ..CLONE
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_of_the_scan_s_own_survives_a_fault_at_every_call() {
    tokio::join!(every_call(&CLONE), every_call(&INERT), every_call(&IMAGE));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_of_the_scan_s_own_leaves_nothing_after_the_lease_when_killed_at_every_call() {
    tokio::join!(
        killed_at_every_call(&CLONE),
        killed_at_every_call(&INERT),
        killed_at_every_call(&IMAGE)
    );
}
