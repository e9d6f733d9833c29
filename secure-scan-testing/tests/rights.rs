//! The Role that `rights` names is enough for every strategy, has nothing that no scan uses, and is what the check asks for.

#![expect(clippy::panic, reason = "a helper of a test fails the test")]

use std::collections::BTreeSet;

use scanner_core::plan::PlannedRule;
use secure_scan::{
    Cluster, PrepareErrorKind, Profile, Scan, ScanReport, TargetSelector,
    engines::Inline,
    rights::{Rights, rights},
    strategy::{self, Strategy},
};
use secure_scan_testing::{FakeCluster, Target, samples};
use serde_json::{Value, json};

const PROBE: &str = "registry.example/probe:1";

fn pod() -> Value {
    json!({
        "metadata": {"namespace": "shop", "name": "web-0"},
        "spec": {
            "securityContext": {"runAsUser": 10001, "runAsGroup": 10001, "runAsNonRoot": true},
            "containers": [{"name": "web", "image": "registry.example/web:1", "securityContext": {
                "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}],
        },
    })
}

fn fake() -> FakeCluster {
    FakeCluster::new()
        .namespace("scans", &json!({}))
        .pod(pod())
        .answers(samples::healthy())
        .image(
            "registry.example/web:1",
            Target::distroless(samples::healthy()),
        )
}

/// One strategy of each kind that has rights of its own.
fn strategies() -> Vec<(&'static str, Strategy)> {
    vec![
        ("container", strategy::container()),
        ("distroless", strategy::distroless(PROBE)),
        ("sidecar", strategy::sidecar(PROBE).into()),
        ("inert", strategy::sidecar(PROBE).inert(true).into()),
    ]
}

fn as_json(rules: &[PlannedRule]) -> Value {
    serde_json::to_value(
        rules
            .iter()
            .map(|rule| {
                json!({"apiGroups": rule.api_groups, "resources": rule.resources, "verbs": rule.verbs})
            })
            .collect::<Vec<_>>(),
    )
    .expect("rules are JSON")
}

/// The fake with an operator who has these rights and no others.
fn with(needed: &[Rights]) -> (FakeCluster, Cluster) {
    let fake = needed.iter().fold(fake(), |fake, rights| {
        let namespace = if rights.of_identity { "scans" } else { "shop" };
        fake.operator("tester", Some(namespace), &as_json(&rights.rules))
    });
    let cluster = fake.cluster_of("tester").expect("a cluster");
    (fake, cluster)
}

fn template(strategy: Strategy, apart: bool) -> Scan {
    let profile = Profile::shipped("sbom").expect("a profile");
    // In a thread of its own, an engine would work while the paused clock runs ahead.
    let template = Scan::template()
        .host(Inline)
        .engine(profile)
        .strategy(strategy);
    if apart {
        template.identity_namespace("scans")
    } else {
        template
    }
}

fn web() -> TargetSelector {
    TargetSelector::pod("shop", "web-0")
}

async fn scan(cluster: &Cluster, strategy: Strategy, apart: bool) -> ScanReport {
    let prepared = template(strategy, apart).prepare(cluster, web()).await;
    prepared
        .unwrap_or_else(|error| panic!("{error:?}"))
        .run()
        .await
}

/// Each verb on each resource that these rights allow, in which namespace.
fn each(needed: &[Rights]) -> BTreeSet<(bool, String, String, String)> {
    let mut all = BTreeSet::new();
    for rights in needed {
        for rule in &rights.rules {
            for resource in &rule.resources {
                for verb in &rule.verbs {
                    let group = rule.api_groups[0].clone();
                    all.insert((rights.of_identity, group, resource.clone(), verb.clone()));
                }
            }
        }
    }
    all
}

/// The same rights without one.
fn without(needed: &[Rights], one: &(bool, String, String, String)) -> Vec<Rights> {
    let mut needed = needed.to_vec();
    for rights in needed
        .iter_mut()
        .filter(|rights| rights.of_identity == one.0)
    {
        let mut rules = Vec::new();
        for rule in &rights.rules {
            for resource in &rule.resources {
                let verbs: Vec<&str> = rule.verbs.iter().map(String::as_str).collect();
                let kept: Vec<&str> = verbs
                    .into_iter()
                    .filter(|verb| {
                        (rule.api_groups[0].as_str(), resource.as_str(), *verb)
                            != (one.1.as_str(), one.2.as_str(), one.3.as_str())
                    })
                    .collect();
                if !kept.is_empty() {
                    rules.push(PlannedRule::new(&rule.api_groups[0], resource, &[], &kept));
                }
            }
        }
        rights.rules = rules;
    }
    needed
}

#[tokio::test(start_paused = true)]
async fn the_role_is_enough_for_every_strategy_and_nothing_is_left() {
    for (name, strategy) in strategies() {
        for apart in [false, true] {
            let needed = rights(std::slice::from_ref(&strategy), apart);
            let (fake, cluster) = with(&needed);
            let report = scan(&cluster, strategy.clone(), apart).await;
            assert!(
                report.failure.is_none(),
                "{name} {apart}: {:#?}",
                report.failure
            );
            let audit = report.post_scan.expect("an audit");
            assert!(audit.verified, "{name} {apart}: {audit:#?}");
            assert!(fake.left().is_empty(), "{name} {apart}: {:?}", fake.left());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_right_of_the_role_is_missed_by_the_scan_and_by_the_check() {
    for (name, strategy) in strategies() {
        for apart in [false, true] {
            let needed = rights(std::slice::from_ref(&strategy), apart);
            for one in each(&needed) {
                let (fake, cluster) = with(&without(&needed, &one));
                let refused = template(strategy.clone(), apart)
                    .prepare(&cluster, web())
                    .await;
                let error = refused
                    .err()
                    .unwrap_or_else(|| panic!("{name} {apart} without {one:?}"));
                assert_eq!(
                    error.kind(),
                    PrepareErrorKind::Forbidden,
                    "{name} {one:?}: {error:?}"
                );
                assert!(fake.left().is_empty(), "{name} {one:?}");
                let segment = cluster.begin();
                let mut missing = Vec::new();
                for rights in &needed {
                    let namespace = if rights.of_identity { "scans" } else { "shop" };
                    let found = rights.check(segment.operator(), namespace).await;
                    let found = found.unwrap_or_else(|error| panic!("{error:?}"));
                    missing.extend(found.missing);
                }
                let named = missing.iter().any(|what| what.contains(&one.2));
                assert!(
                    missing.len() == 1 && named,
                    "{name} without {one:?}: {missing:?}"
                );
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_missing_in_no_namespace_that_does_not_exist() {
    let fake = with(&rights(&[strategy::container()], false)).0;
    let segment = fake.cluster().expect("a cluster").begin();
    let needed = rights(&[strategy::container()], false);
    let error = needed[0].check(segment.operator(), "shpo").await;
    let error = error.expect_err("a server lists rights in any namespace");
    assert!(error.to_string().contains("shpo not found"), "{error}");
    assert!(error.is_unknown_name());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_lists_no_rights_is_asked_for_each_of_them() {
    for (name, strategy) in strategies() {
        for apart in [false, true] {
            let needed = rights(std::slice::from_ref(&strategy), apart);
            let (fake, _) = with(&needed);
            let cluster = fake
                .lists_no_rights()
                .cluster_of("tester")
                .expect("a cluster");
            let report = scan(&cluster, strategy.clone(), apart).await;
            assert!(
                report.failure.is_none(),
                "{name} {apart}: {:#?}",
                report.failure
            );
            for one in each(&needed) {
                let (fake, _) = with(&without(&needed, &one));
                let fake = fake.lists_no_rights();
                let cluster = fake.cluster_of("tester").expect("a cluster");
                let refused = template(strategy.clone(), apart)
                    .prepare(&cluster, web())
                    .await;
                let error = refused
                    .err()
                    .unwrap_or_else(|| panic!("{name} {apart} without {one:?}"));
                assert_eq!(error.kind(), PrepareErrorKind::Forbidden, "{name} {one:?}");
                assert!(fake.left().is_empty(), "{name} {one:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_right_to_the_target_by_name_is_no_right_to_what_a_scan_makes() {
    let needed = rights(&[strategy::distroless(PROBE)], false);

    let named = |verbs: &[&str]| json!([{"apiGroups": [""], "resources": ["pods"], "verbs": verbs, "resourceNames": ["web-0"]}]);
    let pods = |verb: &str| (false, String::new(), "pods".to_owned(), verb.to_owned());
    for verb in ["get", "watch"] {
        let (fake, _) = with(&without(&needed, &pods(verb)));
        let fake = fake.operator("tester", Some("shop"), &named(&[verb]));
        let cluster = fake.cluster_of("tester").expect("a cluster");
        let strategy = strategy::distroless(PROBE);
        let refused = template(strategy, false).prepare(&cluster, web()).await;
        let error = refused.err().unwrap_or_else(|| panic!("{verb}"));
        assert_eq!(error.kind(), PrepareErrorKind::Forbidden, "{verb}");
        assert!(fake.left().is_empty(), "{verb}");
    }
    // What is done with the target alone.
    let needed = rights(&[strategy::container()], false);
    let (fake, _) = with(&without(&needed, &pods("get")));
    let fake = fake.operator("tester", Some("shop"), &named(&["get"]));
    let cluster = fake.cluster_of("tester").expect("a cluster");
    let report = scan(&cluster, strategy::container(), false).await;
    assert!(report.failure.is_none(), "{:#?}", report.failure);
}

#[tokio::test(start_paused = true)]
async fn a_role_has_nothing_that_no_scan_of_its_strategy_uses() {
    for (name, strategy) in strategies() {
        for apart in [false, true] {
            let needed = rights(std::slice::from_ref(&strategy), apart);
            let (fake, cluster) = with(&needed);
            scan(&cluster, strategy.clone(), apart).await;
            let used: BTreeSet<(bool, String, String, String)> = fake
                .calls()
                .into_iter()
                .map(|call| {
                    (
                        call.namespace == "scans",
                        call.group,
                        call.resource,
                        call.verb,
                    )
                })
                .collect();
            // The scan's identity gets exec from the operator. The other two are for what does not happen here: a watch
            // of the identity's pods begins anew with a list where the server no longer knows its version, and
            // RoleBindings of the identity are looked for where every account of the cluster may do something.
            let excused = |one: &(bool, String, String, String)| {
                let rare = [("pods", "list"), ("rolebindings", "list")];
                one.2 == "pods/exec" || rare.contains(&(one.2.as_str(), one.3.as_str()))
            };
            let given = |one: &&(bool, String, String, String)| !excused(one);
            let all = each(&needed);
            let unused: Vec<_> = all
                .iter()
                .filter(given)
                .filter(|one| !used.contains(one))
                .collect();
            assert!(unused.is_empty(), "{name} {apart}: {unused:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_needs_no_right_to_create_and_names_what_a_scan_would_miss() {
    let reads = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]);
    let fake = fake().operator("reader", Some("shop"), &reads);
    let cluster = fake.cluster_of("reader").expect("a cluster");
    for (name, strategy) in strategies() {
        let template = template(strategy, false);
        let plan = template.plan_in(cluster.begin(), web()).await;
        let plan = plan.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let missing = plan.missing_rights.join("\n");
        assert!(
            missing.contains("on jobs.batch, in namespace shop"),
            "{name}: {missing}"
        );
        assert!(missing.contains("pods/exec"), "{name}: {missing}");
        let refused = template.prepare(&cluster, web()).await;
        assert!(refused.is_err_and(|error| error.is_forbidden()), "{name}");
    }
    let apart = template(strategy::container(), true);
    let plan = apart.plan_in(cluster.begin(), web()).await;
    let missing = plan.unwrap_or_else(|error| panic!("{error:?}"));
    let missing = missing.missing_rights.join("\n");
    for namespace in ["shop", "scans"] {
        let job = format!("on jobs.batch, in namespace {namespace}");
        assert!(missing.contains(&job), "{job}: {missing}");
    }
    let whole = fake.cluster().expect("a cluster");
    let plan = template(strategy::container(), false)
        .plan_in(whole.begin(), web())
        .await;
    assert!(plan.is_ok_and(|plan| plan.missing_rights.is_empty()));
}
