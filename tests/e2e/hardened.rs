//! A hardened pod: what can be seen of it is evaluated, what cannot is named once, and neither counts as the other.

use std::{collections::BTreeSet, fs};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::PostParams;
use scanner_tests::{
    TestNamespace, lab_only,
    program::{ProgramOutput, probe_image, program},
};
use serde_json::{Value, json};

/// The flags by which a scan of that strategy reads more, as its hint names them.
fn more(strategy: &str) -> &'static str {
    match strategy {
        "sidecar" => "secure-scan sidecar --inert --as-root",
        _ => "--complete-from-image",
    }
}

const STRATEGIES: [&str; 3] = ["container", "distroless", "sidecar"];

/// Failures that come from the image or the node: no pod specification can fix them.
const OF_IMAGE: [&str; 7] = [
    "confinement",
    "image-digest",
    "kernel-tools",
    "package-managers",
    "setuid-files",
    "shells",
    "sudo",
];

/// Things that are wrong wherever they exist: unknown while a place cannot be read.
const OF_EXISTENCE: [&str; 9] = [
    "backup-files",
    "core-dumps",
    "credential-files",
    "empty-passwords",
    "password-hashes",
    "private-keys",
    "shell-history",
    "source-repositories",
    "weak-password-hashes",
];

/// Checks for which it matters who can get to a place.
const REACHABLE: &str = r#"
name: reachable
version: "1"
title: What the processes of a container can get to
checks:
  - {id: devices, title: No device, severity: high, rationale: R, fix: F, scope: reachable,
     files: [{under: [/], kind: [block_device, char_device]}],
     violations: 'files.filter(f, !f.path.startsWith("/dev/")).map(f, f.path)'}
"#;

pub(crate) async fn pod(
    site: &TestNamespace,
    name: &str,
    command: &str,
    change: impl Fn(&mut Value),
) {
    let mut more = json!({
        "automountServiceAccountToken": false,
        "securityContext": {
            "runAsNonRoot": true, "runAsUser": 10101, "runAsGroup": 10101,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumes": [{"name": "config", "configMap": {"name": "config"}}, {"name": "tmp", "emptyDir": {}}],
        "containers": [{
            "name": "web", "image": "lab.local/debian:1", "imagePullPolicy": "IfNotPresent",
            "command": ["/bin/sh", "-c", command],
            "securityContext": {
                "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                "capabilities": {"drop": ["ALL"]},
            },
            "resources": {
                "limits": {"cpu": "500m", "memory": "128Mi"}, "requests": {"cpu": "10m", "memory": "32Mi"},
            },
            "volumeMounts": [
                {"name": "config", "mountPath": "/etc/app", "readOnly": true},
                {"name": "tmp", "mountPath": "/tmp"},
            ],
        }],
    });
    change(&mut more);
    site.pod_like(name, "", "Running", &more, &json!({})).await;
}

pub(crate) async fn site(name: &str) -> TestNamespace {
    let site = TestNamespace::new(name).await;
    let config = json!({"metadata": {"name": "config"}, "data": {"app.conf": "listen 8080"}});
    let config: ConfigMap = serde_json::from_value(config).expect("ConfigMap");
    let api = site.api::<ConfigMap>();
    api.create(&PostParams::default(), &config)
        .await
        .expect("created");
    site
}

pub(crate) async fn scan(site: &TestNamespace, strategy: &str, args: &[&str]) -> ProgramOutput {
    let context = std::env::var("SCANNER_E2E_CONTEXT").expect("context");
    let image = probe_image();
    let mut all = vec![strategy, "-n", &site.namespace, "--context", &context];
    all.extend(args);
    if strategy != "container" {
        all.extend(["--probe-image", &image]);
    }
    program(&all).output().await.expect("it starts").into()
}

pub(crate) fn with_status<'a>(report: &'a Value, status: &str) -> BTreeSet<&'a str> {
    let results = report["findings"][0]["results"].as_array();
    let results = results.expect("results").iter();
    results
        .filter(|result| result["status"] == status)
        .filter_map(|result| result["id"].as_str())
        .collect()
}

#[tokio::test]
async fn a_hardened_pod_passes_what_its_specification_deserves_by_every_strategy() {
    if lab_only() {
        return;
    }
    let site = site("hardened").await;
    pod(&site, "hard", "exec sleep 3600", |_| {}).await;
    for strategy in STRATEGIES {
        let output = scan(&site, strategy, &["hard", "-o", "json"]).await;
        assert_eq!(output.code, 3, "{strategy}: {output:?}");
        let report = output.json();
        let of_image = BTreeSet::from(OF_IMAGE);
        assert_eq!(with_status(&report, "fail"), of_image, "{strategy}");
        let of_existence = BTreeSet::from(OF_EXISTENCE);
        assert_eq!(with_status(&report, "error"), of_existence, "{strategy}");
        let passed = with_status(&report, "pass");
        for id in [
            "device-files",
            "home-permissions",
            "root-home",
            "world-writable-directories",
            "world-writable-files",
        ] {
            assert!(passed.contains(id), "{strategy}: {id}");
        }
        let gaps = report["coverage"]["files"]["gaps"].as_array();
        let gaps = gaps.expect("gaps");
        let root = json!({"path": "/root", "kind": "not_searchable"});
        assert!(gaps.contains(&root), "{strategy}: {gaps:?}");
        assert_eq!(gaps.len(), 4, "{strategy}: each place once: {gaps:?}");
        let hint = more(strategy);
        assert!(output.err.contains(hint), "{strategy}: {output:?}");
    }
    site.remove().await;
}

