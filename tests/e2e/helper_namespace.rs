//! `--helper-namespace`: the image that completes a scan is read in another namespace, where the target's allows no root.

use std::fs;

use k8s_openapi::api::{
    core::v1::{Pod, Secret},
    rbac::v1::{Role, RoleBinding},
};
use kube::api::{ListParams, PostParams};
use scanner_tests::{
    TestNamespace,
    audit_log::apiserver_log,
    eventually, lab_only,
    program::{ProgramOutput, probe_image, program},
    registry::{Registry, name_pull_secret},
};
use serde_json::{Value, json};

use crate::hardened::{pod, site, with_status};

/// What only a scan passes that read all.
const WHOLE: &str = r#"
name: whole
version: "1"
title: All files
checks:
  - {id: devices, title: No device, severity: high, rationale: R, fix: F, scope: everything,
     files: [{under: [/], kind: [block_device, char_device]}],
     violations: 'files.filter(f, !f.path.startsWith("/dev/")).map(f, f.path)'}
"#;

/// Scans the container of `name`, whose image is read in `helper`.
async fn helped(
    site: &TestNamespace,
    helper: &TestNamespace,
    name: &str,
    args: &[&str],
) -> ProgramOutput {
    let context = std::env::var("SCANNER_E2E_CONTEXT").expect("context");
    let all = ["container", name, "--context", &context];
    let probe = probe_image();
    let more = [
        "-n",
        &site.namespace,
        "--probe-image",
        &probe,
        "--complete-from-image",
        "--helper-namespace",
        &helper.namespace,
    ];
    let all = [&all[..], &more, args].concat();
    program(&all).output().await.expect("it starts").into()
}

/// A namespace that enforces `baseline`.
async fn helper(test: &str) -> TestNamespace {
    let helper = TestNamespace::new(test).await;
    helper.enforce("baseline").await;
    helper
}

/// `pods` are those of the test, beside the one that every namespace of a test has.
async fn nothing_left(site: &TestNamespace, pods: usize) {
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    let all = site.api::<Pod>().list(&ListParams::default()).await;
    assert_eq!(all.expect("pods").items.len(), pods + 1, "no pod is left");
}

/// Namespaces in which the API server saw anything of the scan with that id.
fn namespaces_of(log: &str, scan: &str) -> Vec<String> {
    let events = log.lines().filter(|line| line.contains(scan));
    let events = events.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut all: Vec<String> = events
        .filter_map(|event| Some(event["objectRef"]["namespace"].as_str()?.to_owned()))
        .collect();
    all.sort();
    all.dedup();
    all
}

#[tokio::test]
async fn a_hardened_pod_where_root_is_refused_passes_level_strict_by_another_namespace() {
    if lab_only() {
        return;
    }
    let (site, helper, identity) = tokio::join!(
        site("helped"),
        helper("helper"),
        TestNamespace::new("helped-id")
    );
    site.enforce("restricted").await;
    pod(&site, "hard", "exec sleep 3600", |_| {}).await;
    let dir = tempfile::tempdir().expect("a folder");
    let policy = dir.path().join("policy.yaml");
    let text = "name: own\nversion: \"1\"\ntitle: T\nlevel: strict\nallow_evidence: [container]\n\
                gates: {image-digest: warn}\n";
    fs::write(&policy, text).expect("written");
    let policy = policy.display().to_string();
    let args = [
        "--policy",
        &policy,
        "--identity-namespace",
        &identity.namespace,
        // The tools and setuid programs of a Debian image are below this severity.
        "--fail-on",
        "high",
        "-o",
        "json",
    ];
    let passed = helped(&site, &helper, "hard", &args).await;
    assert_eq!(passed.code, 0, "{passed:?}");
    let report = passed.json();
    assert_eq!(report["verdict"], "passed");
    assert_eq!(with_status(&report, "error").len(), 0, "{report}");
    for section in ["files", "shadow"] {
        assert_eq!(
            report["coverage"][section]["state"], "complete",
            "{section}"
        );
    }
    assert_eq!(report["from_image"]["fixed"], true);
    let image = &report["image_scan"];
    let target = &report["plan"]["target"];
    assert_eq!(&image["plan"]["image_of"], target);
    assert_eq!(image["plan"]["target"]["namespace"], *helper.namespace);
    assert_eq!(image["post_scan"]["verified"], true);
    let probe = image["plan"]["objects"].as_array().expect("objects");
    let probe = probe.iter().find(|object| object["kind"] == "Pod");
    let spec = &probe.expect("a pod")["spec"];
    let context = &spec["containers"][0]["securityContext"];
    assert_eq!(
        context["capabilities"],
        json!({"add": ["DAC_OVERRIDE"], "drop": ["ALL"]})
    );
    let node = target["node"].as_str().expect("a node");
    assert!(spec["affinity"].to_string().contains(node), "{spec}");
    for (site, pods) in [(&site, 1), (&helper, 0), (&identity, 0)] {
        nothing_left(site, pods).await;
    }
    if let Some(log) = apiserver_log() {
        let log = fs::read_to_string(log).expect("audit log");
        let id = |report: &Value| report["plan"]["scan_id"].as_str().map(str::to_owned);
        let mut expected = [helper.namespace.clone(), identity.namespace.clone()];
        expected.sort();
        let of_image = id(image).expect("an id");
        assert_eq!(namespaces_of(&log, &of_image), expected);
        let mut expected = [site.namespace.clone(), identity.namespace.clone()];
        expected.sort();
        let of_container = id(&report).expect("an id");
        assert_eq!(namespaces_of(&log, &of_container), expected);
    }
    for site in [site, helper, identity] {
        site.remove().await;
    }
}

