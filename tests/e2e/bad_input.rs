//! Everything that can be wrong with what a user gives: a clear error with a hint, the right exit
//! code, and nothing left behind.

use std::fs;

use k8s_openapi::api::core::v1::ResourceQuota;
use kube::{
    api::PostParams,
    config::{AuthInfo, Kubeconfig},
};
use scanner_tests::{
    TestNamespace, eventually, lab_only,
    program::{ProgramOutput, program, with_status},
};
use serde_json::json;

/// The error names each of `words` and a hint, and nothing was left.
async fn refused(site: &TestNamespace, args: &[&str], code: i32, words: &[&str]) {
    let output = site.run(args).await;
    assert_eq!(output.code, code, "{args:?}: {output:?}");
    reported(&output, words);
    assert_eq!(site.leftovers().await, Vec::<String>::new(), "{args:?}");
}

fn reported(output: &ProgramOutput, words: &[&str]) {
    let text = format!("{}{}", output.out, output.err).replace("\n  ", " ");
    for word in words {
        assert!(text.contains(word), "{word:?} is missing: {output:?}");
    }
    assert!(text.contains("hint: "), "no hint: {output:?}");
}

#[tokio::test]
async fn a_target_that_cannot_be_scanned_is_reported() {
    let site = TestNamespace::new("bad").await;
    refused(&site, &["nobody"], 2, &["nobody", "not found"]).await;
    refused(
        &site,
        &["web", "-c", "side"],
        2,
        &["no container side", "web"],
    )
    .await;
    refused(
        &site,
        &["-l", "app=none"],
        3,
        &["app=none", "kubectl get pods"],
    )
    .await;
    refused(
        &site,
        &["-l", "app in ("],
        2,
        &["invalid label selector", "app in (web, api)"],
    )
    .await;
    let context = std::env::var("SCANNER_E2E_CONTEXT").expect("context");
    let elsewhere = ["container", "web", "-n", "no-such", "--context", &context];
    let output = program(&elsewhere).output().await.expect("it starts");
    let output = ProgramOutput::from(output);
    assert_eq!(output.code, 2, "{output:?}");
    reported(
        &output,
        &["namespace no-such not found", "kubectl get namespaces"],
    );
    site.pod("web-2").await;
    refused(&site, &["-l", "app=web"], 3, &["web", "web-2", "one pod"]).await;
    site.pod_of("waits", "lab.local/no-such-image:1", "Pending")
        .await;
    refused(&site, &["waits"], 3, &["not running"]).await;
    site.remove().await;
}

#[tokio::test]
async fn a_target_without_a_shell_is_refused_with_the_strategy_to_use() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("noshell2").await;
    site.pod_of("bare", "lab.local/distroless:1", "Running")
        .await;
    let output = with_status(async || site.run(&["bare"]).await).await;
    assert_eq!(output.code, 3, "{output:?}");
    reported(&output, &["no /bin/sh", "distroless"]);
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test]
async fn a_profile_or_argument_that_cannot_be_used_is_reported() {
    let site = TestNamespace::new("badprofile").await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("p.yaml");
    let path = path.to_str().unwrap();
    let text = "name: p\nversion: \"1\"\ntitle: T\nchecks:\n  - id: a\n    title: T\n    \
                severity: low\n    rationale: R\n    fix: F\n    pass: users.size( == 0\n";
    fs::write(path, text).unwrap();
    let place = format!("{path}:10:");
    refused(&site, &["web", "-p", path], 2, &[&place, "CEL"]).await;
    refused(
        &site,
        &["web", "-p", "no-such"],
        2,
        &["no-such", "container-baseline"],
    )
    .await;
    refused(
        &site,
        &["web", "-p", "/no/such.yaml"],
        2,
        &["cannot read the profile"],
    )
    .await;
    let output = site.run(&["Web_1"]).await;
    assert!(
        output.code == 2 && output.err.contains("lower-case"),
        "{output:?}"
    );
    let output = site.run(&["web", "--lease", "5"]).await;
    assert!(
        output.code == 2 && output.err.contains("30 to 3600"),
        "{output:?}"
    );
    site.remove().await;
}

/// A kubeconfig like the tests' own with another change.
fn kubeconfig(change: impl FnOnce(&mut Kubeconfig)) -> tempfile::NamedTempFile {
    let mut config = Kubeconfig::read().expect("kubeconfig");
    change(&mut config);
    let file = tempfile::NamedTempFile::new().expect("temporary file");
    let text = serde_json::to_vec(&config).expect("kubeconfig as JSON");
    fs::write(file.path(), text).expect("write");
    file
}

pub(crate) fn with_token(token: &str) -> tempfile::NamedTempFile {
    with_token_in(token, None)
}

/// The same, whose contexts are of that namespace.
pub(crate) fn with_token_in(token: &str, namespace: Option<&str>) -> tempfile::NamedTempFile {
    kubeconfig(|config| {
        for named in &mut config.contexts {
            if let (Some(context), Some(namespace)) = (&mut named.context, namespace) {
                context.namespace = Some(namespace.to_owned());
            }
        }
        for user in &mut config.auth_infos {
            user.auth_info = Some(AuthInfo {
                token: Some(token.to_owned().into()),
                ..AuthInfo::default()
            });
        }
    })
}

