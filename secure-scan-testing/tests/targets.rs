//! Targets as kubectl names them, on the fake: which pod and container is taken, and what is said where there is none.

#![expect(clippy::panic, reason = "a helper of a test fails the test")]

use scanner_core::{Remedy, ScanPlan};
use scanner_k8s::{plan::resolve::ResolveError, scan::PrepareError};
use secure_scan::{PreparedScan, Profile, Scan, TargetSelector};
use secure_scan_testing::FakeCluster;
use serde_json::{Value, json};

const HASH: &str = "5d9c";

/// A pod of a `ReplicaSet` of deployment `web`, created at that minute.
fn replica(name: &str, minute: u32, more: &Value) -> Value {
    let mut pod = json!({
        "metadata": {
            "namespace": "shop", "name": name, "uid": format!("uid-{name}"),
            "labels": {"app": "web", "pod-template-hash": HASH},
            "creationTimestamp": format!("2026-01-01T00:{minute:02}:00Z"),
            "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("web-{HASH}"), "uid": "uid-rs",
                "controller": true,
            }],
        },
        "spec": {"containers": [{"name": "web", "image": "registry.example/web:1"}]},
    });
    merge(&mut pod, more);
    pod
}

fn merge(into: &mut Value, more: &Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (key, value) in more {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, more) => *into = more.clone(),
    }
}

fn workload(api: &str, kind: &str, name: &str, uid: &str) -> Value {
    json!({
        "apiVersion": api, "kind": kind, "metadata": {"namespace": "shop", "name": name, "uid": uid},
        "spec": {"selector": {"matchLabels": {"app": "web"}}},
    })
}

/// A pod without an owner.
fn bare(name: &str, more: &Value) -> Value {
    let mut pod = json!({
        "metadata": {"namespace": "shop", "name": name, "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": "registry.example/web:1"}]},
    });
    merge(&mut pod, more);
    pod
}

/// A `ReplicaSet` of the Deployment of that UID, or of none.
fn replica_set(name: &str, uid: &str, deployment: Option<&str>) -> Value {
    let mut set = workload("apps/v1", "ReplicaSet", name, uid);
    if let Some(deployment) = deployment {
        set["metadata"]["ownerReferences"] = json!([{
            "apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": deployment, "controller": true,
        }]);
    }
    set
}

/// A deployment with a `ReplicaSet`.
fn shop() -> FakeCluster {
    let set = replica_set(&format!("web-{HASH}"), "uid-rs", Some("uid-deploy"));
    FakeCluster::new()
        .object(workload("apps/v1", "Deployment", "web", "uid-deploy"))
        .object(set)
}

