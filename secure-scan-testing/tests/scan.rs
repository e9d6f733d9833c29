//! Whole scans by the library, end to end on the fake.

#![expect(clippy::panic, reason = "a helper of a test fails the test")]

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use scanner_core::{
    ScanReport, Verdict,
    event::Silent,
    finding::Severity,
    target::{PodSelection, TargetRequest},
};
use scanner_k8s::{
    PreparedScan, ProbeImage, ScanRequest, SidecarOptions, Strategy,
    plan::sidecar_options::{Keep, Mode, Pull, ReadAs},
    scan::PrepareError,
};
use secure_scan::{Profile, SHIPPED_CONTROLS};
use secure_scan_testing::{FakeCluster, Fault, Pace, Target, samples};
use serde_json::{Value, json};

fn web() -> Value {
    json!({
        "metadata": {"namespace": "shop", "name": "web-0", "labels": {"app": "web"}},
        "spec": {
            "securityContext": {"runAsUser": 10001, "runAsGroup": 10001, "runAsNonRoot": true,
                "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{"name": "web", "image": "registry.example/web:1", "securityContext": {
                "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]},
            }}],
        },
    })
}

fn cluster(target: impl Into<Target>) -> FakeCluster {
    FakeCluster::new().pod(web()).answers(target)
}

/// Compiled once: that takes longer than a scan.
static PROFILE: LazyLock<Arc<Profile>> = LazyLock::new(|| {
    let profile = Profile::shipped("container-baseline").expect("a profile");
    Arc::new(profile)
});

async fn prepare(cluster: &FakeCluster, strategy: Strategy) -> Result<PreparedScan, PrepareError> {
    let connected = cluster.cluster().expect("a cluster");
    let target = TargetRequest {
        namespace: "shop".parse().expect("a name"),
        pod: PodSelection::Name("web-0".parse().expect("a name")),
        container: None,
    };
    let mut request = ScanRequest::new(target, Arc::clone(&*PROFILE) as _);
    request.strategy = strategy;
    request.lease_seconds = 120;
    request.threshold = Severity::Medium;
    PreparedScan::new(&connected, request).await
}

async fn scan(cluster: &FakeCluster, strategy: Strategy) -> ScanReport {
    let prepared = prepare(cluster, strategy).await;
    let prepared = prepared.unwrap_or_else(|error| panic!("{error:?}\n{}", log_of(cluster)));
    prepared.run(&Silent, std::future::pending()).await
}

fn log_of(cluster: &FakeCluster) -> String {
    let lines: Vec<String> = cluster.calls().iter().map(ToString::to_string).collect();
    lines.join("\n")
}

fn clean(cluster: &FakeCluster, report: &ScanReport) {
    assert!(
        report.failure.is_none(),
        "{:#?}\n{}",
        report.failure,
        log_of(cluster)
    );
    assert!(cluster.left().is_empty(), "{:?}", cluster.left());
    for control in &report.controls {
        let mut listed = SHIPPED_CONTROLS.iter();
        assert!(
            listed.any(|shipped| shipped.id == control.id),
            "{}",
            control.id
        );
    }
    assert!(cluster.tokens().iter().all(|token| !token.valid));
    let audit = report.post_scan.as_ref().expect("an audit");
    assert!(audit.verified, "{audit:#?}");
}

fn distroless() -> Strategy {
    Strategy::Distroless {
        image: "registry.example/probe:1".into(),
    }
}

fn sidecar(mode: Mode) -> Strategy {
    Strategy::Sidecar(SidecarOptions {
        image: "registry.example/probe:1".into(),
        mode,
        require_isolation: true,
        canaries: vec![],
        pull_secrets: vec![],
        pull: Pull::default(),
        expected_digest: None,
        helper_namespace: None,
    })
}

