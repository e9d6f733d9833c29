//! Labels and annotations for what a scan makes: in a cluster that demands them nothing is made without, and none of the
//! scan's own is changed.

#![expect(clippy::panic, reason = "a helper of a test fails the test")]

use std::sync::{Arc, Mutex};

use secure_scan::{
    Level, Policy, PrepareErrorKind, Profile, Scan, ScanReport, TargetSelector, Verdict,
    engines::Inline,
    strategy::{self, Strategy},
};
use secure_scan_testing::{FakeCluster, Target, samples};
use serde_json::{Value, json};

const PROBE: &str = "registry.example/probe:1";
const KINDS: [&str; 7] = [
    "Job",
    "ServiceAccount",
    "Secret",
    "Role",
    "RoleBinding",
    "Pod",
    "NetworkPolicy",
];

/// What keeps meshes out of a pod.
const MESHES: [(&str, &str, &str); 5] = [
    ("labels", "sidecar.istio.io/inject", "false"),
    ("annotations", "sidecar.istio.io/inject", "false"),
    ("annotations", "linkerd.io/inject", "disabled"),
    ("labels", "kuma.io/sidecar-injection", "disabled"),
    (
        "annotations",
        "consul.hashicorp.com/connect-inject",
        "false",
    ),
];

type Made = Arc<Mutex<Vec<Value>>>;

