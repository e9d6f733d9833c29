//! Parts of the cluster that do nothing: its controllers, its network plugin, its scheduler, its node.
//!
//! Each test stops a part of the lab, which would disturb any other: they run alone, after the others.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use scanner_tests::{
    TestNamespace, eventually,
    part::Stopped,
    program::{COMPLETE, ProgramOutput, probe_image, program},
};
use serde_json::json;
use tokio::process::Child;

use crate::sidecar::{network, nothing_left, run};

/// Ways to scan, the image of their target, and an object that shows that one is under way, and stays to its end.
const WAYS: [(&[&str], &str, &str); 4] = [
    (&["container", "web"], "lab.local/busybox:1", "Role"),
    (&["distroless", "web"], "lab.local/distroless:1", "Role"),
    (&["sidecar", "web"], "lab.local/busybox:1", "Pod"),
    (&["sidecar", "web", "--inert"], "lab.local/busybox:1", "Pod"),
];

/// Seconds of the shortest lease.
const SHORTEST: u64 = 30;
/// Seconds of a lease under which a test does something.
const LONGER: u64 = 90;

fn start(site: &TestNamespace, way: &[&str], lease: u64) -> Child {
    let context = std::env::var("SCANNER_E2E_CONTEXT").expect("context");
    let probe = probe_image();
    let mut args = way.to_vec();
    args.extend(["-n", &site.namespace, "--context", &context]);
    let lease = lease.to_string();
    args.extend(["-o", "json", "--lease", &lease]);
    // The node that does not answer would not run its trial either.
    if way[0] == "distroless" {
        args.push("--no-try-image");
    }
    if way[0] != "container" {
        args.extend(["--probe-image", &probe]);
    }
    program(&args).spawn().expect("it starts")
}

async fn has(site: &TestNamespace, kind: &str) {
    eventually(kind, async || {
        let found = site.leftovers().await;
        found.iter().any(|o| o.starts_with(kind)).then_some(())
    })
    .await;
}

async fn reap(site: &TestNamespace) -> ProgramOutput {
    let context = std::env::var("SCANNER_E2E_CONTEXT").expect("context");
    let args = ["reap", "-n", &site.namespace, "--context", &context];
    let mut command = program(&args);
    command.args(["--grace", "1"]);
    command.output().await.expect("it starts").into()
}

/// Kills a scan in the middle.
async fn kill(site: &TestNamespace, way: &[&str], sign: &str) {
    let mut scan = start(site, way, LONGER);
    has(site, sign).await;
    scan.kill().await.expect("it is killed");
}

#[ignore = "stops the lab's controllers, so it runs alone"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_controllers_scans_clean_up_and_reap_removes_what_killed_ones_left() {
    let mut sites = Vec::new();
    for (nth, (_, image, _)) in WAYS.iter().enumerate() {
        let site = TestNamespace::new(&format!("stopped{nth}")).await;
        site.remove_pod("web").await;
        eventually("the pod is gone", async || {
            let pods = site.api::<k8s_openapi::api::core::v1::Pod>();
            let gone = pods.get_opt("web").await.expect("get").is_none();
            gone.then_some(())
        })
        .await;
        site.pod_of("web", image, "Running").await;
        sites.push(site);
    }
    let (late, ours) = tokio::join!(
        TestNamespace::new("stopped-late"),
        TestNamespace::new("stopped-ours")
    );
    let all = sites.iter().zip(WAYS);
    join_all(all.map(|(site, (way, _, sign))| kill(site, way, sign))).await;
    let killed = Instant::now();
    let going = start(&ours, &["sidecar", "web"], LONGER);
    has(&ours, "Pod").await;
    let controllers = Stopped::part("controllers");

    // One that was under way needs nobody to clean up after it.
    let output: ProgramOutput = going.wait_with_output().await.expect("it ends").into();
    assert!(output.has_findings(COMPLETE), "{output:?}");
    nothing_left(&ours).await;

    // One that comes now makes nothing but its lease, and takes that away.
    let scan = start(&late, &["container", "web"], SHORTEST);
    let output: ProgramOutput = scan.wait_with_output().await.expect("it ends").into();
    assert_eq!(output.code, 3, "{output:?}");
    let hint = output.json()["failure"]["hint"].to_string();
    assert!(hint.contains("Job controller"), "{output:?}");
    nothing_left(&late).await;

    // Those that were killed stay after their leases, and reap takes each object of them.
    let mut left = Vec::new();
    for site in &sites {
        left.push(site.leftovers().await);
    }
    let over = Duration::from_secs(LONGER + 4).saturating_sub(killed.elapsed());
    tokio::time::sleep(over).await;
    for (site, left) in sites.iter().zip(&left) {
        let pods = left.iter().filter(|o| o.starts_with("Pod")).count();
        assert!(left.len() >= 2, "{left:?}");
        assert_eq!(&site.leftovers().await, left, "who removed it?");
        let output = reap(site).await;
        assert_eq!(output.code, 0, "{output:?}");
        let removed = format!("{} removed", left.len());
        assert!(output.out.contains(&removed), "{removed}: {output:?}");
        // A pod takes its time to end.
        site.nothing_left(if pods > 0 { 180 } else { 0 }).await;
    }
    drop(controllers);
    for site in sites.into_iter().chain([late, ours]) {
        site.remove().await;
    }
}