#[tokio::test(start_paused = true)]
async fn strategy_container_scans_in_no_time_and_leaves_nothing() {
    let real = std::time::Instant::now();
    let cluster = cluster(samples::healthy());
    let report = scan(&cluster, Strategy::Container).await;
    clean(&cluster, &report);
    assert!(
        matches!(report.verdict, Verdict::Passed | Verdict::Findings),
        "{:?}",
        report.verdict
    );
    assert!(
        cluster.elapsed() < Duration::from_secs(10),
        "the 401 comes by a fresh spelling"
    );
    assert!(real.elapsed() < Duration::from_mins(1));
}

/// The end-to-end tests allow for what a busy server adds.
#[tokio::test(start_paused = true)]
async fn strategy_container_needs_28_calls() {
    let cluster = cluster(samples::healthy());
    let report = scan(&cluster, Strategy::Container).await;
    clean(&cluster, &report);
    let calls = &report.api_calls;
    assert_eq!(calls.operator + calls.scan, 28, "{}", log_of(&cluster));
}

#[tokio::test(start_paused = true)]
async fn strategy_container_waits_for_a_far_server_twelve_times() {
    let cluster = cluster(samples::healthy()).pace(Pace::instant());
    let late = Fault::on("*", "*").delay(Duration::from_secs(1));
    let cluster = cluster.fault(late);
    let report = scan(&cluster, Strategy::Container).await;
    clean(&cluster, &report);
    // The pod | lease | identity | token | everyone's rights | binding | rights and guard | exec | revocation |
    // Role and account, then the lease, deleted | lists
    let waited = cluster.elapsed().as_secs();
    assert_eq!(waited, 12, "{}", log_of(&cluster));
}

#[tokio::test(start_paused = true)]
async fn strategy_distroless_scans_what_has_no_shell() {
    let cluster = cluster(Target::distroless(samples::healthy()));
    let report = scan(&cluster, distroless()).await;
    clean(&cluster, &report);
    let alarming = FakeCluster::new()
        .pod(web())
        .answers(Target::distroless(samples::alarming()));
    let worse = scan(&alarming, distroless()).await;
    assert_eq!(worse.verdict, Verdict::Findings);
}

#[tokio::test(start_paused = true)]
async fn strategy_auto_falls_back_to_the_probe() {
    let cluster = cluster(Target::distroless(samples::healthy()));
    let image = Some("registry.example/probe:1".into());
    let report = scan(
        &cluster,
        Strategy::Auto {
            image,
            then: vec![],
        },
    )
    .await;
    clean(&cluster, &report);
    assert_eq!(report.plan.strategy, "distroless");
}