#[tokio::test]
async fn drift_and_an_image_alone_are_read_in_another_namespace_too() {
    if lab_only() {
        return;
    }
    let (site, helper) = tokio::join!(site("helped-drift"), helper("helper-drift"));
    site.enforce("restricted").await;
    pod(&site, "hard", "exec sleep 3600", |_| {}).await;
    let context = std::env::var("SCANNER_E2E_CONTEXT").expect("context");
    let probe = probe_image();
    let more = [
        "--as-root",
        "--helper-namespace",
        &helper.namespace,
        "-n",
        &site.namespace,
        "--context",
        &context,
        "--probe-image",
        &probe,
        "-o",
        "json",
    ];
    let drift = ["drift", "hard", "--via", "container"];
    let inert = ["sidecar", "hard", "--inert"];
    for command in [&drift[..], &inert] {
        let refused = [command, &more[..1], &more[3..]].concat();
        let refused: ProgramOutput = program(&refused).output().await.expect("starts").into();
        assert_eq!(refused.code, 3, "{refused:?}");
        assert!(refused.err.contains("--helper-namespace"), "{refused:?}");
        let all = [command, &more].concat();
        let output: ProgramOutput = program(&all).output().await.expect("it starts").into();
        let report = output.json();
        assert!(report["failure"].is_null(), "{output:?}");
        let image = match &report["image_scan"] {
            Value::Null => &report,
            image => image,
        };
        let plan = &image["plan"];
        assert_eq!(plan["target"]["namespace"], *helper.namespace);
        assert_eq!(plan["image_of"]["namespace"], *site.namespace);
        assert_eq!(image["coverage"]["files"]["state"], "complete");
        assert_eq!(image["post_scan"]["verified"], true, "{output:?}");
        nothing_left(&site, 1).await;
        nothing_left(&helper, 0).await;
    }
    for site in [site, helper] {
        site.remove().await;
    }
}

#[tokio::test]
async fn a_private_image_is_read_with_a_pull_secret_of_the_helper_namespace_and_not_without() {
    if lab_only() {
        return;
    }
    let (site, helper) = tokio::join!(site("private"), helper("private-helper"));
    let registry = Registry::start().await;
    registry.pull_secret(&site, "registry", true).await;
    pod(&site, "hard", "exec sleep 3600", |spec| {
        spec["imagePullSecrets"] = json!([{"name": "registry"}]);
        spec["containers"][0]["image"] = registry.image.clone().into();
    })
    .await;
    let dir = tempfile::tempdir().expect("a folder");
    let profile = dir.path().join("whole.yaml");
    fs::write(&profile, WHOLE).expect("written");
    let profile = profile.display().to_string();
    let args = ["-p", &profile, "--require-complete"];
    let before = pods_of(&site).await;
    let without = helped(&site, &helper, "hard", &args).await;
    assert_eq!(without.code, 3, "{without:?}");
    for words in [
        "the target's image may be private: its pod has a pull secret (registry),",
        &format!("helper namespace {}", helper.namespace),
        "create a pull secret",
        "nothing was created",
    ] {
        assert!(without.err.contains(words), "{words}: {without:?}");
    }
    // What the API does not show, the node reports: it has the image, and may not use it for this pod.
    registry.pull_secret(&helper, "wrong", false).await;
    name_pull_secret(&helper, "wrong").await;
    let log = dir.path().join("audit.jsonl").display().to_string();
    let json = [&args[..], &["-o", "json", "--audit-log", &log]].concat();
    let wrong = helped(&site, &helper, "hard", &json).await;
    assert_eq!(wrong.code, 3, "{wrong:?}");
    let report = wrong.json();
    let said = report["failure"]["message"].to_string();
    assert!(said.contains("the target's image is private"), "{said}");
    assert!(said.contains(&helper.namespace), "{said}");
    let remedy = json!({"remedy": "add_pull_secret", "namespace": helper.namespace});
    assert_eq!(report["failure"]["remedy"], remedy);
    assert_eq!(report["post_scan"]["verified"], true, "{wrong:?}");
    assert_eq!(report["plan"]["strategy"], "sidecar-inert");
    nothing_left(&site, 1).await;
    nothing_left(&helper, 0).await;
    assert_eq!(
        pods_of(&site).await,
        before,
        "the container was not touched"
    );
    registry.pull_secret(&helper, "right", true).await;
    name_pull_secret(&helper, "right").await;
    let with = helped(&site, &helper, "hard", &args).await;
    assert_eq!(with.code, 0, "{with:?}");
    assert!(
        with.out.contains("1 path was read from the image"),
        "{with:?}"
    );
    nothing_left(&site, 1).await;
    nothing_left(&helper, 0).await;
    // Neither Secret went from one namespace to the other.
    let names = async |site: &TestNamespace| {
        let secrets = site.api::<Secret>().list(&ListParams::default()).await;
        let secrets = secrets.expect("secrets").items.into_iter();
        let mut names: Vec<_> = secrets.filter_map(|one| one.metadata.name).collect();
        names.sort();
        names
    };
    assert_eq!(names(&site).await, ["registry"]);
    assert_eq!(names(&helper).await, ["right", "wrong"]);
    for site in [site, helper] {
        site.remove().await;
    }
}

