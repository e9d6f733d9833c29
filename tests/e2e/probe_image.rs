//! The image of the probe is tried before it is added to a running pod, where nothing would remove its entry.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{LimitRange, Pod, ResourceQuota};
use kube::api::PostParams;
use nix::sys::signal::{Signal, kill};
use scanner_tests::{
    TestNamespace, lab_only,
    program::{ProgramOutput, pid, probe_image, program},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    net::{TcpListener, TcpStream},
    process::{Child, Command},
};

use crate::distroless::NON_ROOT;

/// Ephemeral containers of the pod's specification.
async fn entries(site: &TestNamespace, pod: &str) -> usize {
    let pod = site.api::<Pod>().get(pod).await.expect("the pod");
    let spec = pod.spec.unwrap_or_default();
    spec.ephemeral_containers.unwrap_or_default().len()
}

/// A test namespace with a target that has no shell, and a cache of its own.
async fn site(name: &str) -> (TestNamespace, TempDir) {
    let site = TestNamespace::new(name).await;
    site.pod_of("bare", NON_ROOT, "Running").await;
    (site, tempfile::tempdir().expect("a folder"))
}

async fn scan(site: &TestNamespace, cache: &TempDir, image: &str, args: &[&str]) -> ProgramOutput {
    let mut command = command(site, cache, image, args);
    command.output().await.expect("it starts").into()
}

fn command(site: &TestNamespace, cache: &TempDir, image: &str, args: &[&str]) -> Command {
    let context = std::env::var("SCANNER_E2E_CONTEXT").expect("context");
    let mut all = vec!["distroless", "bare", "-n", &site.namespace, "-o", "json"];
    all.extend(["--context", &context, "--probe-image", image]);
    all.extend(args);
    let mut command = program(&all);
    command.env("XDG_CACHE_HOME", cache.path());
    command
}

/// A scan whose node pulls the image of the trial, from a registry that takes the call and does not answer while it is held.
async fn while_tried(site: &TestNamespace, cache: &TempDir) -> (Child, TcpStream) {
    let registry = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = registry.local_addr().expect("address").port();
    let image = format!("localhost:{port}/slow:1");
    let started = command(site, cache, &image, &["--lease", "30"]).spawn();
    let (held, _) = registry.accept().await.expect("the node asks");
    (started.expect("it starts"), held)
}

/// Whether a report says that the image was tried.
fn tried(report: &Value) -> bool {
    let controls = report["controls"].as_array().into_iter().flatten();
    let mut trial = controls.filter(|control| control["id"] == "image-trial");
    let made = trial
        .next()
        .map(|control| control["enforced"]["evidence"].to_string());
    made.is_some_and(|evidence| evidence.contains("pod created"))
}

#[tokio::test]
async fn a_mistyped_image_of_the_probe_leaves_nothing_in_the_target() {
    if lab_only() {
        return;
    }
    let (site, cache) = site("mistyped").await;
    // Nothing listens there, so that the pull fails at once.
    let begun = Instant::now();
    let output = scan(&site, &cache, "127.0.0.1:9/none:1", &[]).await;
    assert_eq!(output.code, 3, "{output:?}");
    assert!(
        begun.elapsed() < Duration::from_mins(2),
        "{:?}",
        begun.elapsed()
    );
    let failure = output.json()["failure"].to_string();
    for words in [
        "127.0.0.1:9/none:1",
        "does not start on node",
        "nothing was added",
        "--probe-image",
    ] {
        assert!(failure.contains(words), "{words}: {output:?}");
    }
    assert_eq!(entries(&site, "bare").await, 0, "{output:?}");
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    let kept = std::fs::read_to_string(cache.path().join("secure-scan/probe-images"));
    assert!(kept.is_err(), "{kept:?}");
    site.remove().await;
}

