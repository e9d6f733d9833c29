//! An authorizer beside RBAC that lists nothing, as managed clusters have: what it allows to every account is asked for.

use scanner_core::report::{ControlStage, Verdict};
use secure_scan::{Profile, Scan, ScanReport, TargetSelector, engines::Inline, strategy};
use secure_scan_testing::{FakeCluster, samples};
use serde_json::{Value, json};

async fn scan(rights: &Value) -> (FakeCluster, ScanReport) {
    let fake = FakeCluster::new()
        .namespace("scans", &json!({}))
        .pod(json!({
            "metadata": {"namespace": "shop", "name": "web-0"},
            "spec": {"containers": [{"name": "web", "image": "registry.example/web:1"}]},
        }))
        .answers(samples::healthy())
        .unlisted_rights(rights);
    let cluster = fake.cluster().expect("a cluster");
    let profile = Profile::shipped("sbom").expect("a profile");
    // In a thread of its own, an engine would work while the paused clock runs ahead.
    let scan = Scan::template()
        .host(Inline)
        .engine(profile)
        .strategy(strategy::container())
        .identity_namespace("scans");
    let target = TargetSelector::pod("shop", "web-0");
    let prepared = scan.prepare(&cluster, target).await.expect("a plan");
    (fake, prepared.run().await)
}

#[tokio::test]
async fn an_incomplete_list_is_not_called_all_that_every_account_may_do() {
    let harmless =
        json!([{"apiGroups": ["example.com"], "resources": ["widgets"], "verbs": ["get"]}]);
    for rights in [json!([]), harmless] {
        let (fake, report) = scan(&rights).await;
        assert_eq!(report.verdict, Verdict::Passed, "{:#?}", report.failure);
        let control = report.controls.iter().find(|c| c.id == "everyones-rights");
        let ControlStage::Done { evidence } = &control.expect("the control").verified else {
            panic!("{control:#?}");
        };
        for (sentence, namespace) in evidence.0.iter().zip(["shop", "scans"]) {
            assert!(
                sentence.contains(namespace)
                    && sentence.contains("incomplete")
                    && sentence.contains("denies: get secrets"),
                "{sentence}"
            );
        }
        assert_eq!(evidence.0.len(), 2);
        assert!(fake.left().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_dangerous_right_that_no_list_shows_is_refused() {
    for (group, resource, verb) in [
        ("", "secrets", "get"),
        ("", "pods/exec", "create"),
        ("", "pods/ephemeralcontainers", "patch"),
        ("", "serviceaccounts/token", "create"),
        ("apps", "deployments", "create"),
        ("rbac.authorization.k8s.io", "rolebindings", "create"),
        ("*", "*", "*"),
    ] {
        let (fake, report) =
            scan(&json!([{"apiGroups": [group], "resources": [resource], "verbs": [verb]}])).await;
        assert_eq!(report.verdict, Verdict::Failed, "{resource}");
        let failure = report.failure.expect("a failure");
        assert!(
            failure.message.raw().contains("an authorizer beside RBAC"),
            "{failure:#?}"
        );
        assert!(failure.remedy.is_some(), "{failure:#?}");
        let bound = fake
            .calls()
            .into_iter()
            .any(|call| call.resource == "rolebindings" && call.verb == "create");
        assert!(!bound, "the identity got rights");
        assert!(fake.left().is_empty());
    }
}