#[tokio::test]
async fn a_pass_beside_what_was_not_read_says_so_in_every_form_and_can_be_refused() {
    if lab_only() {
        return;
    }
    let site = site("in-part").await;
    pod(&site, "hard", "exec sleep 3600", |_| {}).await;
    let dir = tempfile::tempdir().expect("a folder");
    let file = |name: &str| dir.path().join(name).display().to_string();
    let (profile, policy) = (file("reachable.yaml"), file("policy.yaml"));
    fs::write(&profile, REACHABLE).expect("written");
    let text = "name: whole\nversion: \"1\"\ntitle: T\nrequire_complete: true\n";
    fs::write(&policy, text).expect("written");
    let forms = [
        "json", "html", "markdown", "sarif", "junit", "ohdf", "terminal",
    ];
    for strategy in STRATEGIES {
        let mut args = vec!["hard".to_owned(), "-p".into(), profile.clone()];
        for form in forms {
            args.extend(["-o".into(), format!("{form}={}", file(form))]);
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let output = scan(&site, strategy, &args).await;
        assert_eq!(output.code, 0, "{strategy}: {output:?}");
        for form in forms {
            let text = fs::read_to_string(file(form)).expect(form);
            let named = text.matches("/var/cache/ldconfig").count();
            // The JSON form also has it in the limits of the one check.
            let expected = if form == "json" { 2 } else { 1 };
            assert_eq!(named, expected, "{strategy} {form}: {text}");
        }
        let read = |form: &str| fs::read_to_string(file(form)).expect("written");
        let passed = "passed, 4 paths or items not read";
        for form in ["html", "markdown", "terminal", "ohdf"] {
            assert!(read(form).contains(passed), "{strategy} {form}");
        }
        assert!(read("junit").contains("<skipped"), "{strategy}");
        let sarif: Value = serde_json::from_str(&read("sarif")).expect("SARIF");
        let noted = &sarif["runs"][0]["invocations"][0]["toolExecutionNotifications"];
        assert!(noted.to_string().contains("/var/cache/ldconfig"), "{noted}");
        let by_flag = vec!["hard", "-p", &profile, "--require-complete"];
        let by_policy = vec!["hard", "-p", &profile, "--policy", &policy];
        for args in [by_flag, by_policy] {
            let refused = scan(&site, strategy, &args).await;
            assert_eq!(refused.code, 3, "{strategy}: {refused:?}");
            assert!(refused.out.contains("/var/cache/ldconfig"), "{refused:?}");
            let hint = more(strategy);
            assert!(refused.err.contains(hint), "{strategy}: {refused:?}");
        }
    }
    site.remove().await;
}

#[tokio::test]
async fn what_a_process_may_reach_is_not_passed_over() {
    if lab_only() {
        return;
    }
    let site = site("in-reach").await;
    let dir = tempfile::tempdir().expect("a folder");
    let profile = dir.path().join("reachable.yaml");
    fs::write(&profile, REACHABLE).expect("written");
    let profile = profile.display().to_string();
    let container = |spec: &mut Value, field: &str, value: Value| {
        spec["containers"][0]["securityContext"][field] = value;
    };
    // Setuid programs of the image work; a directory of the user is shut, or can be searched and not listed.
    let shut = "mkdir -p /tmp/x/y && chmod 000 /tmp/x && exec sleep 3600";
    let searched = "mkdir -p /tmp/x/y && chmod 300 /tmp/x && exec sleep 3600";
    let none = |_: &mut Value| {};
    tokio::join!(
        pod(&site, "escalates", "exec sleep 3600", |spec| {
            container(spec, "allowPrivilegeEscalation", true.into());
        }),
        pod(&site, "shut", shut, none),
        pod(&site, "searched", searched, none),
        // A runtime goes to the working directory as root: this user could not get there.
        pod(&site, "inside", "exec sleep 3600", |spec| {
            spec["containers"][0]["workingDir"] = "/root/app".into();
        }),
    );
    for strategy in ["container", "distroless"] {
        for name in ["escalates", "shut", "searched", "inside"] {
            let output = scan(&site, strategy, &[name, "-p", &profile]).await;
            assert_eq!(output.code, 3, "{strategy} {name}: {output:?}");
            let words = output.out.split_whitespace().collect::<Vec<_>>().join(" ");
            let why = match name {
                "escalates" => {
                    "a process may reach it (a process can gain privileges (no_new_privs is not set)"
                }
                "inside" => "works in /root/app, which the agent cannot reach",
                _ => "a process may reach it (/tmp/x: not listable)",
            };
            assert!(words.contains(why), "{strategy} {name}: {output:?}");
        }
    }
    site.remove().await;
}
