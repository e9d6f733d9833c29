//! The post-scan audit on a real cluster finds every leftover, whoever left it.

use std::{future::pending, time::Duration};

use futures_util::{StreamExt as _, stream};
use k8s_openapi::api::{core::v1::Secret, rbac::v1::Role};
use kube::api::{Patch, PatchParams, PostParams};
use scanner_core::{Verdict, report::AuditOutcome};
use scanner_k8s::{ScanScope, run::scope::ScopeOptions};
use scanner_tests::{TestNamespace, eventually};
use serde_json::json;
use tokio::time::sleep;

use super::{scan, show};

const SLOW: &str = "sleep 3; echo looked; exit 0\n";

#[tokio::test]
async fn an_interrupt_at_any_moment_leaves_nothing() {
    let site = TestNamespace::new("moment").await;
    let scans = (0..24).map(|n| {
        let site = &site;
        async move {
            let scope = site.scan_scope(120).await;
            let interrupt = async {
                sleep(Duration::from_millis(n * 4)).await;
                "SIGINT".to_owned()
            };
            let report = scan(&scope, "sh", SLOW, interrupt).await;
            assert_eq!(report.verdict, Verdict::Failed, "{}", show(&report));
            // What the server was asked to make in that very moment is in the ledger.
            let id = scope.plan().scan_id.to_string();
            let left = site.leftovers_of(&id).await;
            assert_eq!(left, Vec::<String>::new(), "after {} ms", n * 4);
        }
    });
    let () = stream::iter(scans).buffer_unordered(4).collect().await;
    sleep(Duration::from_millis(500)).await;
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test]
async fn a_label_in_another_namespace_is_seen() {
    let (site, other) = tokio::join!(
        TestNamespace::new("label"),
        TestNamespace::new("label-other")
    );
    let mut options = ScopeOptions::default();
    options.prove_everywhere = true;
    let plan = site.scan_scope(120).await.plan().clone();
    let scope = ScanScope::with_options(site.cluster.begin(), plan, None, options);
    let id = scope.plan().scan_id.to_string();
    let forged = json!({"metadata": {"name": "forged", "labels": {"secure-scan.io/scan": id}}});
    let forged: Secret = serde_json::from_value(forged).unwrap();
    let params = PostParams::default();
    let made = other.api::<Secret>().create(&params, &forged).await;
    assert!(made.is_ok(), "{made:?}");
    let report = scan(&scope, "sh", "exit 0\n", pending()).await;
    assert_eq!(
        report.verdict,
        Verdict::CleanupUnverified,
        "{}",
        show(&report)
    );
    let text = show(&report);
    assert!(
        text.contains("carries the scan's label and is not its own"),
        "{text}"
    );
    let audit = report.post_scan.unwrap();
    assert!(!audit.verified);
    let of = |id: &str| audit.checks.iter().find(|c| c.id == id).unwrap().outcome;
    assert_eq!(of("objects-deleted"), AuditOutcome::Verified);
    assert_eq!(of("no-labelled-object"), AuditOutcome::NotVerified);
    assert_eq!(of("token-refused"), AuditOutcome::Verified);
    assert_eq!(of("no-credential-left"), AuditOutcome::Verified);
    site.remove().await;
    other.remove().await;
}

#[tokio::test]
async fn a_finalizer_on_an_object_of_the_scan_is_not_a_clean_end() {
    let site = TestNamespace::new("finalizer").await;
    let scope = site.scan_scope(120).await;
    let name = format!("secure-scan-{}", scope.plan().scan_id);
    let roles = site.api::<Role>();
    let params = PatchParams::default();
    let hold = async {
        let held = json!({"metadata": {"finalizers": ["example.com/hold"]}});
        let patch = Patch::Merge(&held);
        eventually("the scan's Role", async || {
            roles.patch(&name, &params, &patch).await.ok()
        })
        .await;
    };
    let (report, ()) = tokio::join!(scan(&scope, "sh", SLOW, pending()), hold);
    let free = json!({"metadata": {"finalizers": null}});
    let freed = roles.patch(&name, &params, &Patch::Merge(&free)).await;
    assert!(freed.is_ok(), "the Role was held: {}", show(&report));
    assert_eq!(
        report.verdict,
        Verdict::CleanupUnverified,
        "{}",
        show(&report)
    );
    assert!(
        show(&report).contains("example.com/hold"),
        "{}",
        show(&report)
    );
    site.remove().await;
}

#[tokio::test]
async fn an_object_that_lost_its_label_is_still_seen() {
    let site = TestNamespace::new("unlabelled").await;
    let scope = site.scan_scope(120).await;
    let name = format!("secure-scan-{}", scope.plan().scan_id);
    let roles = site.api::<Role>();
    let params = PatchParams::default();
    let hide = async {
        let hidden = json!({"metadata": {
            "finalizers": ["example.com/hold"],
            "labels": {"secure-scan.io/scan": null},
        }});
        let patch = Patch::Merge(&hidden);
        eventually("the scan's Role", async || {
            roles.patch(&name, &params, &patch).await.ok()
        })
        .await;
    };
    let (report, ()) = tokio::join!(scan(&scope, "sh", SLOW, pending()), hide);
    let free = json!({"metadata": {"finalizers": null}});
    let freed = roles.patch(&name, &params, &Patch::Merge(&free)).await;
    assert!(freed.is_ok(), "the Role was held: {}", show(&report));
    let text = show(&report);
    assert_eq!(report.verdict, Verdict::CleanupUnverified, "{text}");
    assert!(text.contains("took the scan's label off it"), "{text}");
    let audit = report.post_scan.unwrap();
    let ledger = audit.checks.iter().find(|c| c.id == "objects-deleted");
    assert_eq!(ledger.unwrap().outcome, AuditOutcome::NotVerified, "{text}");
    site.remove().await;
}
