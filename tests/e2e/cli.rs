//! The real program against a real cluster: results, exit codes, signals, and what it leaves.

use std::{fs, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use scanner_tests::{
    TestNamespace,
    audit_log::apiserver_log,
    eventually,
    fault::{Fault, Proxy},
    lab_only,
    program::{ProgramOutput, program},
};
use tokio::{process::Child, time::sleep};

fn lines_with<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    text.lines().filter(|line| line.contains(word)).collect()
}

#[tokio::test]
async fn a_scan_finds_what_is_wrong_and_leaves_nothing() {
    let site = TestNamespace::new("cli").await;
    let output = site.run(&["web", "-o", "json"]).await;
    assert_eq!(output.code, 1, "{output:?}");
    let report = output.json();
    assert_eq!(report["schema"], "secure-scan.io/report/v2");
    assert_eq!(report["verdict"], "findings");
    let results = report["findings"][0]["results"].as_array().unwrap();
    let status = |id: &str| {
        let found = results.iter().find(|r| r["id"] == id);
        found.map(|r| r["status"].as_str().unwrap_or_default())
    };
    assert_eq!(status("process-root"), Some("fail"));
    assert_eq!(status("pod-privileged"), Some("pass"));
    assert_eq!(status("kernel-settings"), Some("pass"));
    assert!(
        results.iter().all(|r| r["status"] != "error"),
        "{}",
        output.out
    );
    let calls = &report["api_calls"];
    let total = calls["operator"].as_u64().unwrap() + calls["scan"].as_u64().unwrap();
    // 28, and one more for each time that a busy server had not learned of the binding yet.
    assert!((10..=60).contains(&total), "{total} calls");
    assert!(
        !output.err.is_empty() && !output.err.contains('\u{1b}'),
        "{output:?}"
    );
    assert!(!format!("{output:?}").contains("eyJ"), "a token was shown");
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test]
async fn a_dry_run_shows_all_and_writes_nothing() {
    let site = TestNamespace::new("dry").await;
    let output = site.run(&["web", "--dry-run", "-o", "json"]).await;
    assert_eq!(output.code, 0, "{output:?}");
    let plan = output.json();
    assert_eq!(plan["objects"].as_array().map(Vec::len), Some(5));
    assert_eq!(plan["rules"][0]["resource_names"][0], "web");
    assert_eq!(plan["commands"][0]["argv"][0], "/bin/sh");
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    if let Some(log) = apiserver_log() {
        let id = plan["scan_id"].as_str().unwrap();
        let log = fs::read_to_string(log).unwrap();
        assert!(
            log.contains(&site.namespace),
            "the audit log sees this namespace"
        );
        assert_eq!(lines_with(&log, id), Vec::<&str>::new());
    }
    site.remove().await;
}

#[tokio::test]
async fn an_unexpected_digest_is_an_alert_before_the_target_is_touched() {
    let site = TestNamespace::new("digest").await;
    let digest = format!("sha256:{}", "0".repeat(64));
    let output = site
        .run(&["web", "--expect-digest", &digest, "-o", "json"])
        .await;
    assert_eq!(output.code, 4, "{output:?}");
    assert_eq!(
        output.json()["controls"][0]["enforced"]["state"],
        "not_reached"
    );
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

const DEBIAN: &str = r#"
name: debian
version: "1"
title: A real Debian, looked at as a user that is not root
checks:
  - {id: packages, title: T, severity: low, rationale: R, fix: F,
     pass: 'packages.size() > 50 && packages.exists(p, p.name == "libc6" && p.version != "")'}
  - {id: users, title: T, severity: low, rationale: R, fix: F, pass: 'users.exists(u, u.name == "shop")'}
  - {id: identity, title: T, severity: low, rationale: R, fix: F, pass: 'identity.uid == 1000'}
  - {id: setuid, title: T, severity: low, rationale: R, fix: F, scope: reachable,
     files: [{kind: [file], mode_any: "4000"}], violations: 'files.map(f, f.path)'}
  - {id: shadow, title: T, severity: low, rationale: R, fix: F, pass: 'shadow.size() >= 0'}
"#;

#[tokio::test]
async fn what_a_user_that_is_not_root_cannot_see_is_not_a_pass() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("debian").await;
    site.pod_of("debian", "lab.local/debian:1", "Running").await;
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), DEBIAN).unwrap();
    let profile = file.path().to_str().unwrap();
    let args = ["debian", "-p", profile, "-o", "json", "--fail-on", "medium"];
    let output = site.run(&args).await;
    assert_eq!(output.code, 3, "{output:?}");
    let report = output.json();
    assert_eq!(report["verdict"], "incomplete");
    let statuses: Vec<&str> = report["findings"][0]["results"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|r| r["status"].as_str())
        .collect();
    assert_eq!(
        statuses,
        ["pass", "pass", "pass", "fail", "error"],
        "{}",
        output.out
    );
    assert_eq!(report["coverage"]["files"]["state"], "partial");
    assert_eq!(report["agent"]["digests"], true);
    site.remove().await;
}

/// Waits until the scan has made something, then a moment more.
async fn underway(site: &TestNamespace, more: Duration) {
    eventually("an object of the scan", async || {
        (!site.leftovers().await.is_empty()).then_some(())
    })
    .await;
    sleep(more).await;
}

fn send(child: &Child, signal: Signal) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok());
    kill(Pid::from_raw(pid.expect("it runs")), signal).expect("kill");
}

#[tokio::test]
async fn a_signal_before_anything_was_created_is_reported_as_such() {
    let site = TestNamespace::new("signal-early").await;
    // The server never answers the first call.
    let proxy = Proxy::start(1, Fault::Silence).await;
    let kubeconfig = proxy.kubeconfig(&site.token("default").await);
    let file = kubeconfig.path().to_str().unwrap();
    let mut command = program(&[
        "container",
        "web",
        "-n",
        &site.namespace,
        "--kubeconfig",
        file,
    ]);
    let child = command.spawn().unwrap();
    eventually("the first call", async || {
        (!proxy.calls().is_empty()).then_some(())
    })
    .await;
    send(&child, Signal::SIGINT);
    let output = ProgramOutput::from(child.wait_with_output().await.unwrap());
    assert_eq!(output.code, 3, "{output:?}");
    assert!(
        output.err.contains("SIGINT before anything was created"),
        "{output:?}"
    );
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test]
async fn every_signal_cleans_up_before_the_program_ends() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let site = TestNamespace::new("signal").await;
        let child = site.start(&["web"]);
        underway(&site, Duration::ZERO).await;
        send(&child, signal);
        let output = ProgramOutput::from(child.wait_with_output().await.unwrap());
        assert_eq!(site.leftovers().await, Vec::<String>::new(), "{signal}");
        assert_eq!(output.code, 3, "{signal}: {output:?}");
        assert!(output.err.contains(signal.as_str()), "{signal}: {output:?}");
        site.remove().await;
    }
}

#[tokio::test]
async fn after_a_kill_at_any_point_the_lease_removes_everything() {
    let points = [0, 40, 80, 200, 3000].map(|ms| async move {
        let site = TestNamespace::new("kill").await;
        let mut child = site.start(&["web", "--lease", "30"]);
        underway(&site, Duration::from_millis(ms)).await;
        child.kill().await.unwrap();
        let left = site.leftovers().await.len();
        site.nothing_left(120).await;
        site.remove().await;
        left
    });
    let left = futures_util::future::join_all(points).await;
    assert!(
        left.iter().any(|n| *n > 0),
        "the kill came too late to matter"
    );
}
