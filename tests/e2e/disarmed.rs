//! A tenant disarms the lease of a scan, or changes what it made: each is an alert, and nothing stays.

use std::future::pending;

use k8s_openapi::api::{batch::v1::Job, core::v1::ServiceAccount, rbac::v1::Role};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, PostParams, PropagationPolicy},
};
use scanner_core::{ScanReport, Verdict};
use scanner_k8s::ScanScope;
use scanner_tests::{TestNamespace, eventually, shell::run_in};
use serde_json::{Value, json};

use crate::{identity::reads, scan, show};

/// Reads for as long as an attacker needs, who sees it begin by the one file and ends it by the other; then the scan's watch has
/// time to see what was changed and put back.
const SLOW: &str = "touch /tmp/reads; until [ -e /tmp/done ]; do sleep 1; done; sleep 2; exit 0\n";

/// Does `attack` while a scan reads its target, and gives the report of that scan and its name.
async fn beside(
    test: &str,
    attack: impl AsyncFn(&TestNamespace, &ScanScope),
) -> (ScanReport, TestNamespace, String) {
    let site = TestNamespace::new(test).await;
    let scope = site.scan_scope(120).await;
    let attacker = async {
        reads(&site, &scope).await;
        attack(&site, &scope).await;
        let (target, done) = (&scope.plan().target, ["touch", "/tmp/done"]);
        let done = run_in(&site.client, target, &done, b"").await;
        done.expect("the script may end");
    };
    let (report, ()) = tokio::join!(scan(&scope, "sh", SLOW, pending()), attacker);
    (report, site, scope.name())
}

/// The same of an attack that is an alert, after which nothing is left.
async fn attacked(
    test: &str,
    attack: impl AsyncFn(&TestNamespace, &ScanScope),
) -> (ScanReport, TestNamespace) {
    let (report, site, _) = beside(test, attack).await;
    assert_eq!(report.verdict, Verdict::SecurityAlert, "{}", show(&report));
    assert_eq!(report.verdict.exit_code(), 4);
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    (report, site)
}

fn alert(report: &ScanReport, id: &str) -> String {
    let found = report.alerts.iter().find(|alert| alert.id == id);
    found.expect(id).message.raw().to_owned()
}

