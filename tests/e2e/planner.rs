//! More targets of the access planner on a real node: for each, planned is seen, and a weaker context is
//! tried and sees nothing.

use k8s_openapi::api::core::v1::ResourceQuota;
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, PostParams},
};
use scanner_tests::{TestNamespace, eventually, lab_only, program::ProgramOutput};
use serde_json::{Value, json};

use crate::distroless::{NON_ROOT, ROOT, try_context};

/// A profile whose one check shows which shell the target has: the images here differ by that.
const SHELL: &str = r#"
name: shell
version: "1"
title: Shell
checks:
  - id: shell
    title: There is no shell
    severity: high
    rationale: It distinguishes one image from the other.
    fix: None.
    commands: [sh]
    violations: commands.map(c, c.path)
"#;

fn evidence(output: &ProgramOutput) -> Vec<Value> {
    let report = output.json();
    let result = &report["findings"][0]["results"][0];
    assert_ne!(result["status"], "error", "{output:?}");
    result["evidence"].as_array().cloned().unwrap_or_default()
}

#[tokio::test]
async fn of_several_containers_that_share_processes_the_right_one_is_read() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("planner-shared").await;
    // Both run as the same user, so that only the container id distinguishes one from the other.
    let user = json!({"runAsUser": 65532, "runAsGroup": 65532});
    let container = |name: &str, image: &str| {
        json!({
            "name": name, "image": image, "imagePullPolicy": "IfNotPresent", "securityContext": user,
        })
    };
    let more = json!({
        "shareProcessNamespace": true,
        "containers": [
            container("bare", NON_ROOT),
            container("shell", "lab.local/busybox:1"),
            container("other", "lab.local/busybox:1"),
        ],
    });
    site.pod_like("several", "", "Running", &more, &json!({}))
        .await;
    let file = tempfile::NamedTempFile::with_suffix(".yaml").expect("file");
    std::fs::write(file.path(), SHELL).expect("profile");
    let profile = file.path().to_str().expect("path");
    let scan = |name: &'static str| {
        let site = &site;
        async move {
            let args = ["several", "-c", name, "-p", profile, "-o", "json"];
            site.probe(&args).await
        }
    };
    // One after the other: a probe that another scan adds to the pod is none that this one planned.
    let (bare, shell, other) = (scan("bare").await, scan("shell").await, scan("other").await);
    assert_eq!(evidence(&bare), Vec::<Value>::new());
    for output in [&shell, &other] {
        assert_eq!(evidence(output).len(), 1, "{output:?}");
    }
    for (output, code) in [(&bare, 0), (&shell, 1), (&other, 1)] {
        assert_eq!(output.code, code, "{output:?}");
    }
    site.remove().await;
}

