//! The audit log against the API server's own: they agree, and a stolen token is seen.

use std::{fs, path::Path};

use k8s_openapi::api::{
    authentication::v1::TokenRequest,
    core::v1::{Secret, ServiceAccount},
};
use kube::{
    Api,
    api::{ListParams, PostParams},
};
use scanner_tests::{
    TestNamespace, eventually, memory_reader,
    program::{ProgramOutput, program},
};

/// The API server's audit log; says that a test is not run where there is none.
#[expect(clippy::print_stderr, reason = "a test that is not run is reported")]
fn apiserver_log() -> Option<String> {
    let log = std::env::var("SCANNER_E2E_AUDIT_LOG").ok();
    if log.is_none() {
        eprintln!("NOT RUN: it needs the API server's audit log");
    }
    log
}

async fn audit(args: &[&str]) -> ProgramOutput {
    let mut all = vec!["audit"];
    all.extend(args);
    program(&all).output().await.expect("it starts").into()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path")
}

#[tokio::test]
async fn the_audit_log_agrees_with_the_api_servers_own() {
    let Some(apiserver) = apiserver_log() else {
        return;
    };
    let site = TestNamespace::new("audit").await;
    let dir = tempfile::tempdir().unwrap();
    let (log, report) = (dir.path().join("log"), dir.path().join("report"));
    let output = format!("json={}", report.display());
    let output = site
        .run(&["web", "--audit-log", text(&log), "-o", &output])
        .await;
    assert_eq!(output.code, 1, "{output:?}");
    let verified = audit(&["verify", text(&log), "--report", text(&report)]).await;
    assert_eq!(verified.code, 0, "{verified:?}");
    let agreed = audit(&["reconcile", text(&log), "--apiserver-log", &apiserver]).await;
    assert_eq!(agreed.code, 0, "{agreed:?}");
    let report: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&report).unwrap()).unwrap();
    let calls = &report["api_calls"];
    let total = calls["operator"].as_u64().unwrap() + calls["scan"].as_u64().unwrap();
    assert!(
        agreed
            .out
            .starts_with(&format!("{total} calls are in both")),
        "{agreed:?}"
    );
    // What was done is there, and no token.
    let written = fs::read_to_string(&log).unwrap();
    for part in [
        "gate",
        "control_enforced",
        "pods/exec",
        "stdin_bytes",
        "JTI=",
        "\"ended\"",
    ] {
        assert!(written.contains(part), "{part}");
    }
    let entries = written.lines().take(written.lines().count() - 1);
    assert_eq!(entries.filter(|line| line.contains("eyJ")).count(), 0);
    // A server's log without these calls is no agreement.
    let other = dir.path().join("other");
    fs::write(&other, "").unwrap();
    let missing = audit(&["reconcile", text(&log), "--apiserver-log", text(&other)]).await;
    assert_eq!(missing.code, 3, "{missing:?}");
    // A line that is not what was written.
    let changed = written.replacen("\"status\":403", "\"status\":200", 1);
    fs::write(&log, changed).unwrap();
    let output = audit(&["verify", text(&log)]).await;
    assert_eq!(output.code, 1, "{output:?}");
    assert!(output.err.contains("does not follow"), "{output:?}");
    site.remove().await;
}

#[tokio::test]
async fn a_stolen_token_raises_the_alarm() {
    let Some(apiserver) = apiserver_log() else {
        return;
    };
    let site = TestNamespace::new("stolen").await;
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let child = site.start(&["web", "--audit-log", text(&log)]);
    let pid = child.id().unwrap();
    // The attacker reads the memory of the program while the server still takes the token. While the
    // program starts, its memory may change under the reader.
    let stolen = eventually("a token in memory", async || {
        let found = memory_reader::tokens_in_memory(pid).unwrap_or_default();
        found.into_iter().next()
    })
    .await;
    let stolen_client = memory_reader::client_with(&stolen).await;
    let secrets = Api::<Secret>::namespaced(stolen_client, &site.namespace);
    let refused = secrets.list_metadata(&ListParams::default()).await;
    assert!(refused.is_err(), "the token may exec and nothing else");
    let output = ProgramOutput::from(child.wait_with_output().await.unwrap());
    assert_eq!(output.code, 1, "{output:?}");
    let alarm = audit(&["reconcile", text(&log), "--apiserver-log", &apiserver]).await;
    assert_eq!(alarm.code, 1, "{alarm:?}");
    assert!(alarm.out.contains("1 ALARMS"), "{alarm:?}");
    assert!(
        alarm.out.contains("that the scan did not make"),
        "{alarm:?}"
    );
    assert!(!alarm.out.contains("eyJ"), "{alarm:?}");
    site.remove().await;
}

#[tokio::test]
async fn another_token_of_the_identity_raises_the_alarm() {
    let Some(apiserver) = apiserver_log() else {
        return;
    };
    let site = TestNamespace::new("minted").await;
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let child = site.start(&["web", "--audit-log", text(&log)]);
    let accounts = site.api::<ServiceAccount>();
    let labelled = ListParams::default().labels("secure-scan.io/scan");
    let name = eventually("the scan's identity", async || {
        let found = accounts.list_metadata(&labelled).await.unwrap().items;
        found.into_iter().next()?.metadata.name
    })
    .await;
    let request: TokenRequest =
        serde_json::from_value(serde_json::json!({"spec": {"audiences": []}})).unwrap();
    let params = PostParams::default();
    let minted = accounts
        .create_token_request(&name, &params, &request)
        .await;
    assert!(minted.is_ok(), "while the scan ran: {minted:?}");
    let _ = child.wait_with_output().await.unwrap();
    let alarm = audit(&["reconcile", text(&log), "--apiserver-log", &apiserver]).await;
    assert_eq!(alarm.code, 1, "{alarm:?}");
    assert!(alarm.out.contains("somebody else got a token"), "{alarm:?}");
    site.remove().await;
}
