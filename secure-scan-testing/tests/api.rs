//! The fake's API against plain clients of kube's.

#![expect(clippy::panic, reason = "a helper of a test fails the test")]

use std::{collections::BTreeMap, time::Duration};

use futures_util::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{ConfigMap, Namespace, Pod, Secret, ServiceAccount},
    rbac::v1::Role,
};
use kube::{
    Api, Client, ResourceExt as _,
    api::{
        DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions, WatchEvent,
        WatchParams,
    },
};
use secure_scan_testing::{FakeCluster, Fault};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn object<K: DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).expect("an object")
}

fn client(cluster: &FakeCluster) -> Client {
    cluster.client().expect("a client")
}

fn web() -> Value {
    json!({
        "metadata": {"namespace": "shop", "name": "web-0", "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": "registry.example/web:1"}]},
    })
}

fn lease(name: &str, seconds: u64) -> Job {
    object(json!({
        "metadata": {"name": name},
        "spec": {"parallelism": 0, "activeDeadlineSeconds": seconds, "ttlSecondsAfterFinished": 0, "template": {
            "spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a"}]},
        }},
    }))
}

fn code<T: std::fmt::Debug>(answer: kube::Result<T>) -> u16 {
    match answer {
        Err(kube::Error::Api(status)) => status.code,
        other => panic!("no refusal: {other:?}"),
    }
}

fn message<T: std::fmt::Debug>(answer: kube::Result<T>) -> String {
    match answer {
        Err(kube::Error::Api(status)) => status.message.clone(),
        other => panic!("no refusal: {other:?}"),
    }
}

fn settings(name: &str) -> ConfigMap {
    object(json!({"metadata": {"name": name, "labels": {"number": name}}, "data": {"a": "b"}}))
}

#[tokio::test(start_paused = true)]
async fn objects_are_created_read_changed_and_deleted() {
    let cluster = FakeCluster::new().pod(web());
    let api: Api<ConfigMap> = Api::namespaced(client(&cluster), "shop");
    let post = PostParams::default();
    let made = api.create(&post, &settings("one")).await.expect("created");
    assert!(made.uid().is_some() && made.creation_timestamp().is_some());
    assert_eq!(code(api.create(&post, &settings("one")).await), 409);
    assert_eq!(
        message(api.get("two").await),
        "configmaps \"two\" not found"
    );
    let patch = json!({"data": {"a": null, "c": "d"}});
    let patched = api
        .patch("one", &PatchParams::default(), &Patch::Merge(&patch))
        .await
        .expect("patched");
    assert_eq!(
        patched.data,
        Some(BTreeMap::from([("c".into(), "d".into())]))
    );
    assert_eq!(
        code(api.replace("one", &post, &made).await),
        409,
        "an old version"
    );
    let precondition = |uid: &str| DeleteParams {
        preconditions: Some(Preconditions {
            uid: Some(uid.into()),
            resource_version: None,
        }),
        ..DeleteParams::background()
    };
    assert_eq!(code(api.delete("one", &precondition("other")).await), 409);
    let gone = api
        .delete("one", &precondition(&made.uid().expect("a UID")))
        .await
        .expect("deleted");
    let status = gone.right().expect("a status");
    assert_eq!(status.details.map(|d| d.uid), made.uid());
    assert_eq!(code(api.delete("one", &DeleteParams::default()).await), 404);
    let dry = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    api.create(&dry, &settings("one"))
        .await
        .expect("nothing is made");
    assert!(cluster.left().is_empty(), "{:?}", cluster.left());
    let lost: Api<ConfigMap> = Api::namespaced(client(&cluster), "nowhere");
    assert_eq!(
        message(lost.create(&post, &settings("one")).await),
        "namespaces \"nowhere\" not found"
    );
}