#[tokio::test]
async fn targets_without_seccomp_or_with_privileges_are_planned_as_they_are_seen() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("planner-loose").await;
    let unconfined = json!({"seccompProfile": {"type": "Unconfined"}});
    let groups = json!({"securityContext": {
        "runAsUser": 1500, "runAsGroup": 1600, "fsGroup": 1700,
        "supplementalGroups": [1800], "supplementalGroupsPolicy": "Strict",
    }});
    let (none, privileged) = (json!({}), json!({"privileged": true}));
    tokio::join!(
        site.pod_like("unconfined", NON_ROOT, "Running", &none, &unconfined),
        site.pod_like("groups", NON_ROOT, "Running", &groups, &none),
        site.pod_like("privileged", ROOT, "Running", &none, &privileged),
    );
    let scan = |name: &'static str| {
        let site = &site;
        async move { site.probe(&[name, "-o", "json", "--fail-on", "low"]).await }
    };
    let (unconfined, groups, privileged) =
        tokio::join!(scan("unconfined"), scan("groups"), scan("privileged"));
    for output in [&unconfined, &groups, &privileged] {
        assert_eq!(output.code, 1, "{output:?}");
        let report = output.json();
        let coverage = &report["coverage"];
        for section in ["files", "processes", "env"] {
            assert_eq!(
                coverage[section]["state"], "complete",
                "{section}: {coverage}"
            );
        }
    }
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test]
async fn a_weaker_context_than_the_planned_one_sees_nothing() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("planner-weaker").await;
    let (none, added) = (json!({}), json!({"capabilities": {"add": ["NET_ADMIN"]}}));
    let privileged = json!({"privileged": true});
    let one = json!({"drop": ["ALL"], "add": ["CHOWN"]});
    let partial = json!({"capabilities": one});
    let ids = json!({"securityContext": {
        "runAsUser": 1500, "runAsGroup": 1600, "fsGroup": 1700, "supplementalGroups": [1800],
    }});
    tokio::join!(
        site.pod_like("plain", NON_ROOT, "Running", &none, &none),
        site.pod_like("ids", NON_ROOT, "Running", &ids, &none),
        site.pod_like("added", ROOT, "Running", &none, &added),
        site.pod_like("all", ROOT, "Running", &none, &privileged),
        site.pod_like("partial", ROOT, "Running", &none, &partial),
    );
    let drop = json!({"drop": ["ALL"]});
    let user = |uid: u32, gid: u32, capabilities: Value| json!({"runAsUser": uid, "runAsGroup": gid, "capabilities": capabilities});
    let all = json!({"drop": ["ALL"], "add": ["DAC_READ_SEARCH", "SYS_PTRACE"]});
    let less = json!({"drop": ["ALL"], "add": ["DAC_READ_SEARCH"]});
    let as_root = vec![
        // Targets that the planner refuses at level baseline.
        ("root-default", user(0, 0, json!({}))),
        ("no-ptrace", user(0, 0, less)),
        ("planned", user(0, 0, all)),
    ];
    // For each target the contexts in order: the planned one is the last, and the only one that sees.
    let tries: [(&str, Vec<(&str, Value)>); 5] = [
        (
            "plain",
            vec![
                (
                    "added-only",
                    user(
                        10001,
                        10001,
                        json!({"drop": ["ALL"], "add": ["CHOWN", "DAC_OVERRIDE"]}),
                    ),
                ),
                ("root-default", user(0, 0, json!({}))),
                ("planned", user(65532, 65532, drop.clone())),
            ],
        ),
        (
            "ids",
            vec![
                // One of the target's other groups is not enough.
                ("fs-group", user(1500, 1700, drop.clone())),
                ("other-group", user(1500, 1800, drop.clone())),
                ("planned", user(1500, 1600, drop.clone())),
            ],
        ),
        (
            "partial",
            vec![
                ("none", user(0, 0, drop.clone())),
                (
                    "another",
                    user(0, 0, json!({"drop": ["ALL"], "add": ["KILL"]})),
                ),
                // Decisions of the planner at level baseline.
                ("planned", user(0, 0, one)),
            ],
        ),
        ("added", as_root.clone()),
        ("all", as_root),
    ];
    let each = tries.iter().map(|(pod, contexts)| {
        let site = &site;
        async move {
            for (name, context) in contexts {
                let seen = try_context(site, pod, name, context).await;
                match (*name, seen) {
                    ("planned", Ok(answer)) => {
                        assert!(answer.starts_with(b"@frame"), "{pod} {name}");
                    }
                    ("planned", Err(reason)) => unreachable!("{pod} {name}: {reason}"),
                    (_, Ok(_)) => unreachable!("{pod} {name} sees the target"),
                    (_, Err(reason)) => assert!(
                        reason.contains("cannot see the root"),
                        "{pod} {name}: {reason}"
                    ),
                }
            }
        }
    });
    futures_util::future::join_all(each).await;
    site.remove().await;
}

#[tokio::test]
async fn refusals_of_quota_policy_and_image_say_what_to_do() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("planner-refused").await;
    for name in ["bare", "other"] {
        site.pod_of(name, NON_ROOT, "Running").await;
    }
    // What cannot be an image is refused before anything is created.
    let never = site.probe_of("lab.local/not there:1", &["bare"]).await;
    assert_eq!(never.code, 2, "{never:?}");
    assert!(never.err.contains("invalid reference format"), "{never:?}");
    assert!(site.leftovers().await.is_empty());

    let quota: ResourceQuota = serde_json::from_value(json!({
        "metadata": {"name": "no-jobs"}, "spec": {"hard": {"count/jobs.batch": "0"}},
    }))
    .expect("quota");
    let quotas: Api<ResourceQuota> = site.api();
    let made = quotas.create(&PostParams::default(), &quota).await;
    made.expect("quota");
    eventually("a quota in force", async || {
        let status = quotas.get("no-jobs").await.ok()?.status?;
        status.used.filter(|used| !used.is_empty()).map(drop)
    })
    .await;
    let output = site.probe(&["bare"]).await;
    let text = format!("{}{}", output.out, output.err).replace("\n  ", " ");
    assert_eq!(output.code, 3, "{output:?}");
    assert!(
        text.contains("exceeded quota") && text.contains("ResourceQuota"),
        "{text}"
    );
    let _ = quotas.delete("no-jobs", &DeleteParams::default()).await;

    // A policy of the cluster that refuses ephemeral containers, in this namespace only.
    let policy = admission_policy(&site).await;
    let output = site.probe(&["other"]).await;
    policy.remove(&site).await;
    let text = format!("{}{}", output.out, output.err).replace("\n  ", " ");
    assert_eq!(output.code, 3, "{output:?}");
    assert!(
        text.contains("no debugging here") && text.contains("admission policy of this cluster"),
        "{text}"
    );
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

