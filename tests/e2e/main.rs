//! End-to-end tests against a real API server, kubelet and containers.

mod aftermath;
mod attached;
mod audit;
mod auto;
mod bad_input;
mod cli;
mod credential;
mod distroless;
mod drift;
mod faults;
mod faults_sidecar;
mod forbidden;
mod gates;
mod guard;
mod hostile;
mod inject;
mod language_packages;
mod lease;
mod liars;
mod planner;
mod profiles;
mod reap;
mod reports;
mod roots;
mod side_effects;
mod sidecar;
mod sidecar_changed;
mod sidecar_options;
mod sidecar_places;
mod sidecar_pull;
mod signatures;
mod stopped;

use std::{
    future::{Future, pending},
    sync::Arc,
    time::Duration,
};

use k8s_openapi::api::core::v1::Pod;
use kube::api::DeleteParams;
use scanner_core::{
    Pipeline, ScanReport, event::Silent, finding::Severity, inventory::PodFacts, pipeline::Stage,
    report::Verdict,
};
use scanner_k8s::{Session, controls};
use scanner_tests::{
    Site, eventually,
    fake::{Passes, Script},
};

async fn scan(
    session: &Arc<Session>,
    shell: &'static str,
    script: &'static str,
    interrupt: impl Future<Output = String>,
) -> ScanReport {
    let strategy = Script {
        session: Arc::clone(session),
        shell,
        script,
    };
    Pipeline {
        plan: session.plan().clone(),
        gates: vec![],
        controls: controls::all(session),
        strategy: Box::new(strategy),
        engine: &Passes,
        pod: PodFacts::default(),
        required: vec![],
        threshold: Severity::Low,
        observer: &Silent,
    }
    .run(interrupt)
    .await
}

fn show(report: &ScanReport) -> String {
    serde_json::to_string_pretty(report).expect("a report is JSON")
}

fn failed_at(report: &ScanReport) -> Stage {
    report.failure.as_ref().expect("a failure").stage
}

#[tokio::test]
async fn a_scan_runs_as_planned_and_leaves_nothing() {
    let site = Site::new("clean").await;
    let session = site.session(120).await;
    let report = scan(&session, "sh", "echo looked; exit 0\n", pending()).await;
    assert_eq!(report.verdict, Verdict::Passed, "{}", show(&report));
    assert_eq!(report.agent.as_ref().unwrap().name, "looked");
    let text = show(&report);
    assert!(
        text.contains("tried and refused with 403: list secrets"),
        "{text}"
    );
    assert!(text.contains("refused with 401"), "{text}");
    assert_eq!(session.ledger().len(), 5);
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    let (operator, scan) = session.segment().calls();
    let calls = operator + scan;
    assert!(calls <= 25, "{calls} API calls");
    site.remove().await;
}

#[tokio::test]
async fn a_target_without_a_shell_is_a_failed_scan_and_leaves_nothing() {
    let site = Site::new("noshell").await;
    let session = site.session(120).await;
    let report = scan(&session, "/no/such/shell", "", pending()).await;
    assert_eq!(report.verdict, Verdict::Failed, "{}", show(&report));
    assert_eq!(failed_at(&report), Stage::Collect, "{}", show(&report));
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test]
async fn the_credential_is_burnt_while_the_stream_is_still_open() {
    let site = Site::new("burnt").await;
    let session = site.session(120).await;
    // The target is read until the test has seen that the Secret and the RoleBinding are gone.
    let look = async {
        eventually("a scan without its credential", async || {
            let now = site.leftovers().await;
            let kinds: Vec<&str> = now.iter().filter_map(|o| o.split(' ').next()).collect();
            (kinds == ["Job", "ServiceAccount", "Role"]).then_some(())
        })
        .await;
        let go = ["touch", "/tmp/seen"];
        let params = kube::api::AttachParams::default();
        #[expect(clippy::disallowed_methods, reason = "the test's own exec")]
        let mut touch = site
            .api::<Pod>()
            .exec("web", go, &params)
            .await
            .expect("exec");
        touch.take_status().expect("status").await
    };
    let script = "while [ ! -e /tmp/seen ]; do sleep 1; done; echo looked; exit 0\n";
    let (report, _) = tokio::join!(scan(&session, "sh", script, pending()), look);
    assert_eq!(report.verdict, Verdict::Passed, "{}", show(&report));
    site.remove().await;
}

#[tokio::test]
async fn a_failing_script_is_never_a_pass() {
    let site = Site::new("fails").await;
    let session = site.session(120).await;
    let report = scan(&session, "sh", "echo looked; exit 3\n", pending()).await;
    assert_eq!(report.verdict, Verdict::Failed, "{}", show(&report));
    assert_eq!(failed_at(&report), Stage::Collect, "{}", show(&report));
    site.remove().await;
}

#[tokio::test]
async fn an_interrupt_while_collecting_releases_everything() {
    let site = Site::new("interrupt").await;
    let session = site.session(120).await;
    let interrupt = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        "SIGINT".to_owned()
    };
    let report = scan(&session, "sh", "sleep 15\n", interrupt).await;
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
    let site = Site::new("replaced").await;
    let session = site.session(120).await;
    let pods = site.api::<Pod>();
    let now = DeleteParams::default().grace_period(0);
    pods.delete("web", &now).await.unwrap();
    while pods.get_opt("web").await.unwrap().is_some() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    site.pod("web").await;
    let report = scan(&session, "sh", "echo looked; exit 0\n", pending()).await;
    assert_eq!(report.verdict, Verdict::Failed, "{}", show(&report));
    assert_eq!(
        failed_at(&report),
        Stage::VerifyRelease,
        "{}",
        show(&report)
    );
    assert!(report.findings.is_none());
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test]
async fn without_any_release_the_lease_removes_everything() {
    let site = Site::new("lease").await;
    let session = site.session(5).await;
    for control in controls::all(&session) {
        control.enforce().await.unwrap();
    }
    assert_eq!(
        site.leftovers().await.len(),
        5,
        "everything was made and nothing released"
    );
    site.nothing_left(60).await;
    site.remove().await;
}