#[tokio::test(start_paused = true)]
async fn lists_have_selectors_pages_and_metadata_alone() {
    let mut cluster = FakeCluster::new();
    for number in 0..5 {
        cluster = cluster.object(json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"namespace": "shop", "name": format!("s{number}"), "labels": {"odd": (number % 2).to_string()}},
            "stringData": {"a": "b"},
        }));
    }
    let api: Api<Secret> = Api::namespaced(client(&cluster), "shop");
    let odd = api
        .list(&ListParams::default().labels("odd=1"))
        .await
        .expect("a list");
    assert_eq!(odd.items.len(), 2);
    assert!(odd.items[0].data.is_some());
    let first = api
        .list(&ListParams::default().limit(2))
        .await
        .expect("a page");
    assert_eq!(first.metadata.remaining_item_count, Some(3));
    let token = first.metadata.continue_.expect("more");
    let next = api
        .list(&ListParams::default().continue_token(&token))
        .await
        .expect("a page");
    assert_eq!(next.items[0].name_any(), "s2");
    let all: Api<Secret> = Api::all(client(&cluster));
    let named = all
        .list_metadata(&ListParams::default().fields("metadata.name=s3"))
        .await
        .expect("a list");
    assert_eq!(named.items.len(), 1);
    assert_eq!(
        code(all.list(&ListParams::default().labels("a b")).await),
        400
    );
    let namespaces: Api<Namespace> = Api::all(client(&cluster));
    assert_eq!(
        namespaces
            .get_metadata("shop")
            .await
            .expect("it is there")
            .name_any(),
        "shop"
    );
}

#[tokio::test(start_paused = true)]
async fn a_lease_ends_with_all_that_it_owns_in_no_time() {
    let real = std::time::Instant::now();
    let cluster = FakeCluster::new().pod(web());
    let jobs: Api<Job> = Api::namespaced(client(&cluster), "shop");
    let made = jobs
        .create(&PostParams::default(), &lease("lease", 300))
        .await
        .expect("created");
    let watch = WatchParams::default()
        .fields("metadata.name=lease")
        .timeout(290);
    let version = made.resource_version().expect("a version");
    let mut events = jobs.watch(&watch, &version).await.expect("a watch").boxed();
    let Some(Ok(WatchEvent::Modified(started))) = events.next().await else {
        panic!("it starts");
    };
    assert!(started.status.expect("a status").start_time.is_some());
    let owner =
        json!([{"apiVersion": "batch/v1", "kind": "Job", "name": "lease", "uid": made.uid()}]);
    let secrets: Api<Secret> = Api::namespaced(client(&cluster), "shop");
    let anchor = object(json!({"metadata": {"name": "anchor", "ownerReferences": owner}}));
    secrets
        .create(&PostParams::default(), &anchor)
        .await
        .expect("created");
    assert_eq!(cluster.left().len(), 2);
    tokio::time::sleep(Duration::from_secs(200)).await;
    assert_eq!(cluster.left().len(), 2, "the lease runs");
    tokio::time::sleep(Duration::from_secs(101)).await;
    assert!(cluster.left().is_empty(), "{:?}", cluster.left());
    let rest: Vec<_> = events.try_collect().await.expect("events");
    assert!(
        matches!(rest.first(), Some(WatchEvent::Bookmark(_))),
        "a mark each minute"
    );
    assert!(
        real.elapsed() < Duration::from_secs(20),
        "the clock is virtual"
    );
    // An owner that is not there any more is no owner.
    let late = object(json!({"metadata": {"name": "late", "ownerReferences": owner}}));
    secrets
        .create(&PostParams::default(), &late)
        .await
        .expect("created");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(code(secrets.get("late").await), 404);
}

#[tokio::test(start_paused = true)]
async fn a_watch_sees_what_comes_and_goes_and_an_old_version_is_refused() {
    let cluster = FakeCluster::new().pod(web());
    let api: Api<Pod> = Api::namespaced(client(&cluster), "shop");
    let labelled = WatchParams::default().labels("app=web");
    let mut events = api.watch(&labelled, "").await.expect("a watch").boxed();
    assert!(matches!(
        events.next().await,
        Some(Ok(WatchEvent::Added(_)))
    ));
    cluster.edit("pods", "shop", "web-0", |pod| {
        pod["metadata"]["labels"]["app"] = json!("other");
    });
    assert!(
        matches!(events.next().await, Some(Ok(WatchEvent::Deleted(_)))),
        "it left the selection"
    );
    cluster.end_watches();
    assert!(events.next().await.is_none());
    cluster.compact();
    let mut events = api.watch(&labelled, "1").await.expect("a watch").boxed();
    assert!(
        matches!(events.next().await, Some(Ok(WatchEvent::Error(status))) if status.code == 410)
    );
}

