//! End-to-end tests against a real API server, kubelet and containers.

mod attached;
mod audit;
mod auto;
mod bad_input;
mod cli;
mod completed;
mod contradictions;
mod credential;
mod disarmed;
mod distroless;
mod drift;
mod drift_hardened;
mod environment;
mod explain;
mod faults;
mod faults_sidecar;
mod forbidden;
mod forged;
mod gates;
mod guard;
mod guard_objects;
mod hardened;
mod helper_namespace;
mod hostile;
mod identity;
mod inject;
mod labels;
mod language_packages;
mod lease;
mod left_container;
mod lifeline;
mod loan;
mod loan_ends;
mod lying_tools;
mod odd_shells;
mod planner;
mod post_scan;
mod probe_image;
mod profiles;
mod reap;
mod reports;
mod rights;
mod roots;
mod scripts;
mod servers;
mod side_effects;
mod sidecar;
mod sidecar_changed;
mod sidecar_options;
mod sidecar_places;
mod sidecar_pull;
mod signatures;
mod stopped;
mod targets;
mod tutorial;
mod ways;

use std::{
    future::{Future, pending},
    sync::Arc,
    time::Duration,
};

use k8s_openapi::api::core::v1::Pod;
use kube::api::DeleteParams;
use scanner_core::{
    Evaluation, ScanReport, Subject, Verdict,
    engines::Inline,
    event::Silent,
    guarded::{Setup, guarded},
    look::Look,
    stage::Stage,
};
use scanner_k8s::{ScanScope, controls};
use scanner_tests::{
    TestNamespace,
    by_hand::ByHand,
    eventually,
    fake::{Passes, Script},
    shell::run_in,
};

async fn scan(
    scope: &Arc<ScanScope>,
    shell: &'static str,
    script: &'static str,
    interrupt: impl Future<Output = String>,
) -> ScanReport {
    let controls = controls::all(scope);
    let mut plan = scope.plan().clone();
    plan.controls = controls.iter().map(|control| control.plan()).collect();
    let strategy = Script {
        scope: Arc::clone(scope),
        shell,
        script,
    };
    let mut work = Look::new(
        Subject::container(plan.target.clone()),
        Box::new(strategy),
        vec![Arc::new(Passes)],
        Arc::new(Inline),
        Evaluation::on(jiff::civil::date(2026, 1, 1)),
    );
    let mut setup = Setup::new(plan, controls, &Silent);
    setup.alerts = scope.alerts().clone();
    guarded(setup, &mut work, interrupt).await
}

fn show(report: &ScanReport) -> String {
    serde_json::to_string_pretty(report).expect("a report is JSON")
}

fn failed_at(report: &ScanReport) -> Stage {
    report.failure.as_ref().expect("a failure").stage
}

#[tokio::test]
async fn a_scan_runs_as_planned_and_leaves_nothing() {
    let site = TestNamespace::new("clean").await;
    let scope = site.scan_scope(120).await;
    let report = scan(&scope, "sh", "echo looked; exit 0\n", pending()).await;
    assert_eq!(report.verdict, Verdict::Passed, "{}", show(&report));
    assert_eq!(report.agent.as_ref().unwrap().name, "looked");
    let text = show(&report);
    assert!(
        text.contains("tried and refused with 403: list secrets"),
        "{text}"
    );
    assert!(text.contains("refused with 401"), "{text}");
    assert_eq!(scope.ledger().made().len(), 5);
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    let (operator, scan) = scope.segment().calls();
    let calls = operator + scan;
    // 28, and one more for each time that a busy server had not learned of the binding yet.
    assert!(calls <= 60, "{calls} API calls");
    site.remove().await;
}

#[tokio::test]
async fn a_target_without_a_shell_is_a_failed_scan_and_leaves_nothing() {
    let site = TestNamespace::new("noshell").await;
    let scope = site.scan_scope(120).await;
    let report = scan(&scope, "/no/such/shell", "", pending()).await;
    assert_eq!(report.verdict, Verdict::Failed, "{}", show(&report));
    assert_eq!(failed_at(&report), Stage::Collect, "{}", show(&report));
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test]
async fn the_token_is_revoked_while_the_stream_is_still_open() {
    let site = TestNamespace::new("revoked").await;
    let scope = site.scan_scope(120).await;
    // The target is read until the test has seen that the Secret and the RoleBinding are gone. The same objects exist
    // for a moment before the scan identity gets its rights, so the test looks only once the script runs.
    let look = async {
        let target = &scope.plan().target;
        eventually("a script that runs in the target", async || {
            let reads = ["/bin/sh", "-c", "test -e /tmp/reads"];
            run_in(&site.client, target, &reads, b"").await.ok()
        })
        .await;
        eventually("a scan without its credential", async || {
            let now = site.leftovers().await;
            let kinds: Vec<&str> = now.iter().filter_map(|o| o.split(' ').next()).collect();
            (kinds == ["Job", "ServiceAccount", "Role"]).then_some(())
        })
        .await;
        run_in(&site.client, target, &["touch", "/tmp/seen"], b"").await
    };
    let script =
        "touch /tmp/reads; while [ ! -e /tmp/seen ]; do sleep 1; done; echo looked; exit 0\n";
    let (report, seen) = tokio::join!(scan(&scope, "sh", script, pending()), look);
    seen.expect("the script may end");
    assert_eq!(report.verdict, Verdict::Passed, "{}", show(&report));
    site.remove().await;
}

#[tokio::test]
async fn a_failing_script_is_never_a_pass() {
    let site = TestNamespace::new("fails").await;
    let scope = site.scan_scope(120).await;
    let report = scan(&scope, "sh", "echo looked; exit 3\n", pending()).await;
    assert_eq!(report.verdict, Verdict::Failed, "{}", show(&report));
    assert_eq!(failed_at(&report), Stage::Collect, "{}", show(&report));
    site.remove().await;
}

#[tokio::test]
async fn an_interrupt_while_collecting_releases_everything() {
    let site = TestNamespace::new("interrupt").await;
    let scope = site.scan_scope(120).await;
    let interrupt = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        "SIGINT".to_owned()
    };
    let report = scan(&scope, "sh", "sleep 15\n", interrupt).await;
    assert!(
        report.failure.as_ref().unwrap().interrupted,
        "{}",
        show(&report)
    );
    assert_eq!(report.verdict, Verdict::Failed, "{}", show(&report));
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test]
async fn a_target_that_is_replaced_gives_no_findings() {
    let site = TestNamespace::new("replaced").await;
    let scope = site.scan_scope(120).await;
    let pods = site.api::<Pod>();
    let now = DeleteParams::default().grace_period(0);
    pods.delete("web", &now).await.unwrap();
    while pods.get_opt("web").await.unwrap().is_some() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    site.pod("web").await;
    let report = scan(&scope, "sh", "echo looked; exit 0\n", pending()).await;
    assert_eq!(report.verdict, Verdict::Failed, "{}", show(&report));
    assert_eq!(
        failed_at(&report),
        Stage::VerifyRelease,
        "{}",
        show(&report)
    );
    assert!(report.findings.is_empty());
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test]
async fn without_any_release_the_lease_removes_everything() {
    let site = TestNamespace::new("lease").await;
    let scope = site.scan_scope(30).await;
    ByHand::new(&scope).enforce().await.unwrap();
    assert_eq!(
        site.leftovers().await.len(),
        5,
        "everything was made and nothing released"
    );
    site.nothing_left(180).await;
    site.remove().await;
}
