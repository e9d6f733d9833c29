//! Which container of a pod is taken.

use scanner_core::Remedy;
use secure_scan::{Profile, Scan};
use secure_scan_testing::FakeCluster;
use serde_json::{Value, json};

use crate::support::{bare, hint, merge, named, plan, refused, state};

#[tokio::test]
async fn containers_of_every_kind_are_targets() {
    let pod = bare(
        "mesh",
        &json!({"spec": {
            "initContainers": [
                {"name": "setup", "image": "i"}, {"name": "proxy", "image": "i", "restartPolicy": "Always"}],
            "ephemeralContainers": [{"name": "debug", "image": "i"}],
        }}),
    );
    let cluster = FakeCluster::new().pod(pod);
    for name in ["web", "proxy", "debug"] {
        let plan = plan(&cluster, named("mesh").container(name)).await;
        assert_eq!(plan.target.container.as_str(), name);
    }
    let strategy = secure_scan::strategy::distroless("registry.example/probe:1");
    let profile = Profile::shipped("sbom").expect("a profile");
    let template = Scan::template().engine(profile).strategy(strategy);
    let connected = cluster.cluster().expect("a cluster");
    for (name, joined) in [("web", true), ("proxy", true), ("debug", false)] {
        // Kubernetes lets an ephemeral container join no other one.
        let target = named("mesh").container(name);
        let prepared = template.prepare(&connected, target).await;
        assert_eq!(prepared.is_ok(), joined, "{name}");
    }
    assert_eq!(
        plan(&cluster, named("mesh"))
            .await
            .target
            .container
            .as_str(),
        "web"
    );
    let error = refused(&cluster, named("mesh").container("setup")).await;
    assert!(
        error.to_string().contains("not running: Completed"),
        "{error}"
    );
    assert!(
        matches!(error.remedy(), Some(Remedy::ScanImage { .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_init_container_that_runs_is_a_target_and_the_hint_of_those_that_wait() {
    let cluster = FakeCluster::new().pod(bare("stuck", &json!({
        "spec": {"initContainers": [{"name": "wait-for-db", "image": "i"}]},
        "status": {
            "phase": "Pending",
            "initContainerStatuses": [state("wait-for-db", &json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}}))],
            "containerStatuses": [state("web", &json!({"waiting": {"reason": "PodInitializing"}}))],
        },
    })));
    let plan = plan(&cluster, named("stuck").container("wait-for-db")).await;
    assert_eq!(plan.target.container.as_str(), "wait-for-db");
    let error = refused(&cluster, named("stuck")).await;
    assert!(error.to_string().contains("PodInitializing"), "{error}");
    assert!(hint(&error).contains("wait-for-db"), "{}", hint(&error));
}

#[tokio::test]
async fn an_annotation_names_the_container_and_a_stale_one_is_named() {
    const DEFAULT: &str = "kubectl.kubernetes.io/default-container";
    let two = json!({"spec": {"containers": [
        {"name": "web", "image": "i"}, {"name": "log", "image": "i"}]}});
    let annotated = |value: &str, more: &Value| {
        let mut pod = bare(
            "web-0",
            &json!({"metadata": {"annotations": {DEFAULT: value}}}),
        );
        merge(&mut pod, more);
        FakeCluster::new().pod(pod)
    };
    let log = plan(&annotated("log", &two), named("web-0")).await;
    assert_eq!(log.target.container.as_str(), "log");
    let why = log.target_choice.join("\n");
    assert!(
        why.contains("container log: the annotation") && why.contains(DEFAULT),
        "{why}"
    );
    let no_choice = plan(&annotated("web", &json!({})), named("web-0")).await;
    assert!(
        no_choice.target_choice.is_empty(),
        "{:?}",
        no_choice.target_choice
    );
    let only = plan(&annotated("gone\u{1b}[2J", &json!({})), named("web-0")).await;
    assert_eq!(only.target.container.as_str(), "web");
    let why = only.target_choice.join("\n");
    assert!(
        why.contains("gone") && why.contains(DEFAULT) && !why.contains('\u{1b}'),
        "{why}"
    );
    let error = refused(&annotated("gone", &two), named("web-0")).await;
    assert!(
        error.to_string().contains("web, log") && error.to_string().contains("names gone"),
        "{error}"
    );
}
