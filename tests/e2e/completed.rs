//! `--complete-from-image`: a scan reads from the image what the container hides from its own user, and only what the
//! container cannot have changed counts as complete.

use std::fs;

use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use scanner_tests::{
    TestNamespace, lab_only,
    program::{ProgramOutput, probe_image, program},
};
use serde_json::{Value, json};

use crate::hardened::{pod, site, with_status};

const COMMAND: &str = "exec sleep 3600";

async fn completed(site: &TestNamespace, strategy: &str, args: &[&str]) -> ProgramOutput {
    let context = std::env::var("SCANNER_E2E_CONTEXT").expect("context");
    let image = probe_image();
    let mut all = vec![strategy, "-n", &site.namespace, "--context", &context];
    all.extend(["--probe-image", &image]);
    all.extend(args);
    program(&all).output().await.expect("it starts").into()
}

/// `pods` are those of the test, beside the one that every namespace of a test has.
async fn nothing_left(site: &TestNamespace, pods: usize) {
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    let all = site.api::<Pod>().list(&ListParams::default()).await;
    assert_eq!(all.expect("pods").items.len(), pods + 1, "no pod is left");
}

fn result<'a>(report: &'a Value, id: &str) -> &'a Value {
    let results = report["findings"][0]["results"].as_array();
    let mut results = results.expect("results").iter();
    results.find(|r| r["id"] == id).expect("the check")
}

#[tokio::test]
async fn a_hardened_pod_passes_level_strict_with_its_image_and_not_without() {
    if lab_only() {
        return;
    }
    let (site, identity) = tokio::join!(site("completed"), TestNamespace::new("completed-id"));
    pod(&site, "hard", COMMAND, |_| {}).await;
    let dir = tempfile::tempdir().expect("a folder");
    let policy = dir.path().join("policy.yaml");
    // The image of the lab is in no registry, and a shell answers for the container.
    let text = "name: own\nversion: \"1\"\ntitle: T\nlevel: strict\nallow_evidence: [container]\n\
                gates: {image-digest: warn}\n";
    fs::write(&policy, text).expect("written");
    let policy = policy.display().to_string();
    // The tools and setuid programs of a Debian image are below this severity.
    let strict = [
        "hard",
        "--policy",
        &policy,
        "--identity-namespace",
        &identity.namespace,
        "--fail-on",
        "high",
        "-o",
        "json",
    ];
    let with = [&strict[..], &["--complete-from-image"]].concat();
    let without = completed(&site, "container", &strict).await;
    assert_eq!(without.code, 3, "{without:?}");
    assert!(without.err.contains("--complete-from-image"), "{without:?}");
    assert_eq!(without.json()["from_image"], Value::Null);
    let passed = completed(&site, "container", &with).await;
    assert_eq!(passed.code, 0, "{passed:?}");
    let report = passed.json();
    assert_eq!(report["verdict"], "passed");
    assert_eq!(report["image_scan"]["plan"]["strategy"], "sidecar-inert");
    assert_eq!(report["image_scan"]["post_scan"]["verified"], true);
    assert_eq!(with_status(&report, "error").len(), 0, "{report}");
    assert_eq!(report["coverage"]["files"]["state"], "complete");
    assert_eq!(report["coverage"]["shadow"]["state"], "complete");
    assert_eq!(report["from_image"]["fixed"], true);
    for (id, from) in [
        ("private-keys", "both"),
        ("empty-passwords", "image"),
        ("process-root", "container"),
        ("pod-read-only-root", "specification"),
    ] {
        assert_eq!(result(&report, id)["evidence_from"], from, "{id}");
    }
    assert!(!passed.err.contains("hint:"), "{passed:?}");
    nothing_left(&site, 1).await;
    nothing_left(&identity, 0).await;
    site.remove().await;
    identity.remove().await;
}

