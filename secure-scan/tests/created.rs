//! What is created while a scan ends: it is waited for, deleted, and seen to be gone.

mod common;

use std::{future::IntoFuture as _, time::Duration};

use common::{fake, template, web};
use secure_scan::{
    ControlError, ControlScope, Evidence, ScanReport, SecurityControl, Verdict, async_trait,
    control::VerifyError, engines::Inline, plan::PlannedControl, strategy,
};
use secure_scan_testing::{FakeCluster, Fault, Target, samples};
use serde_json::json;

/// A control that creates one object and leaves its deletion to the scope.
struct Ticket;

#[async_trait]
impl SecurityControl for Ticket {
    fn id(&self) -> &'static str {
        "acme-ticket"
    }

    fn plan(&self) -> PlannedControl {
        PlannedControl::new(self.id(), "A ticket")
    }

    async fn enforce(&self, scope: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        let manifest = json!({"apiVersion": "v1", "kind": "ConfigMap"});
        scope
            .create(manifest)
            .await
            .map(|made| Evidence::of(made.to_string()))
    }

    async fn verify(&self, _: &ControlScope<'_>) -> Result<Evidence, VerifyError> {
        Ok(Evidence::of("it is there"))
    }
}

fn assert_deleted(fake: &FakeCluster, report: &ScanReport) {
    assert!(fake.left().is_empty(), "{:?}", fake.left());
    assert_eq!(report.verdict, Verdict::Failed, "{report:#?}");
}

#[tokio::test(start_paused = true)]
async fn an_object_whose_creation_was_interrupted_is_deleted() {
    let slow = Fault::on("create", "configmaps").delay(Duration::from_secs(8));
    let fake = fake().fault(slow);
    let cluster = fake.cluster().expect("a cluster");
    let scan = template().control(Ticket).prepare(&cluster, web()).await;
    let running = scan.expect("a scan that can be prepared").spawn();
    let stop = running.stop();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let asked = |call: &secure_scan_testing::Call| call.resource == "configmaps";
    assert!(
        fake.calls().iter().any(asked),
        "it came too early to matter"
    );
    stop.now("a test");
    assert_deleted(&fake, &running.into_future().await);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_came_otherwise_than_asked_is_deleted() {
    for path in ["labels", "ownerReferences"] {
        let fake = fake().admission(move |_, object| {
            if object["kind"] == "ConfigMap" {
                object["metadata"][path] = json!(null);
            }
            Ok(())
        });
        let cluster = fake.cluster().expect("a cluster");
        let scan = template().control(Ticket).prepare(&cluster, web()).await;
        let report = scan.expect("a scan that can be prepared").spawn().await;
        assert_deleted(&fake, &report);
        let failure = report.failure.expect("a failure").message;
        assert!(failure.raw().contains("came with"), "{failure}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_whose_addition_was_interrupted_is_reported_as_it_is() {
    let slow = Fault::on("patch", "pods/ephemeralcontainers").delay(Duration::from_secs(12));
    let fake = FakeCluster::new()
        .pod(common::web_pod())
        .answers(Target::distroless(samples::healthy()))
        .fault(slow);
    let cluster = fake.cluster().expect("a cluster");
    let way = strategy::distroless("registry.example/probe:1");
    let scan = template().strategy(way).prepare(&cluster, web()).await;
    let running = scan.expect("a scan that can be prepared").spawn();
    let stop = running.stop();
    tokio::time::sleep(Duration::from_secs(3)).await;
    stop.now("a test");
    let report = running.into_future().await;
    let pod = fake.get("pods", "shop", "web-0").expect("the pod");
    let added = pod["spec"]["ephemeralContainers"].as_array();
    assert_eq!(added.map_or(0, Vec::len), 1, "it came too early to matter");
    let text = serde_json::to_string(&report.controls).expect("JSON");
    assert!(!text.contains("did not add"), "{text}");
    assert!(text.contains("its entry stays"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_cannot_be_deleted_keeps_its_isolation() {
    let fake = FakeCluster::new()
        .pod(common::web_pod())
        .answers(Target::distroless(samples::healthy()))
        .fault(Fault::on("delete", "pods").status(503));
    let cluster = fake.cluster().expect("a cluster");
    let way = strategy::sidecar("registry.example/probe:1");
    let scan = template().host(Inline).strategy(way);
    let scan = scan.prepare(&cluster, web()).await;
    let report = scan.expect("a scan that can be prepared").spawn().await;
    assert_eq!(report.verdict, Verdict::CleanupUnverified);
    let left: Vec<String> = fake.left().into_iter().map(|object| object.kind).collect();
    for kind in ["Pod", "NetworkPolicy", "Job"] {
        assert!(left.iter().any(|other| other == kind), "{kind}: {left:?}");
    }
}
