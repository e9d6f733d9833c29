//! The image of the probe is tried in a pod of the scan's own before it is added to the target's pod.

#![expect(clippy::panic, reason = "a helper of a test fails the test")]

use std::{sync::Arc, time::Duration};

use secure_scan::{
    Cluster, FailureKind, ImageMemory, Level, Policy, PrepareErrorKind, ProbeImage, Profile,
    Remedy, Scan, ScanPlan, ScanReport, TargetSelector, TriedImage, Verdict,
    engines::Inline,
    rights::rights,
    strategy::{self, Strategy},
};
use secure_scan_testing::{FakeCluster, Fault, Pace, Target, samples};
use serde_json::{Value, json};

const BY_TAG: &str = "registry.example/probe:1";

fn by_digest() -> String {
    format!("registry.example/probe@sha256:{}", "1".repeat(64))
}

fn fake() -> FakeCluster {
    FakeCluster::new()
        .pod(json!({
            "metadata": {"namespace": "shop", "name": "web-0"},
            "spec": {
                "imagePullSecrets": [{"name": "registry"}],
                "securityContext": {"runAsUser": 10001, "runAsGroup": 10001, "runAsNonRoot": true},
                "containers": [{"name": "web", "image": "registry.example/web:1", "securityContext": {
                    "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}],
            },
        }))
        .answers(Target::distroless(samples::healthy()))
}

fn template(strategy: impl Into<Strategy>) -> Scan {
    let profile = Profile::shipped("sbom").expect("a profile");
    // In a thread of its own, an engine would work while the paused clock runs ahead.
    Scan::template()
        .host(Inline)
        .engine(profile)
        .strategy(strategy)
}

fn web() -> TargetSelector {
    TargetSelector::pod("shop", "web-0")
}

async fn plan(cluster: &Cluster, scan: &Scan) -> ScanPlan {
    let plan = scan.plan_in(cluster.begin(), web()).await;
    plan.unwrap_or_else(|error| panic!("{error:?}"))
}

async fn scan(cluster: &Cluster, scan: &Scan) -> ScanReport {
    let prepared = scan.prepare(cluster, web()).await;
    let prepared = prepared.unwrap_or_else(|error| panic!("{error:?}"));
    prepared.run().await
}

fn made_pods(fake: &FakeCluster) -> usize {
    let calls = fake.calls().into_iter();
    calls
        .filter(|call| call.verb == "create" && call.resource == "pods")
        .count()
}

/// Whether the plan has the pod and the control that makes it: both or none.
fn tries(plan: &ScanPlan) -> bool {
    let pod = plan.objects.iter().any(|object| object.kind == "Pod");
    let mut controls = plan.controls.iter();
    let control = controls.any(|control| control.id == "image-trial");
    assert_eq!(pod, control);
    pod
}

/// Whether anybody asked for an ephemeral container.
fn touched(fake: &FakeCluster) -> bool {
    let calls = fake.calls().into_iter();
    calls
        .into_iter()
        .any(|call| call.resource.contains("ephemeral"))
}

#[tokio::test(start_paused = true)]
async fn a_good_image_is_tried_once_for_a_digest_and_a_node() {
    let (fake, image) = (fake(), by_digest());
    let cluster = fake.cluster().expect("a cluster");
    let by_probe = template(strategy::distroless(image.clone()));
    assert!(tries(&plan(&cluster, &by_probe).await));
    assert_eq!(made_pods(&fake), 0, "a plan writes nothing");
    let first = scan(&cluster, &by_probe).await;
    assert!(first.failure.is_none(), "{:#?}", first.failure);
    assert!(first.post_scan.expect("an audit").verified);
    assert_eq!(made_pods(&fake), 1);
    assert!(fake.left().is_empty(), "{:?}", fake.left());
    let again = plan(&cluster, &by_probe).await;
    assert!(!tries(&again));
    let known = again
        .objects
        .iter()
        .any(|o| o.purpose.contains("started on this node before"));
    assert!(known, "{:#?}", again.objects);
    let second = scan(&cluster, &by_probe).await;
    assert!(second.failure.is_none(), "{:#?}", second.failure);
    assert_eq!(made_pods(&fake), 1);
    assert!(tries(
        &plan(&fake.cluster().expect("another"), &by_probe).await
    ));
}

#[tokio::test(start_paused = true)]
async fn an_image_that_no_longer_starts_is_tried_again_by_the_next_scan() {
    let (fake, image) = (fake(), by_digest());
    let cluster = fake.cluster().expect("a cluster");
    let by_probe = template(strategy::distroless(image.clone()));
    let good = scan(&cluster, &by_probe).await;
    assert!(good.failure.is_none(), "{:#?}", good.failure);
    let fake = fake.unpullable(&image);
    let first = scan(&cluster, &by_probe).await;
    let failure = first.failure.expect("a failure");
    assert_eq!(failure.kind, FailureKind::NotStarted);
    assert_eq!(made_pods(&fake), 1, "the trial of before counted");
    let second = scan(&cluster, &by_probe).await;
    let failure = second.failure.expect("a failure").message;
    assert_eq!(made_pods(&fake), 2, "{failure:?}");
    let nothing = "nothing was added to the target's pod";
    assert!(failure.raw().contains(nothing), "{failure:?}");
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_requires_the_trial_has_it_made_in_each_scan() {
    let (fake, image) = (fake(), by_digest());
    let cluster = fake.cluster().expect("a cluster");
    let by_probe = template(strategy::distroless(image));
    let first = scan(&cluster, &by_probe).await;
    assert!(evidence(&first).contains("is gone"), "{first:#?}");
    let remembered = scan(&cluster, &by_probe).await;
    assert_eq!(evidence(&remembered), "None");
    let plan = serde_json::to_string(&remembered.plan).expect("a plan");
    assert!(plan.contains("is not tried again"), "{plan}");
    assert_eq!(made_pods(&fake), 1);
    let mut policy = Policy::shipped(Level::Baseline).expect("a policy");
    policy.require_controls = ["image-trial".to_owned()].into();
    let strict = by_probe.policy(policy);
    for pods in 2..=3 {
        let report = scan(&cluster, &strict).await;
        assert!(report.failure.is_none(), "{:#?}", report.failure);
        let evidence = evidence(&report);
        assert!(evidence.contains("pod created"), "{evidence}");
        assert_eq!(made_pods(&fake), pods);
    }
}

/// What the report says that the trial did.
fn evidence(report: &ScanReport) -> String {
    let mut controls = report.controls.iter();
    let trial = controls.find(|control| control.id == "image-trial");
    format!("{trial:?}")
}

#[tokio::test(start_paused = true)]
async fn a_trial_with_pull_secrets_that_the_target_does_not_have_is_not_remembered() {
    let fake = fake().admission(|_, object| {
        if object["kind"] == "Pod" && object["spec"]["activeDeadlineSeconds"].is_u64() {
            object["spec"]["imagePullSecrets"] = json!([{"name": "registry"}, {"name": "account"}]);
        }
        Ok(())
    });
    let cluster = fake.cluster().expect("a cluster");
    for pods in 1..=2 {
        let report = scan(&cluster, &template(strategy::distroless(by_digest()))).await;
        assert!(report.failure.is_none(), "{:#?}", report.failure);
        let evidence = evidence(&report);
        assert!(evidence.contains("other pull secrets"), "{evidence}");
        assert_eq!(made_pods(&fake), pods);
    }
}

#[tokio::test(start_paused = true)]
async fn a_trial_whose_image_somebody_replaced_shows_nothing() {
    let slow = Pace::instant().start(Duration::from_secs(5));
    let fake = fake().pace(slow);
    let cluster = fake.cluster().expect("a cluster");
    let by_probe = template(strategy::distroless(by_digest()));
    let replace = async {
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let mut left = fake.left().into_iter();
            if let Some(pod) = left.find(|object| object.kind == "Pod") {
                fake.edit("pods", "shop", &pod.name, |pod| {
                    pod["spec"]["containers"][0]["image"] = json!("registry.example/other:1");
                });
                return;
            }
        }
    };
    let (report, ()) = tokio::join!(scan(&cluster, &by_probe), replace);
    let message = report.failure.expect("a failure").message;
    assert!(message.raw().contains("another image"), "{message:?}");
    assert!(!touched(&fake) && fake.left().is_empty());
    assert!(tries(&plan(&cluster, &by_probe).await), "not remembered");
}

#[tokio::test(start_paused = true)]
async fn a_pod_of_the_trial_that_does_not_go_keeps_the_probe_out_of_the_target() {
    let fake = fake().admission(|_, object| {
        if object["kind"] == "Pod" && object["spec"]["activeDeadlineSeconds"].is_u64() {
            object["metadata"]["finalizers"] = json!(["example.org/kept"]);
        }
        Ok(())
    });
    let cluster = fake.cluster().expect("a cluster");
    let report = scan(&cluster, &template(strategy::distroless(BY_TAG))).await;
    let message = report.failure.expect("a failure").message;
    assert!(message.raw().contains("did not end"), "{message:?}");
    assert!(!touched(&fake));
    assert_eq!(report.verdict, Verdict::CleanupUnverified);
}

#[tokio::test(start_paused = true)]
async fn an_image_by_tag_is_tried_each_time_and_one_that_nobody_wants_tried_never() {
    for (image, pods) in [
        (ProbeImage::new(BY_TAG), 2),
        (ProbeImage::new(BY_TAG).untried(), 0),
        (ProbeImage::new(by_digest()).untried(), 0),
    ] {
        let fake = fake();
        let cluster = fake.cluster().expect("a cluster");
        let template = template(strategy::distroless(image.clone()));
        for _ in 0..2 {
            let report = scan(&cluster, &template).await;
            assert!(report.failure.is_none(), "{:#?}", report.failure);
        }
        assert_eq!(made_pods(&fake), pods, "{image:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_that_cannot_be_pulled_leaves_nothing_in_the_target() {
    // `auto` had the token of its scan by strategy container before.
    let ways: [(Strategy, usize); 2] = [
        (strategy::distroless(BY_TAG), 0),
        (strategy::auto().probe_image(BY_TAG).into(), 1),
    ];
    for (way, tokens) in ways {
        let fake = fake().unpullable(BY_TAG);
        let cluster = fake.cluster().expect("a cluster");
        let report = scan(&cluster, &template(way)).await;
        assert_eq!(report.verdict, Verdict::Failed, "{:#?}", report.failure);
        assert_eq!(report.verdict.exit_code(), 3);
        let failure = report.failure.expect("a failure");
        assert_eq!(failure.kind, FailureKind::NotStarted);
        assert_eq!(failure.remedy, Some(Remedy::PullProbeImage));
        let message = failure.message.raw();
        for words in [BY_TAG, "not found", "nothing was added to the target's pod"] {
            assert!(message.contains(words), "{words}: {message}");
        }
        assert!(!touched(&fake));
        assert!(fake.left().is_empty(), "{:?}", fake.left());
        let took: f64 = report.timings.iter().map(|stage| stage.seconds).sum();
        assert!(took < 20.0, "{:?}", report.timings);
        let audit = report.post_scan.expect("an audit");
        assert!(audit.verified, "{audit:#?}");
        assert_eq!(
            fake.tokens().len(),
            tokens,
            "it is tried before there is an identity"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_keeps_the_pod_out_is_named_with_the_way_around_it() {
    let limits =
        "pods \"x\" is forbidden: minimum memory usage per Container is 1Gi, but request is 16Mi";
    let quota = "pods \"x\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=9, limited: pods=9";
    for (words, remedy) in [
        (quota, Remedy::AllowImageTrial),
        (limits, Remedy::SetProbeResources),
        (
            "admission webhook \"x\" denied the request",
            Remedy::LabelOrExempt,
        ),
    ] {
        let fake = fake().admission(move |_, object| {
            if object["kind"] == "Pod" && object["spec"]["activeDeadlineSeconds"].is_u64() {
                return Err(words.to_owned());
            }
            Ok(())
        });
        let cluster = fake.cluster().expect("a cluster");
        let report = scan(&cluster, &template(strategy::distroless(BY_TAG))).await;
        let failure = report.failure.expect("a failure");
        assert_eq!(failure.remedy, Some(remedy), "{failure:#?}");
        assert!(!touched(&fake) && fake.left().is_empty());
        let untried = template(strategy::distroless(ProbeImage::new(BY_TAG).untried()));
        let report = scan(&cluster, &untried).await;
        assert!(report.failure.is_none(), "{:#?}", report.failure);
    }
}

#[tokio::test(start_paused = true)]
async fn an_operator_who_may_create_no_pods_hears_how_to_do_without() {
    let untried = strategy::distroless(ProbeImage::new(BY_TAG).untried());
    let needed = rights(std::slice::from_ref(&untried), false);
    let rules: Vec<Value> = needed[0]
        .rules
        .iter()
        .map(|rule| json!({"apiGroups": rule.api_groups, "resources": rule.resources, "verbs": rule.verbs}))
        .collect();
    let fake = fake().operator("tester", Some("shop"), &json!(rules));
    let cluster = fake.cluster_of("tester").expect("a cluster");
    let refused = template(strategy::distroless(BY_TAG))
        .prepare(&cluster, web())
        .await;
    let Err(error) = refused else {
        panic!("no right to create pods");
    };
    assert_eq!(error.kind(), PrepareErrorKind::Forbidden);
    assert_eq!(error.remedy(), Some(Remedy::AllowImageTrial));
    let report = scan(&cluster, &template(untried)).await;
    assert!(report.failure.is_none(), "{:#?}", report.failure);
    let fewer = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]);
    let cluster = fake
        .operator("reader", Some("shop"), &fewer)
        .cluster_of("reader");
    let cluster = cluster.expect("a cluster");
    let refused = template(strategy::distroless(BY_TAG))
        .prepare(&cluster, web())
        .await;
    let remedy = refused.err().and_then(|error| error.remedy());
    assert_eq!(
        remedy,
        Some(Remedy::AskAdministrator),
        "more than the trial is missing"
    );
}

#[tokio::test(start_paused = true)]
async fn a_trial_that_meets_a_fault_at_any_call_leaves_nothing_after_its_lease() {
    let whole = fake();
    let cluster = whole.cluster().expect("a cluster");
    let report = scan(&cluster, &template(strategy::distroless(BY_TAG))).await;
    assert!(report.failure.is_none(), "{:#?}", report.failure);
    for number in 1..=whole.call_count() {
        for fault in [
            Fault::at(number).status(500),
            Fault::at(number).cut(),
            Fault::at(number).lose_answer(),
        ] {
            let fake = fake().fault(fault.clone());
            let cluster = fake.cluster().expect("a cluster");
            let template = template(strategy::distroless(BY_TAG)).lease(Duration::from_mins(2));
            if let Ok(prepared) = template.prepare(&cluster, web()).await {
                let report = prepared.run().await;
                let gone = fake.left().is_empty();
                assert!(
                    gone || report.verdict == Verdict::CleanupUnverified,
                    "{fault:?}"
                );
            }
            tokio::time::sleep(Duration::from_secs(200)).await;
            assert!(fake.left().is_empty(), "{fault:?}: {:?}", fake.left());
        }
    }
}

/// Knows everything or nothing, and what it must be given to remember.
struct Fixed(bool);

impl ImageMemory for Fixed {
    fn knows(&self, _: &TriedImage) -> bool {
        self.0
    }

    fn remember(&self, image: &TriedImage) {
        assert_eq!(
            image.secrets_of.as_deref(),
            Some("shop"),
            "its pod has pull secrets"
        );
    }

    fn forget(&self, _: &TriedImage) {}
}

#[tokio::test(start_paused = true)]
async fn a_program_may_bring_a_memory_of_its_own() {
    let everything = json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]);
    for (knows, pods) in [(true, 0), (false, 2)] {
        let fake = fake().operator("tester", None, &everything);
        let builder = fake.cluster_builder("tester");
        let cluster = builder.image_memory(Arc::new(Fixed(knows))).build();
        let cluster = cluster.expect("a cluster");
        let template = template(strategy::distroless(by_digest()));
        for _ in 0..2 {
            let report = scan(&cluster, &template).await;
            assert!(report.failure.is_none(), "{:#?}", report.failure);
        }
        assert_eq!(made_pods(&fake), pods);
    }
}
