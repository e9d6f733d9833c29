//! The audit log against the API server's own: they agree, and a stolen token is seen.

use std::fs;

use k8s_openapi::api::{
    authentication::v1::TokenRequest,
    core::v1::{Secret, ServiceAccount},
};
use kube::{
    Api,
    api::{ListParams, PostParams},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use scanner_core::audit::{AuditLog, Entry, Record};
use scanner_tests::{
    TestNamespace,
    audit_log::{apiserver_log, audit},
    eventually, memory_reader,
    program::{ProgramOutput, pid, text},
};

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
    assert!(
        verified.out.contains("of this report: verdict findings"),
        "{verified:?}"
    );
    let agreed = audit(&["reconcile", text(&log), "--apiserver-log", &apiserver]).await;
    assert_eq!(agreed.code, 0, "{agreed:?}");
    // Without a key and a report it says what that leaves open.
    assert!(
        agreed.out.contains("not verified: who closed the log"),
        "{agreed:?}"
    );
    let with = [
        "reconcile",
        text(&log),
        "--report",
        text(&report),
        "--apiserver-log",
        &apiserver,
    ];
    let known = audit(&with).await;
    assert_eq!(known.code, 0, "{known:?}");
    assert!(!known.out.contains("who closed the log"), "{known:?}");
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
    // A busy server is asked again for the rights that it does not know of yet, and then for the forbidden call.
    let asked = |resource: &str| {
        let parts = [r#""event":"call""#, r#""identity":"scan""#, resource];
        let lines = written
            .lines()
            .filter(|line| parts.iter().all(|part| line.contains(part)));
        lines.count() as u64
    };
    let rights = asked(r#""resource":"selfsubjectrulesreviews."#);
    let forbidden = asked(r#""resource":"secrets""#);
    assert!(rights >= 2 && forbidden >= 1, "{rights}, {forbidden}");
    // As for the exec that must be refused, beside the one that was planned.
    let execs = asked(r#""resource":"pods/exec""#);
    assert!(execs >= 2, "{execs}");
    let again = (rights - 2) + (forbidden - 1) + (execs - 2);
    // A watch that begins too late and a conflict cost a call or two more.
    assert!((28..=36).contains(&(total - again)), "{calls}");
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
    let args = ["web", "--audit-log", text(&log)];
    let (child, _proxy, _kubeconfig) = site.start_slowly(&args).await;
    let pid = child.id().unwrap();
    eventually("a token", async || {
        let log = fs::read_to_string(&log).ok()?;
        log.contains(r#""event":"token""#).then_some(())
    })
    .await;
    // The attacker stops the program to read its memory, and uses the token while the server still takes it.
    let scan = Pid::from_raw(pid.try_into().unwrap());
    kill(scan, Signal::SIGSTOP).unwrap();
    let stolen = memory_reader::scan_token_in_memory(pid);
    let stolen = stolen.expect("a token in memory");
    let stolen_client = memory_reader::client_with(&stolen).await;
    let secrets = Api::<Secret>::namespaced(stolen_client, &site.namespace);
    let refused = secrets.list_metadata(&ListParams::default()).await;
    kill(scan, Signal::SIGCONT).unwrap();
    assert!(refused.is_err(), "the token may exec and nothing else");
    let output = ProgramOutput::from(child.wait_with_output().await.unwrap());
    // A program that was stopped for long may have missed the time of a call.
    assert!([1, 3].contains(&output.code), "{output:?}");
    let alarm = audit(&["reconcile", text(&log), "--apiserver-log", &apiserver]).await;
    assert_eq!(alarm.code, 4, "{alarm:?}");
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
    let args = ["web", "--audit-log", text(&log)];
    let (child, _proxy, _kubeconfig) = site.start_slowly(&args).await;
    let accounts = site.api::<ServiceAccount>();
    let name = site.account_of_a_scan().await;
    let request: TokenRequest =
        serde_json::from_value(serde_json::json!({"spec": {"audiences": []}})).unwrap();
    let params = PostParams::default();
    let minted = accounts
        .create_token_request(&name, &params, &request)
        .await;
    assert!(minted.is_ok(), "while the scan ran: {minted:?}");
    let _ = child.wait_with_output().await.unwrap();
    let alarm = audit(&["reconcile", text(&log), "--apiserver-log", &apiserver]).await;
    assert_eq!(alarm.code, 4, "{alarm:?}");
    assert!(alarm.out.contains("somebody else got a token"), "{alarm:?}");
    site.remove().await;
}

/// The same log with calls of a stranger in it, closed with another key: what anybody can write who can write the file.
fn forged(log: &str) -> String {
    let forged = AuditLog::new();
    let lines = log.lines().take(log.lines().count() - 1);
    for line in lines {
        let record: Record = serde_json::from_str(line).expect("a line");
        let token = matches!(record.entry, Entry::Token { .. });
        forged.record(record.entry);
        if token {
            forged.record(Entry::Done {
                what: "nothing of it".into(),
            });
        }
    }
    forged.close().expect("it is closed");
    forged.text()
}

#[tokio::test]
async fn a_log_that_was_forged_or_a_report_that_was_changed_is_refused() {
    let site = TestNamespace::new("forged").await;
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let (log, report, key) = (at("log"), at("report"), at("key"));
    let output = format!("json={}", report.display());
    let scan = site
        .run(&["web", "--audit-log", text(&log), "-o", &output])
        .await;
    let written = fs::read_to_string(&report).unwrap_or_else(|_| panic!("{scan:?}"));
    let parsed: serde_json::Value = serde_json::from_str(&written).unwrap();
    fs::write(&key, parsed["audit"]["public_key"].as_str().unwrap()).unwrap();
    let (key, report) = (text(&key), text(&report));
    let whole = audit(&["verify", text(&log), "--report", report, "--key", key]).await;
    assert_eq!(whole.code, 0, "{whole:?}");
    assert!(!whole.out.contains("not verified"), "{whole:?}");
    // Another log: whole, and of somebody else.
    let other = at("forged");
    fs::write(&other, forged(&fs::read_to_string(&log).unwrap())).unwrap();
    let other = text(&other);
    let unknown = audit(&["verify", other]).await;
    assert_eq!(unknown.code, 0, "{unknown:?}");
    assert!(
        unknown.out.contains("not verified: who closed the log"),
        "{unknown:?}"
    );
    let any = at("any");
    fs::write(&any, "").unwrap();
    let empty = ["--apiserver-log", text(&any)];
    for known in [["--report", report], ["--key", key]] {
        for command in [&["verify", other][..], &["reconcile", other]] {
            let server: &[&str] = if command[0] == "verify" { &[] } else { &empty };
            let refused = audit(&[command, &known, server].concat()).await;
            assert_eq!(refused.code, 1, "{command:?} {known:?}: {refused:?}");
        }
    }
    // Another report.
    let verdict = format!("\"verdict\": {}", parsed["verdict"]);
    assert!(written.contains(&verdict));
    let changed = at("changed");
    for (to, words) in [
        ("\"verdict\": \"passed\"".to_owned(), "another verdict"),
        (format!("\"new\": 1, {verdict}"), "another content"),
        (format!("{verdict}, {verdict}"), "a name twice"),
    ] {
        fs::write(&changed, written.replacen(&verdict, &to, 1)).unwrap();
        let refused = audit(&["verify", text(&log), "--report", text(&changed)]).await;
        assert!(matches!(refused.code, 1 | 2), "{words}: {refused:?}");
        assert!(refused.err.contains(words), "{words}: {refused:?}");
    }
    // A file that is not a log at all.
    for what in [
        &["verify", report][..],
        &["reconcile", report, "--apiserver-log", other],
    ] {
        let refused = audit(what).await;
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(
            refused.err.contains("not an audit log of secure-scan"),
            "{refused:?}"
        );
    }
    let refused = audit(&["reconcile", text(&log), "--apiserver-log", report]).await;
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(
        refused.err.contains("not an audit log of an API server"),
        "{refused:?}"
    );
    site.remove().await;
}

#[tokio::test]
async fn a_token_of_a_secret_raises_the_alarm() {
    let Some(apiserver) = apiserver_log() else {
        return;
    };
    let site = TestNamespace::new("legacy").await;
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let child = site.start(&["web", "--audit-log", text(&log)]);
    let name = site.account_of_a_scan().await;
    // The scan would see the Secret and remove the account, often before the cluster fills the Secret.
    let scan = pid(&child);
    kill(scan, Signal::SIGSTOP).unwrap();
    site.make_token_secret(&name).await;
    let token = site.stolen_token().await;
    // The token of a Secret lives as long as its account. What it may do here is not the question.
    let stranger = memory_reader::client_with(&token).await;
    let secrets = Api::<Secret>::namespaced(stranger, &site.namespace);
    let refused = secrets.list_metadata(&ListParams::default()).await;
    let known = matches!(&refused, Err(kube::Error::Api(status)) if status.code == 403);
    assert!(known, "the server knew the token: {refused:?}");
    kill(scan, Signal::SIGCONT).unwrap();
    let _ = child.wait_with_output().await.unwrap();
    let alarm = audit(&["reconcile", text(&log), "--apiserver-log", &apiserver]).await;
    assert_eq!(alarm.code, 4, "{alarm:?}");
    for words in ["filled a Secret with a token", "with a token without an id"] {
        assert!(alarm.out.contains(words), "{words}: {alarm:?}");
    }
    assert!(!alarm.out.contains("eyJ"), "{alarm:?}");
    site.remove().await;
}