#[tokio::test(start_paused = true)]
async fn pods_end_in_time_and_finalizers_hold() {
    let cluster = FakeCluster::new().pod(web());
    let api: Api<Pod> = Api::namespaced(client(&cluster), "shop");
    let answer = api
        .delete("web-0", &DeleteParams::background())
        .await
        .expect("deleted");
    let left = answer.left().expect("the pod as it is");
    assert!(left.metadata.deletion_timestamp.is_some());
    assert!(api.get("web-0").await.is_ok(), "its node ends it");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(code(api.get("web-0").await), 404);
    let roles: Api<Role> = Api::namespaced(client(&cluster), "shop");
    let held = object(json!({"metadata": {"name": "r", "finalizers": ["example.com/hold"]}}));
    roles
        .create(&PostParams::default(), &held)
        .await
        .expect("created");
    let answer = roles
        .delete("r", &DeleteParams::background())
        .await
        .expect("marked");
    assert!(
        answer
            .left()
            .expect("a role")
            .metadata
            .deletion_timestamp
            .is_some()
    );
    let free = json!({"metadata": {"finalizers": null}});
    roles
        .patch("r", &PatchParams::default(), &Patch::Merge(&free))
        .await
        .expect("freed");
    assert_eq!(code(roles.get("r").await), 404);
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_is_made_runs_and_ends_at_its_deadline() {
    let cluster = FakeCluster::new().namespace("shop", &json!({}));
    let api: Api<Pod> = Api::namespaced(client(&cluster), "shop");
    let pod = object(json!({"metadata": {"name": "own"}, "spec": {
        "activeDeadlineSeconds": 30, "restartPolicy": "Never",
        "initContainers": [{"name": "first", "image": "i", "command": ["/secure-scan-probe", "barrier", "5"]}],
        "containers": [{"name": "own", "image": "registry.example/own:1"}],
    }}));
    api.create(&PostParams::default(), &pod)
        .await
        .expect("created");
    let phase = async || {
        let status = api
            .get("own")
            .await
            .expect("the pod")
            .status
            .expect("a status");
        (
            status.phase.expect("a phase"),
            status.reason.unwrap_or_default(),
        )
    };
    assert_eq!(phase().await.0, "Pending");
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(
        phase().await.0,
        "Failed",
        "nobody told its first container to go"
    );
    api.delete("own", &DeleteParams::background())
        .await
        .expect("deleted");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut pod: Pod = pod;
    pod.spec.as_mut().expect("a spec").init_containers = None;
    api.create(&PostParams::default(), &pod)
        .await
        .expect("created");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(phase().await.0, "Running");
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(phase().await, ("Failed".into(), "DeadlineExceeded".into()));
}

#[tokio::test(start_paused = true)]
async fn faults_strike_the_nth_call_and_no_other() {
    let cluster = FakeCluster::new()
        .pod(web())
        .fault(Fault::on("get", "pods").nth(2).status(503))
        .fault(Fault::on("list", "secrets").times(1).status_with(403, "no"))
        .fault(Fault::on("get", "serviceaccounts").malformed())
        .fault(Fault::on("list", "configmaps").delay(Duration::from_secs(70)))
        .fault(Fault::on("create", "configmaps").lose_answer())
        .fault(Fault::on("create", "secrets").cut())
        .fault(Fault::on("watch", "*").hang());
    let pods: Api<Pod> = Api::namespaced(client(&cluster), "shop");
    assert!(pods.get("web-0").await.is_ok());
    assert_eq!(code(pods.get("web-0").await), 503);
    assert!(pods.get("web-0").await.is_ok());
    let secrets: Api<Secret> = Api::namespaced(client(&cluster), "shop");
    assert_eq!(message(secrets.list(&ListParams::default()).await), "no");
    assert!(secrets.list(&ListParams::default()).await.is_ok());
    let accounts: Api<ServiceAccount> = Api::namespaced(client(&cluster), "shop");
    assert!(matches!(
        accounts.get("default").await,
        Err(kube::Error::SerdeError(_))
    ));
    let maps: Api<ConfigMap> = Api::namespaced(client(&cluster), "shop");
    maps.list(&ListParams::default()).await.expect("a list");
    assert!(cluster.elapsed() >= Duration::from_secs(70));
    assert!(
        maps.create(&PostParams::default(), &settings("lost"))
            .await
            .is_err()
    );
    assert!(
        cluster.get("configmaps", "shop", "lost").is_some(),
        "it was done"
    );
    let secret = object(json!({"metadata": {"name": "cut"}}));
    assert!(
        secrets
            .create(&PostParams::default(), &secret)
            .await
            .is_err()
    );
    assert!(
        cluster.get("secrets", "shop", "cut").is_none(),
        "it was not done"
    );
    let all = WatchParams::default();
    let watch = pods.watch(&all, "");
    assert!(
        tokio::time::timeout(Duration::from_mins(15), watch)
            .await
            .is_err()
    );
    let statuses: Vec<_> = cluster.calls().iter().map(|call| call.status).collect();
    let (ok, cut) = (Some(200), None);
    assert_eq!(
        statuses,
        [ok, Some(503), ok, Some(403), ok, ok, ok, cut, cut, cut]
    );
    assert_eq!(
        cluster.calls()[1].to_string(),
        "2 get pods shop/web-0 as operator: 503"
    );
    cluster.clear_faults();
    assert!(pods.watch(&WatchParams::default(), "").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn somebody_can_act_at_the_nth_call_and_webhooks_refuse() {
    let cluster = FakeCluster::new()
        .pod(web())
        .fault(Fault::on("get", "pods").nth(2).doing(|cluster| {
            cluster.replace_pod("shop", "web-0");
        }))
        .admission(|user, object| {
            object["metadata"]["annotations"]["by"] = json!(user);
            if object["kind"] == "Role" {
                Err("no roles here".into())
            } else {
                Ok(())
            }
        });
    let pods: Api<Pod> = Api::namespaced(client(&cluster), "shop");
    let (first, second) = (
        pods.get("web-0").await.expect("a pod"),
        pods.get("web-0").await.expect("a pod"),
    );
    assert_ne!(first.uid(), second.uid());
    let roles: Api<Role> = Api::namespaced(client(&cluster), "shop");
    let role = object(json!({"metadata": {"name": "r"}}));
    let refused = message(roles.create(&PostParams::default(), &role).await);
    assert!(
        refused.contains("denied the request: no roles here"),
        "{refused}"
    );
    let maps: Api<ConfigMap> = Api::namespaced(client(&cluster), "shop");
    let made = maps
        .create(&PostParams::default(), &settings("a"))
        .await
        .expect("created");
    assert_eq!(made.annotations()["by"], "operator");
}

#[tokio::test]
async fn in_real_time_many_clients_work_at_once() {
    let cluster = FakeCluster::new()
        .pod(web())
        .pace(secure_scan_testing::Pace::instant());
    let client = client(&cluster);
    let all = (0..200).map(|number| {
        let api: Api<ConfigMap> = Api::namespaced(client.clone(), "shop");
        async move {
            let name = format!("m{number}");
            api.create(&PostParams::default(), &settings(&name))
                .await
                .expect("created");
            api.delete(&name, &DeleteParams::default())
                .await
                .expect("deleted");
        }
    });
    futures_util::stream::iter(all)
        .buffer_unordered(32)
        .collect::<Vec<()>>()
        .await;
    assert!(cluster.left().is_empty());
    assert_eq!(cluster.call_count(), 400);
}