#[ignore = "stops the lab's network plugin, so it runs alone"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_network_plugin_isolation_is_never_said_to_hold() {
    let site = TestNamespace::new("stopped-net").await;
    let plugin = Stopped::part("netpol");
    let reported = run(&site, &["sidecar", "web"]).await;
    assert!(reported.has_findings(COMPLETE), "{reported:?}");
    assert_eq!(
        network(&reported.json())["state"],
        "not_held",
        "{reported:?}"
    );
    let stopped = run(&site, &["sidecar", "web", "--require-isolation"]).await;
    assert_eq!(stopped.code, 3, "{stopped:?}");
    assert_eq!(stopped.json()["findings"], json!([]), "{stopped:?}");
    nothing_left(&site).await;
    drop(plugin);
    eventually("the plugin acts again", async || {
        let output = run(&site, &["sidecar", "web"]).await;
        (network(&output.json())["state"] == "done").then_some(())
    })
    .await;
    site.remove().await;
}

#[ignore = "stops the lab's node, so it runs alone"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scans_of_a_node_that_does_not_answer_end_in_time_and_never_pass() {
    // A scan that meets another one's container in its target reports it, so each has a target of its own.
    let sites = tokio::join!(
        TestNamespace::new("stopped-node1"),
        TestNamespace::new("stopped-node2"),
        TestNamespace::new("stopped-node3")
    );
    let kubelet = Stopped::part("kubelet");
    let begun = Instant::now();
    let ended = async |site: &TestNamespace, way: &[&str]| -> ProgramOutput {
        let scan = start(site, way, SHORTEST);
        let output = scan.wait_with_output().await.expect("it ends").into();
        assert!(begun.elapsed() < Duration::from_mins(3), "{output:?}");
        output
    };
    let (container, distroless, clone) = tokio::join!(
        ended(&sites.0, &["container", "web"]),
        ended(&sites.1, &["distroless", "web"]),
        ended(&sites.2, &["sidecar", "web"]),
    );
    let failure = |output: &ProgramOutput| output.json()["failure"].to_string();
    assert_eq!(container.code, 3, "{container:?}");
    assert!(
        failure(&container).contains("pod's node is Ready"),
        "{container:?}"
    );
    // Its probe may still start, once the node is back.
    assert_eq!(distroless.code, 5, "{distroless:?}");
    assert!(
        failure(&distroless).contains("events of the pod"),
        "{distroless:?}"
    );
    assert_eq!(clone.code, 3, "{clone:?}");
    assert!(
        failure(&clone).contains("lab-node has not taken it up"),
        "{clone:?}"
    );
    for output in [container, distroless, clone] {
        assert_eq!(output.json()["findings"], json!([]), "{output:?}");
    }
    drop(kubelet);
    for site in [sites.0, sites.1, sites.2] {
        site.nothing_left(60).await;
        site.remove().await;
    }
}

#[ignore = "stops the lab's scheduler, so it runs alone"]
#[tokio::test]
async fn a_pod_that_no_node_takes_is_reported_and_removed() {
    let site = TestNamespace::new("stopped-queue").await;
    let scheduler = Stopped::part("scheduler");
    let scan = start(&site, &["sidecar", "web"], SHORTEST);
    let output: ProgramOutput = scan.wait_with_output().await.expect("it ends").into();
    assert_eq!(output.code, 3, "{output:?}");
    let failure = output.json()["failure"].to_string();
    assert!(
        failure.contains("no scheduler has looked at it"),
        "{failure}"
    );
    nothing_left(&site).await;
    drop(scheduler);
    site.remove().await;
}
