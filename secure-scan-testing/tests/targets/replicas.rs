//! Which of the pods of one workload is taken.

use secure_scan::{Profile, Scan, TargetSelector};
use serde_json::json;

use crate::support::{named, of_set, plan, replica, replica_set, shop, unready};

#[tokio::test]
async fn every_way_of_kubectl_to_name_a_deployment_means_one_of_its_pods() {
    let cluster = shop()
        .pod(replica("web-5d9c-b", 2, &json!({})))
        .pod(replica("web-5d9c-a", 1, &json!({})))
        .pod(replica("web-5d9c-c", 3, &json!({})));
    for name in [
        "deploy/web",
        "deployment/web",
        "deployments.apps/web",
        "Deployment/web",
    ] {
        let plan = plan(&cluster, named(name)).await;
        assert_eq!(plan.target.pod.as_str(), "web-5d9c-a", "{name}");
        let why = plan.target_choice.join("\n");
        assert!(why.contains("the oldest of 3 that are ready"), "{why}");
        assert!(why.contains("web-5d9c-b, web-5d9c-c"), "{why}");
    }
    let labels = plan(&cluster, TargetSelector::labels("shop", "app=web")).await;
    assert_eq!(labels.target.pod.as_str(), "web-5d9c-a");
    for name in ["web-5d9c-b", "pod/web-5d9c-b", "po/web-5d9c-b"] {
        let plan = plan(&cluster, named(name)).await;
        assert_eq!(plan.target.pod.as_str(), "web-5d9c-b", "{name}");
        assert!(plan.target_choice.is_empty(), "a name leaves no choice");
    }
}

#[tokio::test]
async fn a_pod_that_is_ready_comes_before_an_older_one_that_is_not() {
    let cluster =
        shop()
            .pod(replica("web-old", 1, &unready()))
            .pod(replica("web-new", 9, &json!({})));
    let one = plan(&cluster, named("deploy/web")).await;
    assert_eq!(one.target.pod.as_str(), "web-new");
    assert!(
        one.target_choice
            .join("\n")
            .contains("the only one that is ready")
    );
    let none = shop()
        .pod(replica("web-old", 1, &unready()))
        .pod(replica("web-new", 9, &unready()));
    let old = plan(&none, named("deploy/web")).await;
    assert_eq!(old.target.pod.as_str(), "web-old");
    assert!(
        old.target_choice
            .join("\n")
            .contains("none of which is ready")
    );
}

#[tokio::test]
async fn replicas_of_two_templates_are_a_rollout_and_said_to_be() {
    let cluster = shop()
        .object(replica_set("web-7f8b", "uid-rs2", Some("uid-deploy")))
        .pod(replica("web-5d9c-a", 1, &json!({})))
        .pod(of_set("web-7f8b-a", 2, "web-7f8b", "uid-rs2"));
    for target in [
        named("deploy/web"),
        TargetSelector::labels("shop", "app=web"),
    ] {
        let plan = plan(&cluster, target).await;
        let why = plan.target_choice.join("\n");
        assert!(
            why.contains("2 templates") && !why.contains("by its name"),
            "{why}"
        );
    }
}

#[tokio::test]
async fn the_next_strategy_looks_at_the_pod_that_was_chosen_first() {
    let cluster = shop()
        .pod(replica("web-5d9c-b", 2, &json!({})))
        .pod(replica("web-5d9c-a", 1, &json!({})));
    let connected = cluster.cluster().expect("a cluster");
    let profile = Profile::shipped("sbom").expect("a profile");
    let strategy = secure_scan::strategy::auto().probe_image("registry.example/probe:1");
    let template = Scan::template().engine(profile).strategy(strategy);
    let prepared = template.prepare(&connected, named("deploy/web")).await;
    let prepared = prepared.unwrap_or_else(|error| panic!("{error:?}"));
    // A replica that is older by the server's clock would be chosen now.
    let cluster = cluster.pod(replica("web-5d9c-0", 0, &json!({})));
    let whole = prepared.whole_plan().await;
    let fallback = whole
        .fallback
        .and_then(|fallback| fallback.plan)
        .expect("another strategy");
    assert_eq!(fallback.target.pod.as_str(), "web-5d9c-a");
    drop(cluster);
}
