//! Pods that cannot be scanned as they are.

use scanner_core::Remedy;
use scanner_k8s::plan::resolve::ResolveError;
use secure_scan::TargetSelector;
use secure_scan_testing::FakeCluster;
use serde_json::json;

use crate::support::{bare, hint, named, plan, refused, replica, shop, state, terminating};

#[tokio::test]
async fn pods_that_cannot_be_scanned_are_passed_over_and_named() {
    let crash = json!({"status": {"phase": "Running", "containerStatuses": [
        state("web", &json!({"waiting": {"reason": "CrashLoopBackOff"}}))]}});
    let pending = json!({"status": {"phase": "Pending", "containerStatuses": [
        state("web", &json!({"waiting": {"reason": "ContainerCreating"}}))]}});
    let evicted = json!({"status": {"phase": "Failed", "reason": "Evicted"}});
    let cluster = shop()
        .pod(replica("web-1", 1, &evicted))
        .pod(replica("web-2", 2, &terminating()))
        .pod(replica("web-3", 3, &crash))
        .pod(replica(
            "web-4",
            4,
            &json!({"status": {"phase": "Succeeded"}}),
        ))
        .pod(replica("web-5", 5, &json!({})))
        .pod(replica("web-6", 6, &pending));
    for target in [
        named("deploy/web"),
        TargetSelector::labels("shop", "app=web"),
    ] {
        let plan = plan(&cluster, target).await;
        assert_eq!(plan.target.pod.as_str(), "web-5");
        let why = plan.target_choice.join("\n");
        for words in [
            "the only one that can be scanned",
            "web-1 (finished: Failed, Evicted)",
            "web-2 (terminating)",
            "web-3 (web: CrashLoopBackOff)",
            "web-4 (finished: Succeeded)",
        ] {
            assert!(why.contains(words), "{words} is missing: {why}");
        }
    }
}

#[tokio::test]
async fn a_pod_that_was_pinned_and_is_gone_was_not_named_wrongly() {
    let pod = json!({"metadata": {"namespace": "shop", "name": "web-0", "uid": "uid-old"}});
    let pod = serde_json::from_value(pod).expect("a pod");
    let again = FakeCluster::new().pod(bare("web-0", &json!({})));
    let gone = FakeCluster::new().pod(bare("web-1", &json!({})));
    for cluster in [again, gone] {
        let error = refused(&cluster, TargetSelector::of(&pod)).await;
        assert!(matches!(error, ResolveError::Replaced(..)), "{error:?}");
        assert!(!error.is_unknown_name(), "{error:?}");
        assert!(
            error.to_string().contains("gone, or was replaced"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_terminating_pod_is_refused_at_once_with_what_takes_its_place() {
    let cluster = shop().pod(replica("web-5d9c-a", 1, &terminating()));
    for target in [named("web-5d9c-a"), named("deploy/web")] {
        let error = refused(&cluster, target).await;
        assert!(error.to_string().contains("terminating"), "{error}");
        assert!(hint(&error).contains("deploy/web"), "{}", hint(&error));
    }
    let alone = FakeCluster::new().pod(bare("drain", &terminating()));
    let error = refused(&alone, named("drain")).await;
    assert!(
        matches!(error.remedy(), Some(Remedy::ScanImage { .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn what_does_not_run_any_more_has_an_image_that_can_be_scanned() {
    let digest = "registry.example/web@sha256:".to_owned() + &"a".repeat(64);
    for (status, words) in [
        (
            json!({"phase": "Running", "containerStatuses": [state("web", &json!({"waiting": {"reason": "CrashLoopBackOff"}}))]}),
            "CrashLoopBackOff",
        ),
        (
            json!({"phase": "Running", "containerStatuses": [state("web", &json!({"terminated": {"exitCode": 1, "reason": "Error"}}))]}),
            "exit code 1",
        ),
        (
            json!({"phase": "Succeeded", "containerStatuses": [state("web", &json!({"terminated": {"exitCode": 0, "reason": "Completed"}}))]}),
            "Succeeded",
        ),
        (
            json!({"phase": "Failed", "reason": "Evicted", "containerStatuses": [state("web", &json!({"terminated": {"exitCode": 137, "reason": "Error"}}))]}),
            "Evicted",
        ),
    ] {
        let cluster = FakeCluster::new().pod(bare("web-0", &json!({"status": status})));
        let error = refused(&cluster, named("web-0")).await;
        assert!(error.to_string().contains(words), "{error}");
        let Some(Remedy::ScanImage { image, namespace }) = error.remedy() else {
            panic!("{error:?}");
        };
        assert_eq!((image, namespace.as_str()), (Some(digest.clone()), "shop"));
    }
}

#[tokio::test]
async fn what_does_not_start_is_not_waited_for() {
    let waits = |reason: &str, restarts: u32| {
        let mut state = state("web", &json!({"waiting": {"reason": reason}}));
        state["restartCount"] = json!(restarts);
        json!({"status": {"phase": "Running", "containerStatuses": [state]}})
    };
    for (reason, restarts, meant) in [
        ("RunContainerError", 3, "image"),
        ("CreateContainerError", 1, "image"),
        ("RunContainerError", 0, "describe"),
        ("CreateContainerConfigError", 0, "describe"),
        ("ErrImagePull", 0, "describe"),
        ("ImagePullBackOff", 0, "describe"),
        ("InvalidImageName", 0, "describe"),
        ("ContainerCreating", 0, "again"),
        ("ContainerCreating", 2, "again"),
        ("PodInitializing", 0, "again"),
    ] {
        let cluster = FakeCluster::new().pod(bare("web-0", &waits(reason, restarts)));
        let error = refused(&cluster, named("web-0")).await;
        assert!(error.to_string().contains(reason), "{error}");
        let given = match error.remedy() {
            Some(Remedy::ScanImage { .. }) => "image",
            Some(Remedy::DescribePod { namespace, pod }) => {
                assert_eq!((namespace.as_str(), pod.as_str()), ("shop", "web-0"));
                "describe"
            }
            Some(Remedy::ScanAgain { .. }) => "again",
            other => panic!("{reason}: {other:?}"),
        };
        assert_eq!(given, meant, "{reason} {restarts}");
    }
}

#[tokio::test]
async fn an_image_that_a_shell_would_take_for_more_is_not_part_of_a_hint() {
    let pod = bare(
        "web-0",
        &json!({
        "spec": {"containers": [{"name": "web", "image": "x; rm -rf ~"}]}, "status": {"phase": "Failed"}}),
    );
    let error = refused(&FakeCluster::new().pod(pod), named("web-0")).await;
    let remedy = error.remedy();
    assert!(
        matches!(remedy, Some(Remedy::ScanImage { image: None, .. })),
        "{remedy:?}"
    );
}