#[tokio::test(start_paused = true)]
async fn strategy_sidecar_reads_a_clone_and_an_image() {
    let clone = Mode::Clone {
        keep: Keep::default(),
        same_node: false,
    };
    let inert = Mode::Inert {
        reads_as: ReadAs::Nobody,
        same_node: false,
    };
    for mode in [clone, inert] {
        let cluster = cluster(Target::distroless(samples::healthy()));
        let report = scan(&cluster, sidecar(mode)).await;
        clean(&cluster, &report);
        assert!(report.plan.strategy.starts_with("sidecar"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_scan_that_meets_a_fault_at_any_call_leaves_nothing_after_its_lease() {
    let whole = cluster(samples::healthy());
    let report = scan(&whole, Strategy::Container).await;
    clean(&whole, &report);
    let calls = whole.call_count();
    for number in 1..=calls {
        for fault in [
            Fault::at(number).status(500),
            Fault::at(number).cut(),
            Fault::at(number).lose_answer(),
        ] {
            let cluster = self::cluster(samples::healthy()).fault(fault.clone());
            if let Ok(prepared) = prepare(&cluster, Strategy::Container).await {
                let report = prepared.run(&Silent, std::future::pending()).await;
                let gone = cluster.left().is_empty();
                assert!(
                    gone || report.verdict == Verdict::CleanupUnverified,
                    "{fault:?}\n{}",
                    log_of(&cluster)
                );
            }
            tokio::time::sleep(Duration::from_secs(200)).await;
            assert!(
                cluster.left().is_empty(),
                "{fault:?}\n{:?}\n{}",
                cluster.left(),
                log_of(&cluster)
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn many_scans_share_one_cluster() {
    let cluster = cluster(samples::healthy());
    let one = cluster.clone();
    let scans = (0..64).map(|_| async { scan(&one, Strategy::Container).await });
    let reports = stream::iter(scans).buffer_unordered(32);
    let reports: Vec<ScanReport> = reports.collect().await;
    assert!(reports.iter().all(|report| report.failure.is_none()));
    assert!(cluster.left().is_empty(), "{:?}", cluster.left());
    assert_eq!(cluster.tokens().len(), 64);
    assert!(
        cluster.elapsed() < Duration::from_mins(1),
        "at once, by the fake's clock"
    );
}

#[tokio::test(start_paused = true)]
async fn a_shell_of_another_user_than_the_node_says_is_an_alert_and_gives_no_findings() {
    let mut inventory = samples::healthy();
    if let scanner_core::inventory::Collected::Complete { data } = &mut inventory.identity {
        data.uid = 0;
    }
    let lying = cluster(Target::from(inventory).lying_about_its_user());
    let report = scan(&lying, Strategy::Container).await;
    assert_eq!(report.verdict, Verdict::SecurityAlert);
    let alerts: Vec<&str> = report
        .alerts
        .iter()
        .map(|alert| alert.id.as_str())
        .collect();
    assert_eq!(alerts, ["contradicts-user"]);
    assert!(report.findings.is_empty());
    assert_eq!(report.verdict.exit_code(), 4);
}

/// Refuses evidence that the target could forge.
#[derive(Debug)]
struct OnlyIndependent;

impl scanner_core::gate::GatePolicy for OnlyIndependent {
    fn reference(&self) -> String {
        "independent 1".into()
    }
    fn needs(&self) -> scanner_core::gate::Needs {
        scanner_core::gate::Needs::default()
    }
    fn decide(
        &self,
        _: &scanner_core::gate::GateFacts,
        _: &scanner_core::ScanPlan,
    ) -> Vec<scanner_core::gate::GateResult> {
        Vec::new()
    }
    fn unused(&self, _: &scanner_core::gate::GateFacts) -> Vec<String> {
        Vec::new()
    }
    fn accepts_evidence(
        &self,
        _: &str,
        evidence: Option<&scanner_core::plan::EvidenceSource>,
    ) -> bool {
        evidence.is_some_and(|evidence| evidence.independent)
    }
}

#[tokio::test(start_paused = true)]
async fn the_automatic_choice_is_the_first_whose_evidence_counts() {
    let mut pod = web();
    pod["spec"]["securityContext"] = json!({"runAsUser": 0, "runAsGroup": 0});
    pod["spec"]["containers"][0]["securityContext"] = json!({});
    let labels = json!({"pod-security.kubernetes.io/enforce": "baseline"});
    for (pod, policy, strategy) in [
        (web(), true, "distroless"),
        (web(), false, "container"),
        (pod.clone(), true, "sidecar-inert"),
        (pod, false, "container"),
    ] {
        let fake = FakeCluster::new().namespace("shop", &labels);
        let fake = fake.pod(pod).answers(samples::healthy());
        let connected = fake.cluster().expect("a cluster");
        let target = TargetRequest {
            namespace: "shop".parse().expect("a name"),
            pod: PodSelection::Name("web-0".parse().expect("a name")),
            container: None,
        };
        let mut request = ScanRequest::new(target, Arc::clone(&*PROFILE) as _);
        let image = Some(ProbeImage::new("registry.example/probe:1"));
        request.strategy = Strategy::Auto {
            image,
            then: vec![],
        };
        if policy {
            request.policy = Some(Arc::new(OnlyIndependent));
        }
        let prepared = PreparedScan::new(&connected, request)
            .await
            .expect("a plan");
        let plan = prepared.plan();
        assert_eq!(plan.strategy, strategy, "{:?}", plan.reason);
        let evidence = plan.evidence.as_ref().expect("what its evidence rests on");
        assert_eq!(evidence.independent, policy);
    }
}
