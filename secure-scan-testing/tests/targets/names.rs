//! Names and labels that mean no one target, and what the operator needs to read one.

use scanner_core::{FailureKind, Remedy};
use scanner_k8s::{plan::resolve::ResolveError, scan::PrepareError};
use secure_scan::{Profile, Scan, TargetSelector, strategy};
use secure_scan_testing::FakeCluster;
use serde_json::json;

use crate::support::{
    bare, hint, may_name_workloads, named, prepare, refused, replica, shop, workload,
};

#[tokio::test]
async fn labels_that_mean_different_workloads_mean_none_of_them() {
    let cluster = FakeCluster::new()
        .pod(bare("web-0", &json!({})))
        .pod(bare("web-1", &json!({})));
    let error = refused(&cluster, TargetSelector::labels("shop", "app=web")).await;
    assert!(
        error.to_string().contains("pod/web-0, pod/web-1"),
        "{error}"
    );
    assert!(hint(&error).contains("one workload"), "{}", hint(&error));
}

#[tokio::test]
async fn a_wrong_name_is_answered_with_the_one_that_was_meant() {
    let cluster = shop()
        .object(workload("apps/v1", "Deployment", "web-api", "uid-api"))
        .pod(replica("web-5d9c-a", 1, &json!({})))
        .pod(bare("db-0", &json!({})));
    for (target, meant) in [
        (named("db-1"), "db-0"),
        (named("web"), "deploy/web"),
        (named("deploy/wbe"), "deploy/web"),
        (named("deploy/web-apo"), "deploy/web-api"),
        (named("webb"), "deploy/web"),
        (named("sts/web"), "deploy/web"),
        (named("db-0").container("wbe"), "web"),
        (TargetSelector::pod("shpo", "db-0"), "shop"),
    ] {
        let error = refused(&cluster, target).await;
        assert!(error.is_unknown_name(), "{error:?}");
        let hint = hint(&error);
        assert!(
            hint.starts_with("did you mean ") && hint.contains(meant),
            "{error}: {hint}"
        );
    }
    let error = refused(&cluster, named("nothing-like-it")).await;
    assert!(!hint(&error).contains("did you mean"), "{}", hint(&error));
}

/// A scan of a pod with its identity in that namespace, and one of an image there.
fn in_namespace(name: &str) -> [(Scan, TargetSelector); 2] {
    let scan = || Scan::template().engine(Profile::shipped("sbom").expect("a profile"));
    let image = TargetSelector::image(name, "registry.example/web:1");
    [
        (
            scan()
                .strategy(strategy::container())
                .identity_namespace(name),
            named("db-0"),
        ),
        (scan().strategy(strategy::sidecar("lab/probe:1")), image),
    ]
}

#[tokio::test]
async fn a_plan_for_a_namespace_that_does_not_exist_is_refused() {
    let cluster = FakeCluster::new()
        .pod(bare("db-0", &json!({})))
        .namespace("scans", &json!({}));
    let segment = || cluster.cluster().expect("a cluster").begin();
    for (scan, target) in in_namespace("scnas") {
        let error = scan.plan_in(segment(), target).await.expect_err("refused");
        assert!(error.is_unknown_name(), "{error}");
        assert_eq!(error.to_string(), "namespace scnas not found");
        let hint = error.remedy().expect("a remedy").to_string();
        assert!(hint.starts_with("did you mean scans?"), "{hint}");
    }
    for (scan, target) in in_namespace("scans") {
        let planned = scan.plan_in(segment(), target).await;
        assert!(planned.is_ok(), "{:?}", planned.err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_scan_says_that_its_namespace_does_not_exist() {
    let cluster = FakeCluster::new()
        .pod(bare("db-0", &json!({})))
        .namespace("scans", &json!({}));
    for (scan, target) in in_namespace("scnas") {
        let connected = cluster.cluster().expect("a cluster");
        let prepared = scan.prepare(&connected, target).await.expect("prepared");
        let report = prepared.spawn().await;
        let failure = report.failure.expect("a failure");
        assert_eq!(failure.kind, FailureKind::NoNamespace, "{failure:?}");
        let message = failure.message.escaped(400);
        assert!(message.contains("namespace scnas not found"), "{message}");
        let hint = failure.hint.expect("a hint");
        assert!(hint.starts_with("did you mean scans?"), "{hint}");
        assert!(cluster.left().is_empty(), "{:?}", cluster.left());
    }
}

#[tokio::test]
async fn without_the_right_to_list_a_wrong_name_is_only_not_found() {
    let rules = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]);
    let cluster = FakeCluster::new()
        .pod(bare("db-0", &json!({})))
        .operator_may(&rules);
    let error = refused(&cluster, named("db-1")).await;
    assert!(
        matches!(&error, ResolveError::NoPod { similar, .. } if similar.is_empty()),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_workload_is_read_with_get_on_it_alone_and_the_error_names_the_right() {
    let pods =
        json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}]);
    let cluster = shop()
        .pod(replica("web-5d9c-a", 1, &json!({})))
        .operator_may(&pods);
    let error = refused(&cluster, named("deploy/web")).await;
    let words = scanner_core::cause::chain(&error);
    assert!(
        words.contains("get") && words.contains("deployments"),
        "{words}"
    );
    assert_eq!(error.remedy(), Some(Remedy::AskAdministrator));
    let cluster = shop()
        .pod(replica("web-5d9c-a", 1, &json!({})))
        .operator_may(&may_name_workloads());
    // Past the target, the rights of the scan itself are missing.
    let Err(error) = prepare(&cluster, named("deploy/web")).await else {
        panic!("it has no right to scan");
    };
    assert!(matches!(error, PrepareError::Forbidden(_)), "{error:?}");
}