struct Policy(String);

/// Refuses ephemeral containers in the test namespace, and waits until it is in force.
async fn admission_policy(site: &TestNamespace) -> Policy {
    use k8s_openapi::api::{
        admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding},
        core::v1::Pod,
    };
    let name = format!("{}-no-debug", site.namespace);
    let namespaced = json!({"matchLabels": {"kubernetes.io/metadata.name": site.namespace}});
    let policy: ValidatingAdmissionPolicy = serde_json::from_value(json!({
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "namespaceSelector": namespaced,
                "resourceRules": [{
                    "apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"],
                    "resources": ["pods/ephemeralcontainers"],
                }],
            },
            "validations": [{"expression": "false", "message": "no debugging here"}],
        },
    }))
    .expect("policy");
    let binding: ValidatingAdmissionPolicyBinding = serde_json::from_value(json!({
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": namespaced}},
    }))
    .expect("binding");
    let params = PostParams::default();
    let policies = Api::<ValidatingAdmissionPolicy>::all(site.client.clone());
    let made = policies.create(&params, &policy).await.expect("policy");
    let bindings = Api::<ValidatingAdmissionPolicyBinding>::all(site.client.clone());
    bindings.create(&params, &binding).await.expect("binding");
    let dry = kube::api::PatchParams {
        dry_run: true,
        ..kube::api::PatchParams::default()
    };
    let debug = json!({"spec": {"ephemeralContainers": [{"name": "x", "image": "x"}]}});
    let patch = kube::api::Patch::Strategic(&debug);
    let pods = site.api::<Pod>();
    eventually("a refusal by the policy", async || {
        let tried = pods.patch_ephemeral_containers("web", &dry, &patch);
        let refused = tried.await.err()?.to_string();
        refused.contains("no debugging here").then_some(())
    })
    .await;
    Policy(made.name_any())
}

impl Policy {
    async fn remove(self, site: &TestNamespace) {
        use k8s_openapi::api::admissionregistration::v1::{
            ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
        };
        let params = DeleteParams::default();
        let bindings = Api::<ValidatingAdmissionPolicyBinding>::all(site.client.clone());
        let _ = bindings.delete(&self.0, &params).await;
        let policies = Api::<ValidatingAdmissionPolicy>::all(site.client.clone());
        let _ = policies.delete(&self.0, &params).await;
    }
}

#[tokio::test]
async fn a_scan_with_a_probe_stays_within_its_calls() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("planner-calls").await;
    site.pod_of("bare", NON_ROOT, "Running").await;
    // The trial of the image has calls of its own.
    let untried = ["bare", "-o", "json", "--fail-on", "low", "--no-try-image"];
    let output = site.probe(&untried).await;
    assert_eq!(output.code, 1, "{output:?}");
    let report = output.json();
    let calls = &report["api_calls"];
    let total =
        calls["operator"].as_u64().expect("operator") + calls["scan"].as_u64().expect("scan");
    // A node that takes more than 20 s to end the probe is asked once more, and watched again.
    let slow = report["seconds"].as_f64().expect("seconds") > 20.0;
    let most = if slow { MAX_CALLS + 2 } else { MAX_CALLS };
    assert!(total <= most, "{calls}");
    site.remove().await;
}

/// 28 as with strategy `container`, the patch that adds the probe, and the watch that sees it run and end; and one more for each
/// time that a busy server had not learned of the binding yet.
const MAX_CALLS: u64 = 60;