/// A pod of another `ReplicaSet` than that of `shop`.
fn of_set(pod: &str, minute: u32, set: &str, uid: &str) -> Value {
    let hash = set.rsplit('-').next().unwrap_or_default();
    let owner = json!({"metadata": {"labels": {"pod-template-hash": hash}, "ownerReferences": [{
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": set, "uid": uid, "controller": true}]}});
    replica(pod, minute, &owner)
}

/// Which rights an operator has who may name workloads, but may not get `ReplicaSets`.
fn may_name_workloads() -> Value {
    json!([
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["apps"], "resources": ["deployments"], "resourceNames": ["web"], "verbs": ["get"]},
    ])
}

/// The plan of an operator who need not have the rights of a scan.
async fn plan_only(cluster: &FakeCluster, target: TargetSelector) -> ScanPlan {
    let connected = cluster.cluster().expect("a cluster");
    let profile = Profile::shipped("sbom").expect("a profile");
    let template = Scan::template().engine(profile);
    let plan = template.plan_in(connected.begin(), target).await;
    plan.unwrap_or_else(|error| panic!("{error:?}"))
}

fn unready() -> Value {
    json!({"status": {"conditions": [{"type": "Ready", "status": "False"}]}})
}

fn state(name: &str, state: &Value) -> Value {
    json!({"name": name, "image": "i", "imageID": "registry.example/web@sha256:".to_owned() + &"a".repeat(64),
        "ready": false, "restartCount": 3, "state": state})
}

fn terminating() -> Value {
    json!({"metadata": {"deletionTimestamp": "2026-01-01T01:00:00Z", "deletionGracePeriodSeconds": 300}})
}

async fn prepare(
    cluster: &FakeCluster,
    target: TargetSelector,
) -> Result<PreparedScan, PrepareError> {
    let connected = cluster.cluster().expect("a cluster");
    let profile = Profile::shipped("sbom").expect("a profile");
    Scan::template()
        .engine(profile)
        .prepare(&connected, target)
        .await
}

async fn plan(cluster: &FakeCluster, target: TargetSelector) -> ScanPlan {
    let prepared = prepare(cluster, target).await;
    prepared
        .unwrap_or_else(|error| panic!("{error:?}"))
        .plan()
        .clone()
}

async fn refused(cluster: &FakeCluster, target: TargetSelector) -> ResolveError {
    let before = cluster.calls().len();
    let error = match prepare(cluster, target).await {
        Err(PrepareError::Resolve(error)) => error,
        Err(error) => panic!("{error:?}"),
        Ok(prepared) => panic!("{:?}", prepared.plan().target),
    };
    let calls = cluster.calls();
    // A review of what the operator may do is created too, and is no object.
    let writes = calls.iter().skip(before).filter(|call| {
        !["get", "list", "watch"].contains(&call.verb.as_str())
            && call.group != "authorization.k8s.io"
    });
    let writes: Vec<String> = writes.map(ToString::to_string).collect();
    assert!(writes.is_empty(), "{writes:?}");
    error
}

fn named(target: &str) -> TargetSelector {
    TargetSelector::named("shop", target)
}

fn hint(error: &ResolveError) -> String {
    error
        .remedy()
        .map(|remedy| remedy.to_string())
        .unwrap_or_default()
}

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
async fn every_kind_of_workload_means_its_own_pods_and_no_others_with_its_labels() {
    for (api, kind, name) in [
        ("apps/v1", "StatefulSet", "sts/db"),
        ("apps/v1", "DaemonSet", "ds/db"),
        ("apps/v1", "ReplicaSet", "rs/db"),
        ("batch/v1", "Job", "job/db"),
        ("v1", "ReplicationController", "rc/db"),
    ] {
        let owner = json!({"metadata": {"ownerReferences": [{
            "apiVersion": api, "kind": kind, "name": "db", "uid": "uid-db", "controller": true,
        }]}});
        let mut set = workload(api, kind, "db", "uid-db");
        if kind == "ReplicationController" {
            set["spec"]["selector"] = json!({"app": "web"});
        }
        let cluster = FakeCluster::new()
            .object(set)
            .pod(bare("a-stranger", &json!({})))
            .pod(bare("db-0", &owner));
        let plan = plan(&cluster, named(name)).await;
        assert_eq!(plan.target.pod.as_str(), "db-0", "{name}");
        let strangers = FakeCluster::new()
            .object(workload("apps/v1", "StatefulSet", "db", "uid-db"))
            .pod(bare("a-stranger", &json!({})));
        let error = refused(&strangers, named("sts/db")).await;
        assert!(matches!(error, ResolveError::NoReplica { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_deployment_owns_by_its_replica_sets_whatever_their_names() {
    let odd = json!({"metadata": {"ownerReferences": [{
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "adopted", "uid": "uid-odd", "controller": true,
    }]}});
    let mut set = workload("apps/v1", "ReplicaSet", "adopted", "uid-odd");
    set["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "uid-deploy", "controller": true,
    }]);
    let adopted = shop().object(set.clone()).pod(bare("x", &odd));
    assert_eq!(
        plan(&adopted, named("deploy/web"))
            .await
            .target
            .pod
            .as_str(),
        "x"
    );
    set["metadata"]["ownerReferences"][0]["uid"] = json!("uid-of-another");
    let other = shop().object(set).pod(bare("x", &odd));
    let error = refused(&other, named("deploy/web")).await;
    assert!(matches!(error, ResolveError::NoReplica { .. }), "{error:?}");
}

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
    assert!(old.target_choice.join("\n").contains("none is ready"));
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
async fn a_replica_set_is_asked_for_its_owner_whatever_its_name_says() {
    // Its pods have the labels, its name and hash are as the deployment would give them, and it is nobody's.
    let stranger = |uid: &str| {
        shop()
            .object(replica_set("web-7f8b", "uid-alone", None))
            .pod(of_set("web-7f8b-a", 1, "web-7f8b", uid))
    };
    let alone = stranger("uid-alone");
    let error = refused(&alone, named("deploy/web")).await;
    assert!(matches!(error, ResolveError::NoReplica { .. }), "{error:?}");
    // Nor is one whose name another set has taken.
    let taken = stranger("uid-gone").object(replica_set("web-7f8b", "uid-x", Some("uid-deploy")));
    let error = refused(&taken, named("deploy/web")).await;
    assert!(matches!(error, ResolveError::NoReplica { .. }), "{error:?}");
    let beside = stranger("uid-alone").pod(replica("web-5d9c-a", 9, &json!({})));
    let ours = plan(&beside, named("deploy/web")).await;
    assert_eq!(ours.target.pod.as_str(), "web-5d9c-a");
    let error = refused(&beside, TargetSelector::labels("shop", "app=web")).await;
    let words = error.to_string();
    assert!(words.contains("deploy/web, rs/web-7f8b"), "{words}");
}

#[tokio::test]
async fn who_may_not_get_replica_sets_goes_by_their_names_and_the_plan_says_so() {
    let cluster = shop()
        .object(replica_set("web-7f8b", "uid-rs2", Some("uid-deploy")))
        .pod(replica("web-5d9c-a", 1, &json!({})))
        .pod(of_set("web-7f8b-a", 2, "web-7f8b", "uid-rs2"))
        .pod(of_set("api-7f8b-a", 0, "api-7f8b", "uid-api"))
        .operator_may(&may_name_workloads());
    let ours = plan_only(&cluster, named("deploy/web")).await;
    assert_eq!(ours.target.pod.as_str(), "web-5d9c-a");
    let why = ours.target_choice.join("\n");
    assert!(why.contains("was decided by its name"), "{why}");
    let whole = shop().pod(replica("web-5d9c-a", 1, &json!({})));
    let sure = plan(&whole, named("deploy/web")).await;
    assert!(sure.target_choice.is_empty(), "{:?}", sure.target_choice);
    let gets = |call: &secure_scan_testing::Call| call.resource == "replicasets";
    assert_eq!(whole.calls().into_iter().filter(gets).count(), 1);
}

#[tokio::test]
async fn no_more_than_ten_replica_sets_are_asked_and_the_plan_says_so() {
    let mut cluster = shop().pod(replica("web-5d9c-a", 30, &json!({})));
    for number in 0..12 {
        let (set, uid) = (format!("web-{number:02}"), format!("uid-a{number:02}"));
        cluster = cluster
            .object(replica_set(&set, &uid, Some("uid-deploy")))
            .pod(of_set(&format!("{set}-a"), number + 1, &set, &uid));
    }
    let plan = plan(&cluster, named("deploy/web")).await;
    assert_eq!(plan.target.pod.as_str(), "web-00-a");
    let why = plan.target_choice.join("\n");
    assert!(why.contains("of the 10 pods that were looked at"), "{why}");
    assert!(why.contains("there are more pods"), "{why}");
    let calls = cluster.calls().into_iter();
    assert_eq!(
        calls
            .filter(|call| call.resource == "replicasets" && call.verb == "get")
            .count(),
        10
    );
}

#[tokio::test]
async fn an_owner_that_is_no_workload_of_kubernetes_is_not_taken_for_one() {
    let owned_by = |api: &str, kind: &str, name: &str| {
        bare(
            "x",
            &json!({"metadata": {"labels": {"pod-template-hash": HASH}, "ownerReferences": [{
                "apiVersion": api, "kind": kind, "name": name, "uid": "uid-x", "controller": true}]}}),
        )
    };
    for (api, kind, name) in [
        ("apps.kruise.io/v1", "ReplicaSet", "web-5d9c"),
        ("v1", "ReplicaSet", "web-5d9c"),
        (
            "apps/v1",
            "ReplicaSet",
            "../../../../api/v1/namespaces/shop/secrets/web-5d9c",
        ),
        ("apps/v1", "ReplicaSet", "web\u{1b}[2J-5d9c"),
    ] {
        let owned = owned_by(api, kind, name);
        let deployment = shop().pod(owned.clone());
        let error = refused(&deployment, named("deploy/web")).await;
        assert!(matches!(error, ResolveError::NoReplica { .. }), "{error:?}");
        // Nothing is asked of what only looks like a ReplicaSet.
        let asked = deployment.calls();
        let asked = asked
            .iter()
            .find(|call| call.uri.contains("5d9c") || call.uri.contains("secrets"));
        assert!(asked.is_none(), "{asked:?}");
        let both = shop()
            .pod(owned.clone())
            .pod(replica("web-5d9c-a", 1, &json!({})));
        let error = refused(&both, TargetSelector::labels("shop", "app=web")).await;
        let words = error.to_string();
        assert!(
            words.contains("deploy/web") && words.contains("different workloads"),
            "{words}"
        );
        assert!(!words.contains('\u{1b}'), "{words}");
        let mut ending = owned;
        merge(&mut ending, &terminating());
        let error = refused(&shop().pod(ending), named("x")).await;
        assert!(!hint(&error).contains("deploy/web"), "{}", hint(&error));
    }
}

/// That many pods of the deployment; `more` is what they have beside that.
fn crowd(count: u32, more: &Value) -> FakeCluster {
    (0..count).fold(shop(), |cluster, number| {
        cluster.pod(replica(
            &format!("web-5d9c-{number:03}"),
            59 - number % 60,
            more,
        ))
    })
}

#[tokio::test]
async fn of_very_many_pods_only_those_that_were_read_are_spoken_of() {
    let whole = crowd(100, &json!({}));
    let all = plan(&whole, named("deploy/web")).await;
    let why = all.target_choice.join("\n");
    assert!(
        why.contains("the oldest of 100 that are ready") && !why.contains("more pods"),
        "{why}"
    );
    let many = crowd(101, &json!({}));
    for target in [
        named("deploy/web"),
        TargetSelector::labels("shop", "app=web"),
    ] {
        let one = plan(&many, target).await;
        let why = one.target_choice.join("\n");
        for words in [
            "the oldest of 100 that are ready, of the 100 pods that were looked at",
            "there are more pods, which were not looked at",
        ] {
            assert!(why.contains(words), "{words}: {why}");
        }
    }
    // One that runs is found behind any number of those that have ended.
    let evicted = json!({"status": {"phase": "Failed", "reason": "Evicted"}});
    let last = crowd(150, &evicted).pod(replica("web-5d9c-z", 1, &json!({})));
    let plan = plan(&last, named("deploy/web")).await;
    assert_eq!(plan.target.pod.as_str(), "web-5d9c-z");
    // Where none runs, those that were not read are not spoken of as if they had been.
    let error = refused(&crowd(150, &evicted), named("deploy/web")).await;
    let words = error.to_string();
    assert!(words.contains("there are more pods"), "{words}");
}

#[tokio::test]
async fn a_deployment_whose_pods_were_not_read_is_not_said_to_have_none() {
    let mut cluster = shop();
    for number in 0..101 {
        cluster = cluster.pod(bare(&format!("a-{number:03}"), &json!({})));
    }
    let error = refused(&cluster, named("deploy/web")).await;
    let words = error.to_string();
    assert!(
        words.contains("among the first 100") && words.contains("not looked at"),
        "{words}"
    );
    let none = refused(&shop(), named("deploy/web")).await.to_string();
    assert!(none.ends_with("has no pod"), "{none}");
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
