//! What the cluster did not remove, `secure-scan reap` does; what may still run, or is not ours, it keeps.

use k8s_openapi::api::{batch::v1::Job, core::v1::Secret};
use kube::api::{Patch, PatchParams, PostParams};
use scanner_core::plan::ScanId;
use scanner_k8s::{names::object_name, plan::manifest};
use scanner_tests::{
    TestNamespace,
    by_hand::ByHand,
    eventually,
    program::{ProgramOutput, program},
};
use serde_json::{Value, json};

fn id() -> ScanId {
    let id = uuid::Uuid::new_v4().simple().to_string();
    id[..10].parse().expect("id")
}

async fn reap(site: &TestNamespace, args: &[&str]) -> ProgramOutput {
    let context = std::env::var("SCANNER_E2E_CONTEXT").expect("context");
    let mut all = vec!["reap", "-n", &site.namespace, "--context", &context];
    all.extend(args);
    program(&all).output().await.expect("it starts").into()
}

async fn secret(site: &TestNamespace, object: Value) {
    let object: Secret = serde_json::from_value(object).expect("secret");
    let made = site
        .api::<Secret>()
        .create(&PostParams::default(), &object)
        .await;
    made.expect("create");
}

/// A scan whose lease never started, as one that a job queue holds, with a Secret that it owns.
async fn held_scan(site: &TestNamespace, finalizer: bool) -> String {
    let id = id();
    let mut job = manifest::lease(&id, &site.namespace, 1);
    job["spec"]["suspend"] = json!(true);
    let job: Job = serde_json::from_value(job).expect("job");
    let jobs = site.api::<Job>();
    let made = jobs
        .create(&PostParams::default(), &job)
        .await
        .expect("create job");
    let uid = made.metadata.uid.expect("uid");
    let mut anchor = manifest::anchor(&id, &site.namespace, &uid, false);
    if finalizer {
        anchor["metadata"]["finalizers"] = json!(["example.com/hold"]);
    }
    secret(site, anchor).await;
    object_name(&id)
}

#[tokio::test]
async fn leftovers_are_removed_and_what_may_run_or_is_not_ours_is_kept() {
    let site = TestNamespace::new("reap").await;
    let running = ByHand::new(&site.scan_scope(300).await);
    running.enforce().await.unwrap();
    // Somebody's Secret with our labels, and one that is no more than labelled.
    let mut victim = manifest::anchor(&id(), &site.namespace, "no-such-uid", false);
    victim["metadata"]["name"] = json!("victim");
    victim["metadata"]["ownerReferences"] = json!([]);
    secret(&site, victim).await;
    let expired = held_scan(&site, false).await;
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    let before = site.leftovers().await;

    let context = std::env::var("SCANNER_E2E_CONTEXT").expect("context");
    let wrong = format!("{}x", site.namespace);
    let wrong = ["reap", "-n", &wrong, "--context", &context];
    let output = ProgramOutput::from(program(&wrong).output().await.expect("it starts"));
    assert_eq!(output.code, 2, "{output:?}");
    let meant = format!("did you mean {}", site.namespace);
    assert!(output.err.contains(&meant), "{output:?}");

    let output = reap(&site, &["--grace", "1", "--dry-run"]).await;
    assert_eq!(output.code, 5, "the victim must be looked at: {output:?}");
    assert!(
        output
            .out
            .contains("2 leftovers of expired scans: 0 removed"),
        "{output:?}"
    );
    assert_eq!(site.leftovers().await, before, "a dry run removes nothing");

    let output = reap(&site, &["--grace", "1"]).await;
    assert_eq!(output.code, 5, "{output:?}");
    assert!(
        output
            .out
            .contains("2 leftovers of expired scans: 2 removed"),
        "{output:?}"
    );
    assert!(output.out.contains("LEFT      Secret"), "{output:?}");
    let mut kept = before;
    kept.retain(|object| !object.ends_with(&expired));
    assert_eq!(site.leftovers().await, kept);
    assert_eq!(
        kept.len(),
        6,
        "a running scan's five and the victim: {kept:?}"
    );
    running.release().await.unwrap();
    site.remove().await;
}

#[tokio::test]
async fn what_a_finalizer_holds_is_reported_and_is_not_a_success() {
    let site = TestNamespace::new("reapheld").await;
    let name = held_scan(&site, true).await;
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    let output = reap(&site, &["--grace", "1"]).await;
    assert_eq!(output.code, 5, "{output:?}");
    assert!(output.out.contains("example.com/hold"), "{output:?}");
    let free = json!({"metadata": {"finalizers": null}});
    let secrets = site.api::<Secret>();
    let params = PatchParams::default();
    secrets
        .patch(&name, &params, &Patch::Merge(&free))
        .await
        .unwrap();
    site.nothing_left(120).await;
    site.remove().await;
}

#[tokio::test]
async fn without_a_started_lease_nothing_else_is_created() {
    let site = TestNamespace::new("quota").await;
    let quota = json!({
        "metadata": {"name": "none"}, "spec": {"hard": {"count/jobs.batch": "0"}},
    });
    let quota: k8s_openapi::api::core::v1::ResourceQuota = serde_json::from_value(quota).unwrap();
    let quotas = site.api::<k8s_openapi::api::core::v1::ResourceQuota>();
    let made = quotas.create(&PostParams::default(), &quota).await;
    made.unwrap();
    eventually("a quota in force", async || {
        let now = quotas.get("none").await.unwrap();
        now.status?.hard
    })
    .await;
    let output = site.run(&["web"]).await;
    assert_eq!(output.code, 3, "{output:?}");
    let text = format!("{}{}", output.out, output.err).replace('\n', " ");
    assert!(text.contains("exceeded quota"), "{text}");
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test]
async fn what_a_tenant_disarmed_is_named_and_is_not_a_success() {
    let site = TestNamespace::new("reapbare").await;
    // No label and no owner any more: its name and its shape are all that is left.
    let id = id();
    let mut bare = manifest::anchor(&id, &site.namespace, "x", false);
    bare["metadata"]["labels"] = json!({});
    bare["metadata"]["ownerReferences"] = json!([]);
    secret(&site, bare).await;
    // A lease that somebody gave a year.
    let mut lease = manifest::lease(&self::id(), &site.namespace, 60);
    lease["spec"]["activeDeadlineSeconds"] = json!(31_536_000);
    let lease: Job = serde_json::from_value(lease).expect("job");
    let made = site
        .api::<Job>()
        .create(&PostParams::default(), &lease)
        .await;
    made.expect("create job");
    let output = reap(&site, &["--grace", "1"]).await;
    assert_eq!(output.code, 5, "{output:?}");
    for part in [
        format!("LEFT      Secret {}/{}", site.namespace, object_name(&id)),
        "somebody took it from its lease".into(),
        "somebody changed the deadline of its lease".into(),
        "younger than the longest lease, 3600 s".into(),
    ] {
        assert!(output.out.contains(&part), "{part}: {output:?}");
    }
    site.remove().await;
}
