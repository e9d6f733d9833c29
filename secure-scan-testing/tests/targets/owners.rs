//! Which pods belong to a workload: those that it owns, and no others with its labels.

use scanner_k8s::plan::resolve::ResolveError;
use secure_scan::TargetSelector;
use secure_scan_testing::FakeCluster;
use serde_json::json;

use crate::support::{
    HASH, bare, hint, may_name_workloads, merge, named, of_set, plan, plan_only, refused, replica,
    replica_set, shop, terminating, workload,
};

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