/// Each pod by its UID, with how often its containers were started and the versions of its specification.
async fn pods_of(site: &TestNamespace) -> Vec<(String, i64, i32)> {
    let pods = site.api::<Pod>().list(&ListParams::default()).await;
    let pods = pods.expect("pods").items.into_iter();
    let mut all: Vec<_> = pods
        .map(|pod| {
            let statuses = pod.status.and_then(|status| status.container_statuses);
            let restarts = statuses.into_iter().flatten().map(|s| s.restart_count);
            let generation = pod.metadata.generation.unwrap_or_default();
            let uid = pod.metadata.uid.unwrap_or_default();
            (uid, generation, restarts.sum())
        })
        .collect();
    all.sort();
    all
}

#[tokio::test]
async fn the_printed_roles_of_both_namespaces_suffice_and_that_of_one_does_not() {
    if lab_only() {
        return;
    }
    let (site, helper) = tokio::join!(site("helped-rights"), helper("helper-rights"));
    pod(&site, "hard", "exec sleep 3600", |_| {}).await;
    let file = crate::bad_input::with_token(&site.token("default").await);
    let path = file.path().to_str().expect("a path");
    let probe = probe_image();
    let rights = [
        "rights",
        "-n",
        &site.namespace,
        "--complete-from-image",
        "--helper-namespace",
        &helper.namespace,
    ];
    let printed: ProgramOutput = program(&rights).output().await.expect("starts").into();
    assert_eq!(printed.code, 0, "{printed:?}");
    let roles = printed.out.split("---\n").filter(|role| !role.is_empty());
    let roles: Vec<Role> = roles
        .map(|role| serde_saphyr::from_str(role).expect("a Role in YAML"))
        .collect();
    assert_eq!(roles.len(), 2, "{printed:?}");
    let scan = [
        "container",
        "hard",
        "-n",
        &site.namespace,
        "--kubeconfig",
        path,
        "--probe-image",
        &probe,
        "--complete-from-image",
        "--helper-namespace",
        &helper.namespace,
        "-p",
        "sbom",
        "-o",
        "json",
    ];
    for (place, role) in [&site, &helper].into_iter().zip(&roles) {
        let name = role.metadata.name.clone().expect("a name");
        let binding = json!({
            "metadata": {"name": "operator"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": site.namespace}],
        });
        let binding: RoleBinding = serde_json::from_value(binding).expect("a binding");
        assert_eq!(role.metadata.namespace.as_ref(), Some(&place.namespace));
        let params = PostParams::default();
        let made = place.api::<Role>().create(&params, role).await;
        made.expect("create Role");
        let bound = place.api::<RoleBinding>().create(&params, &binding).await;
        bound.expect("create binding");
        if place.namespace == site.namespace {
            let words = format!(", in namespace {}", helper.namespace);
            eventually("the rights of the first Role", async || {
                let refused: ProgramOutput = program(&scan).output().await.ok()?.into();
                let needs_more = refused.err.contains("you may not") && refused.code == 3;
                (needs_more && refused.err.contains(&words)).then_some(())
            })
            .await;
        }
    }
    let check = [&rights[..], &["--check", "--kubeconfig", path]].concat();
    eventually("the rights of both Roles", async || {
        let output: ProgramOutput = program(&check).output().await.ok()?.into();
        (output.code == 0).then_some(())
    })
    .await;
    let output: ProgramOutput = program(&scan).output().await.expect("it starts").into();
    let report = output.json();
    assert!(report["failure"].is_null(), "{output:?}");
    assert_eq!(report["post_scan"]["verified"], true, "{output:?}");
    assert_eq!(report["image_scan"]["post_scan"]["verified"], true);
    nothing_left(&site, 1).await;
    nothing_left(&helper, 0).await;
    for site in [site, helper] {
        site.remove().await;
    }
}
