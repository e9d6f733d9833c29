//! Two scans as one: where either cannot be made, nothing is created for the other.

mod common;

use common::{fake, template, web, web_pod};
use secure_scan::{
    CompletedScan, DriftScan, Level, Policy, PrepareError, PreparedPair, Scan, ScanPolicy, Verdict,
    Via,
};
use secure_scan_testing::{FakeCluster, Fault, samples};

const PROBE: &str = "registry.example/probe:1";

fn completed(scan: Scan) -> CompletedScan {
    scan.complete_from_image(PROBE)
}

/// Level strict, which does not accept the evidence of strategy container, without an identity namespace.
fn strict() -> ScanPolicy {
    let mut policy = Policy::shipped(Level::Strict).expect("a policy");
    policy.require_controls.clear();
    assert!(policy.allow_evidence.is_empty());
    policy.into()
}

/// What was created, but for reviews of rights, which are answered and kept nowhere, and events.
fn created(fake: &FakeCluster) -> Vec<String> {
    let calls = fake.calls().into_iter();
    let created = calls.filter(|call| call.verb == "create" && call.resource != "events");
    let created = created.filter(|call| !call.resource.ends_with("reviews"));
    created.map(|call| call.to_string()).collect()
}

async fn refused(fake: &FakeCluster, prepared: Result<PreparedPair, PrepareError>) {
    let prepared = prepared.expect("a refusal of gates is no error");
    let gates = prepared.refusal().expect("it is refused");
    let why = format!("{gates:?}");
    assert_eq!(gates.len(), 1, "{why}");
    assert_eq!(gates[0].id, "evidence-independent", "{why}");
    let report = prepared.run().await;
    assert_eq!(report.verdict, Verdict::GateAborted);
    assert_eq!(report.plan.strategy, "container");
    assert!(report.image_scan.is_none());
    assert_eq!(created(fake), Vec::<String>::new());
    // The alert of the gate is all that is there.
    let mut left = fake.left().into_iter();
    assert!(left.all(|object| object.kind == "Event"));
}

#[tokio::test(start_paused = true)]
async fn no_image_is_read_where_the_gates_refuse_the_container() {
    let mut pod = web_pod();
    let digest = "a".repeat(64);
    pod["spec"]["containers"][0]["image"] = format!("registry.example/web@sha256:{digest}").into();
    let fake = FakeCluster::new().pod(pod).answers(samples::healthy());
    let cluster = fake.cluster().expect("a cluster");
    let scan = completed(template().policy(strict()));
    refused(&fake, scan.prepare(&cluster, web()).await).await;
    let drift = DriftScan::new(PROBE).via(Via::Container).policy(strict());
    refused(&fake, drift.prepare(&cluster, web()).await).await;
}

#[tokio::test(start_paused = true)]
async fn a_container_that_is_replaced_while_both_scans_are_planned_is_an_error() {
    for plans in [false, true] {
        // Which of the reads is the first of the second plan, nobody needs to know.
        let mut replaced = 0;
        for number in 2..8 {
            let replace = Fault::on("get", "pods").nth(number).doing(|fake| {
                assert!(fake.restart("shop", "web-0", "web"));
            });
            let fake = fake().fault(replace);
            let cluster = fake.cluster().expect("a cluster");
            let scan = completed(template());
            let error = if plans {
                scan.plan_in(cluster.begin(), web()).await.err()
            } else {
                scan.prepare(&cluster, web()).await.err()
            };
            assert_eq!(created(&fake), Vec::<String>::new());
            let Some(error) = error else { continue };
            assert!(error.to_string().contains("was replaced"), "{error}");
            assert!(error.remedy().is_some());
            replaced += 1;
        }
        assert!(
            replaced > 0,
            "no read of the second plan saw another container"
        );
    }
}
