//! What is explained of a container agrees with what scans of it do, and explaining writes nothing.

#![expect(clippy::panic, reason = "a helper of a test fails the test")]

use secure_scan::{
    Level, Profile, Scan, TargetSelector,
    engines::Inline,
    explain::{Explanation, Guard, LevelExplained, StrategyExplained, Way, explain},
    rights::rights,
    strategy,
};
use secure_scan_testing::{Call, FakeCluster, samples};
use serde_json::{Value, json};

const PROBE: &str = "registry.example/probe:1";
const BY_DIGEST: &str =
    "registry.example/web@sha256:1111111111111111111111111111111111111111111111111111111111111111";

fn pod(image: &str, more: &Value) -> Value {
    let mut pod = json!({
        "metadata": {"namespace": "shop", "name": "web-0"},
        "spec": {
            "securityContext": {"runAsUser": 10001, "runAsGroup": 10001, "runAsNonRoot": true},
            "containers": [{"name": "web", "image": image, "securityContext": {
                "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}],
        },
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        pod["spec"][key] = value.clone();
    }
    pod
}

fn fake(image: &str, more: &Value) -> FakeCluster {
    FakeCluster::new()
        .namespace("scans", &json!({}))
        .pod(pod(image, more))
        .answers(samples::healthy())
}

fn web() -> TargetSelector {
    TargetSelector::pod("shop", "web-0")
}

async fn explained(fake: &FakeCluster, apart: bool) -> Explanation {
    let cluster = fake.cluster().expect("a cluster");
    let namespace = apart.then(|| "scans".parse().expect("a name"));
    let explained = explain(&cluster.begin(), web(), PROBE, namespace.as_ref()).await;
    explained.unwrap_or_else(|error| panic!("{error:?}"))
}

fn way(explained: &Explanation, way: Way) -> &StrategyExplained {
    let mut all = explained.strategies.iter();
    all.find(|one| one.strategy == way).expect("each strategy")
}

fn level(explained: &Explanation, level: Level) -> &LevelExplained {
    let mut all = explained.levels.iter();
    all.find(|one| one.level == level).expect("each level")
}

/// The calls that change something; a review is created and changes nothing.
fn writes(calls: &[Call]) -> Vec<String> {
    let reads = |call: &&Call| {
        matches!(call.verb.as_str(), "get" | "list" | "watch")
            || call.verb == "create" && call.resource.ends_with("reviews")
    };
    let writes = calls.iter().filter(|call| !reads(call));
    writes.map(ToString::to_string).collect()
}

#[tokio::test(start_paused = true)]
async fn explaining_only_reads_and_asks_for_reviews() {
    for more in [json!({}), json!({"hostPID": true})] {
        for apart in [false, true] {
            let fake = fake(BY_DIGEST, &more);
            explained(&fake, apart).await;
            let calls = fake.calls();
            assert_eq!(writes(&calls), Vec::<String>::new());
            assert!(
                calls
                    .iter()
                    .any(|call| call.resource == "selfsubjectrulesreviews")
            );
            assert!(calls.len() <= 60, "{} calls", calls.len());
            assert!(fake.left().is_empty());
        }
    }
    // The same question has another answer for a scan.
    let fake = fake(BY_DIGEST, &json!({}));
    let profile = Profile::shipped("sbom").expect("a profile");
    let scan = Scan::template().host(Inline).engine(profile);
    let cluster = fake.cluster().expect("a cluster");
    let prepared = scan.prepare(&cluster, web()).await.expect("prepared");
    prepared.run().await;
    assert!(
        writes(&fake.calls())
            .iter()
            .any(|call| call.contains("create jobs.batch"))
    );
}

#[tokio::test(start_paused = true)]
async fn each_strategy_says_what_it_leaves_and_what_its_evidence_is_worth() {
    let explained = explained(&fake(BY_DIGEST, &json!({})), false).await;
    for (strategy, leaves, independent) in [
        (Way::Container, 0, false),
        (Way::Distroless, 1, true),
        (Way::Image, 0, true),
    ] {
        let one = way(&explained, strategy);
        assert_eq!(one.not_possible, None);
        assert_eq!(one.leaves.len(), leaves, "{one:?}");
        assert_eq!(one.missing_rights, Vec::<String>::new());
        let evidence = one.evidence.as_ref().expect("evidence");
        assert_eq!(evidence.independent, independent, "{one:?}");
        assert_eq!(
            one.evidence_accepted_by.contains(&Level::Strict),
            independent
        );
        assert!(one.evidence_accepted_by.contains(&Level::Baseline));
    }
    assert!(!way(&explained, Way::Image).differences.is_empty());
}

#[tokio::test(start_paused = true)]
async fn controls_that_would_not_hold_are_not_among_those_that_would() {
    let fake = fake(BY_DIGEST, &json!({}));
    let (without, with) = (explained(&fake, false).await, explained(&fake, true).await);
    assert_eq!(without.guard, Guard::NotFound);
    let absent = |explained: &Explanation, id: &str| {
        let one = way(explained, Way::Container);
        let absent = one.absent_controls.iter().any(|control| control.id == id);
        assert_ne!(
            absent,
            one.controls.iter().any(|control| control.id == id),
            "{id}"
        );
        absent
    };
    for (id, of_both) in [
        ("lease", [false, false]),
        ("admission-guard", [true, true]),
        ("identity-exclusive", [true, false]),
        ("probe-ends", [true, true]),
    ] {
        assert_eq!([absent(&without, id), absent(&with, id)], of_both, "{id}");
    }
    for (explained, namespace) in [(&without, "namespace shop"), (&with, "namespace scans")] {
        let who = explained.identity.join("\n");
        assert!(
            who.contains("whoever may create Secrets, pods or tokens"),
            "{who}"
        );
        assert!(who.contains(namespace), "{who}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_level_gets_what_scan_would_do() {
    let fake = fake(BY_DIGEST, &json!({}));
    for apart in [false, true] {
        let explained = explained(&fake, apart).await;
        for lenient in [Level::Baseline, Level::Hardened] {
            let one = level(&explained, lenient);
            assert_eq!(
                (one.strategy, one.fallback),
                (Some(Way::Container), Some(Way::Distroless))
            );
            assert!(one.is_possible() && !one.needs_identity_namespace);
        }
        let strict = level(&explained, Level::Strict);
        assert_eq!(
            (strict.strategy, strict.fallback),
            (Some(Way::Distroless), None)
        );
        assert!(strict.is_possible(), "{strict:?}");
        assert_eq!(strict.needs_identity_namespace, !apart);
    }
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_refuses_is_named_and_a_strategy_that_cannot_be_taken_says_why() {
    let host_pid = json!({"hostPID": true});
    let explained = explained(&fake("registry.example/web:1", &host_pid), false).await;
    let strict = level(&explained, Level::Strict);
    assert!(!strict.is_possible());
    let by: Vec<&str> = strict
        .refused_by
        .iter()
        .map(|gate| gate.id.as_str())
        .collect();
    assert!(
        by.contains(&"image-digest") && by.contains(&"host-pid"),
        "{by:?}"
    );
    assert!(!by.contains(&"required-controls"), "{by:?}");
    let probe = way(&explained, Way::Distroless);
    let why = probe.not_possible.as_deref().expect("a reason");
    assert!(why.contains("process namespace"), "{why}");
    assert!(probe.remedy.is_some() && probe.controls.is_empty());
    let baseline = level(&explained, Level::Baseline);
    assert_eq!(
        (baseline.strategy, baseline.fallback),
        (Some(Way::Container), Some(Way::Image))
    );
}

#[tokio::test(start_paused = true)]
async fn rights_that_are_missing_are_those_of_each_strategy() {
    let role = rights(&[strategy::container()], false);
    let rules: Vec<Value> = role[0]
        .rules
        .iter()
        .map(|rule| json!({"apiGroups": rule.api_groups, "resources": rule.resources, "verbs": rule.verbs}))
        .collect();
    let fake = fake(BY_DIGEST, &json!({})).operator("tester", Some("shop"), &json!(rules));
    let cluster = fake.cluster_of("tester").expect("a cluster");
    let explained = explain(&cluster.begin(), web(), PROBE, None)
        .await
        .expect("explained");
    assert!(
        matches!(explained.guard, Guard::Unknown { .. }),
        "{:?}",
        explained.guard
    );
    let missing = |strategy| way(&explained, strategy).missing_rights.join("; ");
    assert_eq!(missing(Way::Container), "");
    assert!(missing(Way::Distroless).contains("patch on pods/ephemeralcontainers"));
    assert!(
        missing(Way::Image).contains("on pods"),
        "{}",
        missing(Way::Image)
    );
    assert_eq!(writes(&fake.calls()), Vec::<String>::new());
}