async fn patch<K>(site: &TestNamespace, name: &str, patch: &Value)
where
    K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned,
{
    let params = PatchParams::default();
    let patched = site
        .api::<K>()
        .patch(name, &params, &Patch::Merge(patch))
        .await;
    patched.expect("the attacker may patch it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_somebody_deletes_without_what_it_owns_is_an_alert() {
    let (report, site) = attacked("orphan", async |site, scope| {
        let orphan = DeleteParams {
            propagation_policy: Some(PropagationPolicy::Orphan),
            ..DeleteParams::default()
        };
        site.api::<Job>()
            .delete(&scope.name(), &orphan)
            .await
            .expect("deleted");
        eventually("the end of the lease", async || {
            let left = site.api::<Job>().get_opt(&scope.name()).await.ok()?;
            left.is_none().then_some(())
        })
        .await;
    })
    .await;
    let message = alert(&report, "lease-disarmed");
    assert!(message.contains("somebody"), "{message}");
    let text = show(&report);
    assert!(text.contains("who deleted it is not known"), "{text}");
    site.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_somebody_gives_more_time_is_an_alert() {
    // Given back at once: a look at the end alone would see nothing.
    let (report, site) = attacked("longer", async |site, scope| {
        for seconds in [86400, 120] {
            let deadline = json!({"spec": {"activeDeadlineSeconds": seconds}});
            patch::<Job>(site, &scope.name(), &deadline).await;
        }
    })
    .await;
    let message = alert(&report, "lease-disarmed");
    assert!(message.contains("somebody changed Job"), "{message}");
    site.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_somebody_takes_from_its_lease_is_an_alert() {
    let (report, site) = attacked("unowned", async |site, scope| {
        let free = json!({"metadata": {"ownerReferences": null}});
        patch::<ServiceAccount>(site, &scope.name(), &free).await;
    })
    .await;
    let message = alert(&report, "lease-disarmed");
    assert!(message.contains("who owns ServiceAccount"), "{message}");
    site.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_somebody_widens_is_an_alert() {
    let (report, site) = attacked("widened", async |site, scope| {
        let rules = json!({"rules": [{"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["create", "get"]}]});
        patch::<Role>(site, &scope.name(), &rules).await;
    })
    .await;
    let message = alert(&report, "scan-object-changed");
    assert!(message.contains("somebody changed Role"), "{message}");
    site.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_changes_and_puts_back_is_an_alert() {
    let (report, site) = attacked("put-back", async |site, scope| {
        let name = scope.name();
        let role = site.api::<Role>().get(&name).await.expect("the role");
        let rules = json!({"rules": [{"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["create", "get"]}]});
        patch::<Role>(site, &name, &rules).await;
        patch::<Role>(site, &name, &json!({"rules": role.rules})).await;
        let account = site.api::<ServiceAccount>().get(&name).await;
        let owners = account.expect("the account").metadata.owner_references;
        let free = json!({"metadata": {"ownerReferences": null}});
        patch::<ServiceAccount>(site, &name, &free).await;
        let owned = json!({"metadata": {"ownerReferences": owners}});
        patch::<ServiceAccount>(site, &name, &owned).await;
    })
    .await;
    let message = alert(&report, "scan-object-changed");
    assert!(
        message.contains("Role") && message.contains("put back"),
        "{message}"
    );
    let message = alert(&report, "lease-disarmed");
    assert!(message.contains("ServiceAccount"), "{message}");
    site.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_somebody_deletes_and_makes_again_is_an_alert() {
    let (report, site, name) = beside("again", async |site, scope| {
        let roles = site.api::<Role>();
        let gone = DeleteParams::default();
        roles.delete(&scope.name(), &gone).await.expect("deleted");
        let own = json!({"metadata": {"name": scope.name()}, "rules": []});
        let own = serde_json::from_value(own).expect("a role");
        let made = roles.create(&PostParams::default(), &own).await;
        made.expect("the attacker may make roles");
    })
    .await;
    assert_eq!(report.verdict, Verdict::SecurityAlert, "{}", show(&report));
    let message = alert(&report, "scan-object-changed");
    assert!(message.contains("made another of that name"), "{message}");
    let others = site.api::<Role>().get_opt(&name).await;
    assert!(
        others.expect("an answer").is_some(),
        "what is not the scan's is left alone"
    );
    site.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_finalizer_on_a_lease_is_an_alert_and_no_clean_end() {
    let (report, site, name) = beside("finalized", async |site, scope| {
        let hold = json!({"metadata": {"finalizers": ["example.com/hold"]}});
        patch::<Job>(site, &scope.name(), &hold).await;
    })
    .await;
    // The Job is still there, which comes first.
    assert_eq!(
        report.verdict,
        Verdict::CleanupUnverified,
        "{}",
        show(&report)
    );
    let message = alert(&report, "lease-disarmed");
    assert!(
        message.contains("somebody put a finalizer on Job"),
        "{message}"
    );
    let free = json!({"metadata": {"finalizers": null}});
    patch::<Job>(&site, &name, &free).await;
    site.nothing_left(60).await;
    site.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_controller_that_annotates_what_a_scan_makes_is_no_alert() {
    let (report, site, _) = beside("annotated", async |site, scope| {
        let note = json!({"metadata": {"annotations": {"example.com/seen": "true"}}});
        let name = scope.name();
        patch::<ServiceAccount>(site, &name, &note).await;
        patch::<Role>(site, &name, &note).await;
        patch::<Job>(site, &name, &note).await;
    })
    .await;
    assert_eq!(report.verdict, Verdict::Passed, "{}", show(&report));
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_says_that_the_lease_has_ended_raises_an_alert() {
    let (report, site) = attacked("ended-status", async |site, scope| {
        let jobs: Api<Job> = Api::namespaced(site.client.clone(), &site.namespace);
        let later = "2099-01-01T00:00:00Z";
        let condition = |kind: &str| {
            json!({
                "type": kind, "status": "True", "reason": "DeadlineExceeded",
                "lastProbeTime": later, "lastTransitionTime": later,
            })
        };
        let ended =
            json!({"status": {"conditions": [condition("FailureTarget"), condition("Failed")]}});
        let name = scope.name();
        let (params, ended) = (PatchParams::default(), Patch::Merge(&ended));
        let patched = jobs.patch_status(&name, &params, &ended).await;
        patched.expect("the tenant may write the status");
    })
    .await;
    let message = alert(&report, "lease-disarmed");
    assert!(message.contains("changed the status of Job"), "{message}");
    site.remove().await;
}