/// A cluster that refuses every object of a scan without label `team` and annotation `why`, also on pods of a template; and
/// what was made in it.
fn demanding() -> (FakeCluster, Made) {
    let made = Made::default();
    let seen = Arc::clone(&made);
    let pod = json!({
        "metadata": {"namespace": "shop", "name": "web-0", "labels": {"team": "shop"}},
        "spec": {
            "securityContext": {"runAsUser": 10001, "runAsGroup": 10001, "runAsNonRoot": true},
            "containers": [{"name": "web", "image": "registry.example/web:1", "securityContext": {
                "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}],
        },
    });
    let fake = FakeCluster::new()
        .namespace("scans", &json!({}))
        .pod(pod)
        .answers(samples::healthy())
        .image(
            "registry.example/web:1",
            Target::distroless(samples::healthy()),
        )
        .admission(move |_, object| {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            let kind = object["kind"].as_str().unwrap_or_default();
            if !name.starts_with("secure-scan-") || !KINDS.contains(&kind) {
                return Ok(());
            }
            let has = |metadata: &Value| {
                metadata["labels"]["team"].is_string() && metadata["annotations"]["why"].is_string()
            };
            let template = object.pointer("/spec/template");
            let pods = template.is_none_or(|template| has(&template["metadata"]));
            if !has(&object["metadata"]) || !pods {
                return Err("label team and annotation why are required".to_owned());
            }
            seen.lock().expect("no panic").push(object.clone());
            Ok(())
        });
    (fake, made)
}

fn template(strategy: Strategy) -> Scan {
    let profile = Profile::shipped("sbom").expect("a profile");
    Scan::template()
        .host(Inline)
        .engine(profile)
        .strategy(strategy)
}

async fn scan(fake: &FakeCluster, template: Scan) -> ScanReport {
    let cluster = fake.cluster().expect("a cluster");
    let prepared = template
        .prepare(&cluster, TargetSelector::pod("shop", "web-0"))
        .await;
    prepared
        .unwrap_or_else(|error| panic!("{error:?}"))
        .run()
        .await
}

fn strategies() -> Vec<(&'static str, Strategy)> {
    vec![
        ("container", strategy::container()),
        ("distroless", strategy::distroless(PROBE)),
        ("sidecar", strategy::sidecar(PROBE).into()),
        ("inert", strategy::sidecar(PROBE).inert(true).into()),
    ]
}

#[tokio::test(start_paused = true)]
async fn every_object_of_every_strategy_has_them_and_the_scans_own_too() {
    let mut kinds = std::collections::BTreeSet::new();
    for (name, strategy) in strategies() {
        for apart in [false, true] {
            let (fake, made) = demanding();
            let mut template = template(strategy.clone())
                .label("team", "shop")
                .annotation("why", "SEC-1: a scan");
            if apart {
                template = template.identity_namespace("scans");
            }
            let report = scan(&fake, template).await;
            assert!(
                report.failure.is_none(),
                "{name} {apart}: {:?}",
                report.failure
            );
            let audit = report.post_scan.as_ref().expect("an audit");
            assert!(audit.verified, "{name}: {audit:?}");
            assert!(fake.left().is_empty(), "{name}: {:?}", fake.left());
            assert_eq!(report.plan.object_metadata.labels()["team"], "shop");
            let made = made.lock().expect("no panic");
            for object in made.iter() {
                let metadata = &object["metadata"];
                assert_eq!(metadata["labels"]["team"], "shop");
                assert_eq!(metadata["annotations"]["why"], "SEC-1: a scan");
                let id = report.plan.scan_id.as_str();
                assert_eq!(metadata["labels"]["secure-scan.io/scan"], id, "{object}");
                let pods = match object["kind"].as_str() {
                    Some("Pod") => Some(metadata),
                    Some("Job") => object.pointer("/spec/template/metadata"),
                    _ => None,
                };
                for (place, key, value) in MESHES {
                    let of_pods = pods.map(|pods| &pods[place][key]);
                    assert!(
                        of_pods.is_none_or(|own| own == value),
                        "{name} {key}: {object}"
                    );
                }
                kinds.insert(object["kind"].as_str().unwrap_or_default().to_owned());
            }
            let network = report
                .controls
                .iter()
                .find(|control| control.id == "network");
            let network = network.map(|control| serde_json::to_string(&control.verified));
            if let Some(Ok(network)) = network {
                assert!(!network.contains("not asked for"), "{network}");
            }
        }
    }
    assert_eq!(kinds.len(), KINDS.len(), "{kinds:?}");
}

#[tokio::test(start_paused = true)]
async fn without_them_nothing_is_made_and_the_remedy_is_to_add_them() {
    let (fake, made) = demanding();
    let report = scan(&fake, template(strategy::container())).await;
    assert_eq!(report.verdict, Verdict::Failed);
    let failure = report.failure.expect("a failure");
    assert_eq!(failure.remedy, Some(secure_scan::Remedy::LabelOrExempt));
    assert!(made.lock().expect("no panic").is_empty());
    assert!(fake.left().is_empty(), "{:?}", fake.left());
}

#[tokio::test(start_paused = true)]
async fn those_of_a_policy_hold_too_and_give_way_to_those_of_the_scan() {
    let text = "name: acme\nversion: \"1\"\ntitle: T\nlevel: baseline\n\
                labels: {team: acme, tier: scans}\nannotations: {why: policy}\n";
    let policy = Policy::parse(text, "acme.yaml", None).expect("a policy");
    let (fake, made) = demanding();
    let template = template(strategy::container()).policy(policy);
    let report = scan(&fake, template.clone()).await;
    assert!(report.failure.is_none(), "{:?}", report.failure);
    let of = |made: &Made| made.lock().expect("no panic")[0]["metadata"].clone();
    assert_eq!(of(&made)["labels"]["team"], "acme");
    let (fake, made) = demanding();
    let report = scan(&fake, template.label("team", "shop")).await;
    assert!(report.failure.is_none(), "{:?}", report.failure);
    assert_eq!(of(&made)["labels"]["team"], "shop");
    assert_eq!(of(&made)["labels"]["tier"], "scans");
    assert_eq!(of(&made)["annotations"]["why"], "policy");
    for wrong in [
        "labels: {secure-scan.io/scan: x}",
        "labels: {team: 'a b'}",
        "annotations: {'a b': x}",
    ] {
        let text = format!("name: acme\nversion: \"1\"\ntitle: T\n{wrong}\n");
        let error = Policy::parse(&text, "acme.yaml", Some(Level::Baseline));
        let error = error.expect_err(wrong).to_string();
        assert!(
            error.contains("acme.yaml:4") && (error.contains("key") || error.contains("value")),
            "{error}"
        );
    }
}

#[tokio::test]
async fn one_that_cannot_be_is_an_error_before_any_call() {
    let (fake, _) = demanding();
    let cluster = fake.cluster().expect("a cluster");
    for (key, value) in [
        ("secure-scan.io/scan", "0000000000"),
        ("app.kubernetes.io/managed-by", "me"),
        ("team", "a b"),
        ("", "x"),
    ] {
        let template = template(strategy::container()).label(key, value);
        let target = TargetSelector::pod("shop", "web-0");
        let error = template.prepare(&cluster, target).await.expect_err(key);
        assert_eq!(error.kind(), PrepareErrorKind::Usage, "{error}");
        assert!(error.remedy().is_some());
    }
    assert!(fake.calls().is_empty(), "{:?}", fake.calls());
}

#[tokio::test(start_paused = true)]
async fn the_resources_of_a_policy_hold_and_give_way_to_those_of_the_scan() {
    let text = "name: acme\nversion: \"1\"\ntitle: T\nlevel: baseline\n\
                probe_resources: {cpu: 100m:200m, memory: 1Gi}\n";
    let policy = Policy::parse(text, "acme.yaml", None).expect("a policy");
    for (_, strategy) in strategies().into_iter().skip(1) {
        let (fake, made) = demanding();
        let template = template(strategy)
            .label("team", "shop")
            .annotation("why", "x")
            .policy(policy.clone())
            .probe_resources("memory=2Gi".parse().expect("resources"));
        let report = scan(&fake, template).await;
        assert!(report.failure.is_none(), "{:?}", report.failure);
        let made = made.lock().expect("no panic");
        let pod = made
            .iter()
            .find(|object| object["kind"] == "Pod")
            .expect("a pod");
        let containers = pod["spec"]["containers"].as_array().expect("containers");
        let probe = containers
            .iter()
            .find(|c| c["name"] == pod["metadata"]["name"]);
        let resources = &probe.expect("the probe")["resources"];
        assert_eq!(resources["requests"]["cpu"], "100m");
        assert_eq!(resources["limits"]["cpu"], "200m");
        assert_eq!(resources["limits"]["memory"], "2Gi");
    }
    let wrong = text.replace("1Gi", "a lot");
    let error = Policy::parse(&wrong, "acme.yaml", None).expect_err("not a quantity");
    let error = error.to_string();
    assert!(
        error.contains("acme.yaml:5") && error.contains("a lot"),
        "{error}"
    );
}