#[tokio::test]
async fn an_image_that_is_no_probe_leaves_nothing_in_the_target() {
    if lab_only() {
        return;
    }
    let (site, cache) = site("noprogram").await;
    let output = scan(&site, &cache, "lab.local/busybox:1", &[]).await;
    assert_eq!(output.code, 3, "{output:?}");
    let failure = output.json()["failure"].to_string();
    assert!(failure.contains("is an image of the probe"), "{output:?}");
    assert_eq!(entries(&site, "bare").await, 0, "{output:?}");
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test]
async fn a_good_image_of_the_probe_is_tried_once_and_where_that_is_asked_for_never() {
    if lab_only() {
        return;
    }
    let image = probe_image();
    // What is named by a tag is tried each time.
    let by_tag = !image.contains("@sha256:");
    let (site, cache) = site("tried").await;
    let skipped = scan(&site, &cache, &image, &["--no-try-image"]).await;
    assert!(!tried(&skipped.json()), "{skipped:?}");
    let first = scan(&site, &cache, &image, &[]).await;
    assert!(tried(&first.json()), "{first:?}");
    let second = scan(&site, &cache, &image, &[]).await;
    assert_eq!(tried(&second.json()), by_tag, "{second:?}");
    for output in [&skipped, &first, &second] {
        assert!(output.json()["failure"].is_null(), "{output:?}");
        assert_eq!(output.json()["post_scan"]["verified"], true, "{output:?}");
    }
    let file = cache.path().join("secure-scan/probe-images");
    std::fs::write(&file, "broken").expect("written");
    let third = scan(&site, &cache, &image, &[]).await;
    assert!(tried(&third.json()), "{third:?}");
    assert_eq!(entries(&site, "bare").await, 4);
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test]
async fn a_namespace_that_takes_no_pod_of_the_scan_hears_of_the_way_around_the_trial() {
    if lab_only() {
        return;
    }
    let (site, cache) = site("noroom").await;
    site.enforce("restricted").await;
    let quota = json!({"metadata": {"name": "full"}, "spec": {"hard": {"pods": "2"}}});
    let quota: ResourceQuota = serde_json::from_value(quota).expect("quota");
    let made = site.api().create(&PostParams::default(), &quota).await;
    made.expect("quota");
    scanner_tests::eventually("a quota that is counted", async || {
        let now = site.api::<ResourceQuota>().get("full").await.ok()?;
        now.status?.used.filter(|used| !used.is_empty())
    })
    .await;
    let refused = scan(&site, &cache, &probe_image(), &[]).await;
    assert_eq!(refused.code, 3, "{refused:?}");
    let failure = refused.json()["failure"].to_string();
    assert!(failure.contains("--no-try-image"), "{refused:?}");
    assert_eq!(entries(&site, "bare").await, 0, "{refused:?}");
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test]
async fn a_limit_range_is_met_by_the_resources_that_are_asked_for() {
    if lab_only() {
        return;
    }
    let (site, cache) = site("limits").await;
    let limits = json!({"metadata": {"name": "at-least"}, "spec": {"limits": [{
        "type": "Container", "min": {"cpu": "200m", "memory": "192Mi"}, "maxLimitRequestRatio": {"cpu": "2"},
    }]}});
    let limits: LimitRange = serde_json::from_value(limits).expect("limits");
    let made = site.api().create(&PostParams::default(), &limits).await;
    made.expect("limits");
    let refused = scan(&site, &cache, &probe_image(), &[]).await;
    assert_eq!(refused.code, 3, "{refused:?}");
    let failure = refused.json()["failure"].to_string();
    assert!(failure.contains("--probe-resources"), "{refused:?}");
    let given = ["--probe-resources", "cpu=200m:400m,memory=192Mi"];
    let output = scan(&site, &cache, &probe_image(), &given).await;
    assert!(tried(&output.json()), "{output:?}");
    assert!(output.json()["failure"].is_null(), "{output:?}");
    let context = std::env::var("SCANNER_E2E_CONTEXT").expect("context");
    let probe = probe_image();
    let image = [
        "image",
        NON_ROOT,
        "-n",
        &site.namespace,
        "--context",
        &context,
        "--probe-image",
        &probe,
        "-o",
        "json",
    ];
    let refused: ProgramOutput = program(&image).output().await.expect("it starts").into();
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(refused.out.contains("--probe-resources"), "{refused:?}");
    let image = [&image[..], &given].concat();
    let read: ProgramOutput = program(&image).output().await.expect("it starts").into();
    assert!(read.json()["failure"].is_null(), "{read:?}");
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test]
async fn an_interrupt_while_the_image_is_tried_leaves_nothing() {
    if lab_only() {
        return;
    }
    let (site, cache) = site("trial-signal").await;
    let (child, held) = while_tried(&site, &cache).await;
    kill(pid(&child), Signal::SIGINT).expect("signal");
    let output = ProgramOutput::from(child.wait_with_output().await.expect("it ends"));
    assert_eq!(site.leftovers().await, Vec::<String>::new(), "{output:?}");
    assert_eq!(output.code, 3, "{output:?}");
    let report = output.json();
    assert_eq!(report["failure"]["interrupted"], true, "{output:?}");
    assert_eq!(report["post_scan"]["verified"], true, "{output:?}");
    assert_eq!(entries(&site, "bare").await, 0, "{output:?}");
    drop(held);
    site.remove().await;
}

#[tokio::test]
async fn after_a_kill_while_the_image_is_tried_the_lease_removes_its_pod() {
    if lab_only() {
        return;
    }
    let (site, cache) = site("trial-kill").await;
    let (mut child, held) = while_tried(&site, &cache).await;
    child.kill().await.expect("killed");
    let left = site.leftovers().await;
    let kinds: Vec<&str> = left.iter().filter_map(|o| o.split(' ').next()).collect();
    assert_eq!(kinds, ["Job", "Pod"], "{left:?}");
    // The node ends no pod whose image it pulls, and gives this registry up after half a minute.
    site.nothing_left(90).await;
    drop(held);
    assert_eq!(entries(&site, "bare").await, 0);
    site.remove().await;
}