#[tokio::test]
async fn a_cluster_that_cannot_be_used_is_reported() {
    let site = TestNamespace::new("badcluster").await;
    let other = kubeconfig(|config| config.contexts.clear());
    let path = other.path().to_str().unwrap();
    refused(
        &site,
        &["web", "--kubeconfig", path],
        2,
        &["has no contexts", "--kubeconfig"],
    )
    .await;
    let expired = with_token("expired-token-value");
    let path = expired.path().to_str().unwrap();
    refused(
        &site,
        &["web", "--kubeconfig", path],
        3,
        &["Unauthorized", "log in again"],
    )
    .await;
    let output = site.run(&["web", "--kubeconfig", path]).await;
    assert!(!format!("{output:?}").contains("expired-token-value"));
    let gone = kubeconfig(|config| {
        for named in &mut config.clusters {
            if let Some(cluster) = &mut named.cluster {
                cluster.server = Some("https://127.0.0.1:9".into());
            }
        }
    });
    let path = gone.path().to_str().unwrap();
    refused(
        &site,
        &["web", "--kubeconfig", path],
        3,
        &["cannot get pod", "reachable"],
    )
    .await;
    let insecure = kubeconfig(|config| {
        for named in &mut config.clusters {
            if let Some(cluster) = &mut named.cluster {
                cluster.insecure_skip_tls_verify = Some(true);
            }
        }
    });
    let path = insecure.path().to_str().unwrap();
    refused(
        &site,
        &["web", "--kubeconfig", path],
        2,
        &["insecure-skip-tls-verify"],
    )
    .await;
    site.remove().await;
}

#[tokio::test]
async fn a_missing_permission_is_named_with_verb_and_resource() {
    let site = TestNamespace::new("noperm").await;
    let file = with_token(&site.token("default").await);
    let path = file.path().to_str().unwrap();
    refused(
        &site,
        &["web", "--kubeconfig", path],
        3,
        &["cannot get resource \"pods\"", "administrator"],
    )
    .await;
    site.allow(
        "default",
        &[
            ("", "pods", "get"),
            ("batch", "jobs", "create"),
            ("", "secrets", "*"),
        ],
    )
    .await;
    let words = [
        "delete, list, watch on jobs.batch",
        "create on serviceaccounts/token",
        "nothing was created",
    ];
    refused(&site, &["web", "--kubeconfig", path], 3, &words).await;
    site.remove().await;
}

#[tokio::test]
async fn a_refusal_in_the_middle_is_a_failed_scan_that_left_nothing() {
    let site = TestNamespace::new("midway").await;
    // Rights are asked for before; a quota is not.
    let quota: ResourceQuota = serde_json::from_value(json!({
        "metadata": {"name": "no-roles"},
        "spec": {"hard": {"count/roles.rbac.authorization.k8s.io": "0"}},
    }))
    .expect("a quota");
    let quotas = site.api::<ResourceQuota>();
    let made = quotas.create(&PostParams::default(), &quota).await;
    made.expect("create quota");
    eventually("a quota that is counted", async || {
        let now = quotas.get("no-roles").await.ok()?;
        now.status?.hard
    })
    .await;
    let words = ["exceeded quota: no-roles"];
    refused(&site, &["web"], 3, &words).await;
    site.remove().await;
}

#[tokio::test]
async fn a_right_that_only_its_holder_can_give_is_named_before_anything_is_created() {
    let site = TestNamespace::new("nogrant").await;
    let file = with_token(&site.token("default").await);
    let path = file.path().to_str().unwrap();
    // All that a scan does itself; but nobody may give permissions that they do not have.
    let rbac = "rbac.authorization.k8s.io";
    let rules = [
        ("", "pods", "get"),
        ("", "pods", "list"),
        ("", "pods", "watch"),
        ("batch", "jobs", "*"),
        ("", "secrets", "*"),
        ("", "serviceaccounts", "*"),
        ("", "serviceaccounts/token", "*"),
        (rbac, "roles", "create"),
        (rbac, "roles", "list"),
        (rbac, "roles", "delete"),
        (rbac, "rolebindings", "*"),
    ];
    site.allow("default", &rules).await;
    let words = [
        "create, get on pods/exec, only web, which the scan identity needs, and which you can grant only if you have it",
        "nothing was created",
    ];
    refused(&site, &["web", "--kubeconfig", path], 3, &words).await;
    site.remove().await;
}

#[tokio::test]
async fn the_right_to_add_a_probe_is_the_operators_and_is_named_before_anything_is_created() {
    let site = TestNamespace::new("noprobe-right").await;
    let file = with_token(&site.token("default").await);
    let path = file.path().to_str().unwrap();
    let rbac = "rbac.authorization.k8s.io";
    let rules = [
        ("", "pods", "get"),
        ("", "pods", "list"),
        ("batch", "jobs", "*"),
        ("", "secrets", "*"),
        ("", "serviceaccounts", "*"),
        ("", "serviceaccounts/token", "*"),
        (rbac, "roles", "*"),
        (rbac, "rolebindings", "*"),
    ];
    site.allow("default", &rules).await;
    let output = site.probe(&["web", "--kubeconfig", path]).await;
    assert_eq!(output.code, 3, "{output:?}");
    let words = [
        "patch on pods/ephemeralcontainers",
        "create, delete, watch on pods",
        "nothing was created",
    ];
    reported(&output, &words);
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}