#[tokio::test]
async fn every_way_into_a_container_is_completed_and_every_form_says_so() {
    if lab_only() {
        return;
    }
    let site = site("completed-ways").await;
    pod(&site, "hard", COMMAND, |_| {}).await;
    let dir = tempfile::tempdir().expect("a folder");
    let forms = [
        "terminal", "html", "markdown", "sarif", "ohdf", "junit", "json",
    ];
    for strategy in ["distroless", "scan"] {
        let file = |form: &str| dir.path().join(form).display().to_string();
        let mut args: Vec<String> = ["hard", "--complete-from-image", "--require-complete"]
            .map(str::to_owned)
            .into();
        args.extend(["--fail-on".into(), "high".into()]);
        for form in forms {
            args.extend(["-o".into(), format!("{form}={}", file(form))]);
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let output = completed(&site, strategy, &args).await;
        assert_eq!(output.code, 0, "{strategy}: {output:?}");
        let json = fs::read_to_string(file("json")).expect("json");
        let report: Value = serde_json::from_str(&json).expect("JSON");
        let filled = report["from_image"]["filled"]
            .as_object()
            .expect("sections");
        let counts = filled.values().map(|gaps| gaps["total"].as_u64());
        let places: u64 = counts.map(|count| count.expect("a count")).sum();
        assert!(places > 0, "{report}");
        let read = format!("{places} paths were read from the image");
        for form in &forms[..6] {
            let text = fs::read_to_string(file(form)).expect(form);
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(words.contains(&read), "{strategy} {form}: {text}");
        }
        assert_eq!(result(&report, "private-keys")["evidence_from"], "both");
    }
    nothing_left(&site, 1).await;
    site.remove().await;
}

#[tokio::test]
async fn where_the_root_can_be_written_a_pass_says_so_and_is_not_complete() {
    if lab_only() {
        return;
    }
    let site = site("completed-rw").await;
    let writable = |spec: &mut Value| {
        spec["containers"][0]["securityContext"]["readOnlyRootFilesystem"] = false.into();
    };
    pod(&site, "writable", COMMAND, writable).await;
    // A runtime makes the working directory, so that this place is not as in the image.
    pod(&site, "inside", COMMAND, |spec| {
        spec["containers"][0]["workingDir"] = "/root/app".into();
    })
    .await;
    let args = [
        "writable",
        "--complete-from-image",
        "--fail-on",
        "high",
        "-o",
        "json",
    ];
    let free = completed(&site, "container", &args).await;
    let report = free.json();
    let keys = result(&report, "private-keys");
    assert_eq!(keys["status"], "pass", "{free:?}");
    assert_eq!(keys["may_have_changed"], true, "{keys}");
    let limits = keys["limits"].to_string();
    assert!(limits.contains("could have changed it since"), "{limits}");
    let demanding = [&args[..], &["--require-complete"]].concat();
    let refused = completed(&site, "container", &demanding).await;
    assert_eq!(refused.code, 3, "{refused:?}");
    let keys = &result(&refused.json(), "private-keys")["message"].to_string();
    assert!(keys.contains("could have changed it since"), "{keys}");
    let inside = [
        "inside",
        "--complete-from-image",
        "--fail-on",
        "high",
        "-o",
        "json",
    ];
    let inside = completed(&site, "container", &inside).await;
    assert_eq!(inside.code, 3, "{inside:?}");
    let gaps = &inside.json()["coverage"]["files"]["gaps"];
    assert_eq!(
        *gaps,
        json!([{"path": "/root", "kind": "not_searchable"}]),
        "{inside:?}"
    );
    nothing_left(&site, 2).await;
    site.remove().await;
}

#[tokio::test]
async fn both_plans_are_shown_and_a_namespace_without_root_is_refused_before_anything_is_made() {
    if lab_only() {
        return;
    }
    let site = site("completed-tight").await;
    pod(&site, "hard", COMMAND, |_| {}).await;
    let args = ["hard", "--complete-from-image"];
    let plan = [&args[..], &["--dry-run", "-o", "json"]].concat();
    let plan = completed(&site, "container", &plan).await;
    assert_eq!(plan.code, 0, "{plan:?}");
    let plans = plan.json();
    assert_eq!(plans[0]["strategy"], "sidecar-inert");
    assert_eq!(plans[1]["strategy"], "container");
    assert_eq!(
        plans[1]["profile"],
        json!("container-baseline 1"),
        "{plan:?}"
    );
    site.enforce("restricted").await;
    let refused = completed(&site, "container", &args).await;
    assert_eq!(refused.code, 3, "{refused:?}");
    let hint = "scan without --complete-from-image";
    assert!(refused.err.contains(hint), "{refused:?}");
    assert!(refused.err.contains("restricted"), "{refused:?}");
    nothing_left(&site, 1).await;
    site.remove().await;
}
