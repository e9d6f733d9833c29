//! Targets as kubectl names them, on a real cluster: workloads, labels, containers of every kind, and pods that end.

use std::time::{Duration, Instant};

use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet},
        batch::v1::Job,
        core::v1::{EphemeralContainer, Pod},
    },
};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use scanner_tests::{
    TestNamespace, eventually,
    program::{ProgramOutput, program},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn image() -> String {
    std::env::var("SCANNER_E2E_IMAGE").unwrap_or("lab.local/busybox:1".into())
}

fn container(name: &str) -> Value {
    json!({"name": name, "image": image(), "imagePullPolicy": "IfNotPresent"})
}

/// A workload of pods with that label, of one container `web` that the image itself keeps running.
fn workload(name: &str, more: &Value) -> Value {
    let labels = json!({"app": name});
    let mut spec = json!({
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {"terminationGracePeriodSeconds": 0, "containers": [container("web")]},
        },
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    json!({"metadata": {"name": name}, "spec": spec})
}

async fn create<K>(site: &TestNamespace, object: Value)
where
    K: kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + serde::Serialize
        + DeserializeOwned,
{
    let object: K = serde_json::from_value(object).expect("an object");
    let made = site
        .api::<K>()
        .create(&PostParams::default(), &object)
        .await;
    made.expect("create");
}

/// Waits until that many pods with the label are ready, and gives their names.
async fn ready(site: &TestNamespace, label: &str, count: usize) -> Vec<String> {
    let params = ListParams::default().labels(label);
    eventually("pods that are ready", async || {
        let pods = site.api::<Pod>().list(&params).await.ok()?.items;
        let is_ready = |pod: &&Pod| {
            let conditions = pod.status.as_ref().and_then(|s| s.conditions.as_ref());
            let mut all = conditions.into_iter().flatten();
            pod.metadata.deletion_timestamp.is_none()
                && all.any(|c| c.type_ == "Ready" && c.status == "True")
        };
        let names: Vec<String> = pods
            .iter()
            .filter(is_ready)
            .filter_map(|pod| pod.metadata.name.clone())
            .collect();
        (names.len() == count).then_some(names)
    })
    .await
}

async fn phase(site: &TestNamespace, name: &str, wanted: &str) {
    eventually(wanted, async || {
        let pod = site.api::<Pod>().get_opt(name).await.ok()??;
        (pod.status?.phase? == wanted).then_some(())
    })
    .await;
}

/// The plan of a scan of that target, which writes nothing.
async fn plan(site: &TestNamespace, target: &[&str]) -> Value {
    let mut args = target.to_vec();
    args.extend(["--dry-run", "-o", "json"]);
    let output = site.run(&args).await;
    assert_eq!(output.code, 0, "{target:?}: {output:?}");
    output.json()
}

fn choice(plan: &Value) -> String {
    plan["target_choice"].to_string()
}

/// A scan that looked at everything it could, and left nothing.
async fn scanned(site: &TestNamespace, target: &[&str]) -> Value {
    let mut args = target.to_vec();
    args.extend(["-o", "json", "-p", "sbom"]);
    let output = site.run(&args).await;
    assert!(
        output.code <= 1 || output.code == 3,
        "{target:?}: {output:?}"
    );
    let report = output.json();
    assert!(report["failure"].is_null(), "{target:?}: {output:?}");
    assert_eq!(report["post_scan"]["verified"], true, "{output:?}");
    assert_eq!(site.leftovers().await, Vec::<String>::new(), "{target:?}");
    report
}

/// Refused before anything was created.
async fn refused(
    site: &TestNamespace,
    target: &[&str],
    code: i32,
    words: &[&str],
) -> ProgramOutput {
    let started = Instant::now();
    let output = site.run(target).await;
    assert!(started.elapsed() < Duration::from_mins(2), "{target:?}");
    assert_eq!(output.code, code, "{target:?}: {output:?}");
    for word in words {
        assert!(output.err.contains(word), "{word:?} is missing: {output:?}");
    }
    assert_eq!(site.leftovers().await, Vec::<String>::new(), "{target:?}");
    output
}

#[tokio::test]
async fn every_kind_of_workload_is_scanned_by_its_name() {
    let site = TestNamespace::new("workloads").await;
    create::<Deployment>(&site, workload("shop", &json!({"replicas": 2}))).await;
    create::<StatefulSet>(&site, workload("db", &json!({"serviceName": "db"}))).await;
    create::<DaemonSet>(&site, workload("agent", &json!({}))).await;
    let mut job = workload("import", &json!({}));
    job["spec"].as_object_mut().unwrap().remove("selector");
    job["spec"]["template"]["spec"]["restartPolicy"] = json!("Never");
    create::<Job>(&site, job).await;
    let shops = ready(&site, "app=shop", 2).await;
    for (label, count) in [("app=db", 1), ("app=agent", 1), ("app=import", 1)] {
        ready(&site, label, count).await;
    }
    for name in ["deploy/shop", "deployment/shop", "deployments.apps/shop"] {
        let plan = plan(&site, &[name]).await;
        let pod = plan["target"]["pod"].as_str().unwrap().to_owned();
        assert!(shops.contains(&pod), "{plan}");
        assert!(
            choice(&plan).contains("the oldest of 2 that are ready"),
            "{plan}"
        );
    }
    let set = shops[0].rsplit_once('-').unwrap().0;
    for (name, pod) in [
        ("sts/db", "db-0"),
        ("statefulset.apps/db", "db-0"),
        ("ds/agent", "agent-"),
        ("job/import", "import-"),
        (&format!("rs/{set}"), "shop-"),
        ("pod/db-0", "db-0"),
    ] {
        let plan = plan(&site, &[name]).await;
        assert!(
            plan["target"]["pod"].as_str().unwrap().starts_with(pod),
            "{name}: {plan}"
        );
    }
    // A ReplicaSet without an owner, with the labels, the name and the hash that the deployment would give it.
    let labels = json!({"app": "shop", "pod-template-hash": "abc"});
    let mut stranger = workload("shop-abc", &json!({"selector": {"matchLabels": labels}}));
    stranger["spec"]["template"]["metadata"]["labels"] = labels;
    create::<ReplicaSet>(&site, stranger).await;
    ready(&site, "app=shop", 3).await;
    let ours = plan(&site, &["deploy/shop"]).await;
    assert!(choice(&ours).contains("the oldest of 2"), "{ours}");
    let both = ["deploy/shop, rs/shop-abc"];
    refused(&site, &["-l", "app=shop"], 3, &both).await;
    let report = scanned(&site, &["deploy/shop"]).await;
    assert!(
        choice(&report["plan"]).contains("not scanned: shop-"),
        "{}",
        report["plan"]
    );
    refused(
        &site,
        &["deploy/shpo"],
        2,
        &["deployment shpo not found", "did you mean deploy/shop"],
    )
    .await;
    refused(
        &site,
        &["shop"],
        2,
        &["pod shop not found", "did you mean deploy/shop"],
    )
    .await;
    refused(&site, &["db-1"], 2, &["did you mean db-0"]).await;
    refused(
        &site,
        &["db-0", "-c", "wbe"],
        2,
        &["no container wbe", "did you mean web"],
    )
    .await;
    refused(&site, &["svc/shop"], 2, &["deploy/web"]).await;
    site.remove().await;
}

#[tokio::test]
async fn pods_that_have_ended_are_passed_over_and_belong_to_no_deployment() {
    let site = TestNamespace::new("passed-over").await;
    create::<Deployment>(&site, workload("shop", &json!({}))).await;
    // The others have its label, and are ready for a moment too.
    let [shop] = &ready(&site, "app=shop", 1).await[..] else {
        panic!("one pod is ready");
    };
    let evicted = json!({
        "metadata": {"name": "shop-evicted", "labels": {"app": "shop"}},
        "spec": {"activeDeadlineSeconds": 1, "restartPolicy": "Never", "terminationGracePeriodSeconds": 0,
            "containers": [container("web")]},
    });
    create::<Pod>(&site, evicted).await;
    let mut done = container("web");
    done["command"] = json!(["/bin/sh", "-c", "true"]);
    create::<Job>(
        &site,
        json!({"metadata": {"name": "shop-migrate"}, "spec": {"template": {
            "metadata": {"labels": {"app": "shop"}}, "spec": {"restartPolicy": "Never", "containers": [done]}}}}),
    )
    .await;
    phase(&site, "shop-evicted", "Failed").await;
    eventually("a job that is done", async || {
        let job = site.api::<Job>().get("shop-migrate").await.ok()?;
        (job.status?.succeeded? == 1).then_some(())
    })
    .await;
    let labels = plan(&site, &["-l", "app=shop"]).await;
    assert_eq!(labels["target"]["pod"], shop.as_str());
    let why = choice(&labels);
    assert!(
        why.contains("shop-evicted (finished: Failed, DeadlineExceeded)"),
        "{why}"
    );
    assert!(
        why.contains("shop-migrate-") && why.contains("finished: Succeeded"),
        "{why}"
    );
    let deployment = plan(&site, &["deploy/shop"]).await;
    assert_eq!(deployment["target"]["pod"], shop.as_str());
    assert!(
        !choice(&deployment).contains("shop-evicted"),
        "it belongs to nobody"
    );
    refused(
        &site,
        &["shop-evicted"],
        3,
        &["has finished", "secure-scan image"],
    )
    .await;
    refused(
        &site,
        &["job/shop-migrate"],
        3,
        &["has finished", "secure-scan image"],
    )
    .await;
    site.remove().await;
}

#[tokio::test]
async fn a_terminating_pod_is_refused_at_once_and_passed_over_by_labels() {
    let site = TestNamespace::new("terminating").await;
    let mut stubborn = container("web");
    stubborn["command"] = json!(["/bin/sh", "-c", "trap '' TERM; while :; do sleep 1; done"]);
    let pod = |name: &str| {
        json!({"metadata": {"name": name, "labels": {"app": "drain"}},
            "spec": {"terminationGracePeriodSeconds": 600, "containers": [stubborn]}})
    };
    create::<Pod>(&site, pod("drain")).await;
    create::<Pod>(&site, pod("stays")).await;
    ready(&site, "app=drain", 2).await;
    let deleted = site
        .api::<Pod>()
        .delete("drain", &DeleteParams::default())
        .await;
    deleted.expect("delete");
    refused(
        &site,
        &["drain"],
        3,
        &["drain is terminating", "secure-scan image"],
    )
    .await;
    let probe = site.probe(&["drain"]).await;
    assert!(
        probe.code == 3 && probe.err.contains("terminating"),
        "{probe:?}"
    );
    let plan = plan(&site, &["-l", "app=drain"]).await;
    assert_eq!(plan["target"]["pod"], "stays");
    assert!(choice(&plan).contains("drain (terminating)"), "{plan}");
    for name in ["drain", "stays"] {
        site.remove_pod(name).await;
    }
    site.remove().await;
}

#[tokio::test]
async fn sidecars_and_ephemeral_containers_are_scanned_like_any_other() {
    let site = TestNamespace::new("containers").await;
    let mut setup = container("setup");
    setup["command"] = json!(["/bin/sh", "-c", "true"]);
    let mut proxy = container("proxy");
    proxy["restartPolicy"] = json!("Always");
    create::<Pod>(
        &site,
        json!({"metadata": {"name": "mesh", "labels": {"app": "mesh"}}, "spec": {
            "terminationGracePeriodSeconds": 0, "initContainers": [setup, proxy], "containers": [container("app")]}}),
    )
    .await;
    ready(&site, "app=mesh", 1).await;
    let only = plan(&site, &["mesh"]).await;
    assert_eq!(only["target"]["container"], "app");
    let report = scanned(&site, &["mesh", "-c", "proxy"]).await;
    assert_eq!(report["plan"]["target"]["container"], "proxy");
    let probed = site
        .probe(&["mesh", "-c", "proxy", "-o", "json", "-p", "sbom"])
        .await;
    let probed = probed.json();
    assert!(probed["failure"].is_null(), "{}", probed["failure"]);
    refused(
        &site,
        &["mesh", "-c", "setup"],
        3,
        &["not running", "secure-scan image"],
    )
    .await;
    let debug: EphemeralContainer = serde_json::from_value(container("debug")).unwrap();
    let patch = json!({"spec": {"ephemeralContainers": [debug]}});
    let pods = site.api::<Pod>();
    let params = PatchParams::default();
    let patch = Patch::Strategic(&patch);
    let added = pods.patch_ephemeral_containers("mesh", &params, &patch);
    added.await.expect("an ephemeral container");
    eventually("an ephemeral container that runs", async || {
        let status = pods.get("mesh").await.ok()?.status?;
        let all = status.ephemeral_container_statuses?;
        let debug = all.iter().find(|c| c.name == "debug")?;
        debug.state.as_ref()?.running.as_ref().map(|_| ())
    })
    .await;
    let report = scanned(&site, &["mesh", "-c", "debug"]).await;
    assert_eq!(report["plan"]["target"]["container"], "debug");
    let probe = site.probe(&["mesh", "-c", "debug"]).await;
    assert!(
        probe.code == 3 && probe.err.contains("ephemeral container"),
        "{probe:?}"
    );
    site.remove().await;
}

#[tokio::test]
async fn an_init_container_that_runs_is_scanned_and_named_to_those_that_wait() {
    let site = TestNamespace::new("init").await;
    create::<Pod>(
        &site,
        json!({"metadata": {"name": "stuck"}, "spec": {"terminationGracePeriodSeconds": 0,
            "initContainers": [container("wait-for-db")], "containers": [container("web")]}}),
    )
    .await;
    eventually("an init container that runs", async || {
        let status = site.api::<Pod>().get("stuck").await.ok()?.status?;
        let init = status.init_container_statuses?;
        init.first()?.state.as_ref()?.running.as_ref().map(|_| ())
    })
    .await;
    refused(
        &site,
        &["stuck"],
        3,
        &["PodInitializing", "wait-for-db still runs"],
    )
    .await;
    let report = scanned(&site, &["stuck", "-c", "wait-for-db"]).await;
    assert_eq!(report["plan"]["target"]["container"], "wait-for-db");
    site.remove().await;
}

#[tokio::test]
async fn a_crash_loop_has_an_image_and_a_stale_annotation_is_named() {
    let site = TestNamespace::new("crash").await;
    let mut broken = container("web");
    broken["command"] = json!(["/bin/sh", "-c", "exit 1"]);
    create::<Pod>(
        &site,
        json!({"metadata": {"name": "broken"}, "spec": {
            "terminationGracePeriodSeconds": 0, "containers": [broken]}}),
    )
    .await;
    // It runs for a moment now and then, in which it is scanned.
    eventually("a refusal of a crash loop", async || {
        let output = site.run(&["broken"]).await;
        let words = ["not running", "secure-scan image"];
        (output.code == 3 && words.iter().all(|word| output.err.contains(word))).then_some(())
    })
    .await;
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    let stale = json!({"kubectl.kubernetes.io/default-container": "gone"});
    create::<Pod>(
        &site,
        json!({"metadata": {"name": "stale", "labels": {"app": "stale"}, "annotations": stale}, "spec": {
            "terminationGracePeriodSeconds": 0, "containers": [container("web")]}}),
    )
    .await;
    ready(&site, "app=stale", 1).await;
    let output = site.run(&["stale", "--dry-run"]).await;
    assert_eq!(output.code, 0, "{output:?}");
    assert!(
        output
            .err
            .contains("names gone, which the pod does not have"),
        "{output:?}"
    );
    assert!(output.out.contains("the only one"), "{output:?}");
    site.remove().await;
}

#[tokio::test]
async fn a_workload_is_read_with_the_operators_rights_and_a_missing_one_is_named() {
    let site = TestNamespace::new("workload-right").await;
    create::<Deployment>(&site, workload("shop", &json!({}))).await;
    ready(&site, "app=shop", 1).await;
    let file = crate::bad_input::with_token(&site.token("default").await);
    let path = file.path().to_str().unwrap();
    site.allow("default", &[("", "pods", "get"), ("", "pods", "list")])
        .await;
    let words = ["cannot get resource \"deployments\"", "administrator"];
    refused(&site, &["deploy/shop", "--kubeconfig", path], 3, &words).await;
    let context = std::env::var("SCANNER_E2E_CONTEXT").expect("context");
    let wrong = [site.namespace.as_str(), "x"].concat();
    let elsewhere = ["container", "web", "-n", &wrong, "--context", &context];
    let output = ProgramOutput::from(program(&elsewhere).output().await.expect("it starts"));
    assert_eq!(output.code, 2, "{output:?}");
    let meant = format!("did you mean {}", site.namespace);
    assert!(output.err.contains(&meant), "{output:?}");
    site.remove().await;
}
