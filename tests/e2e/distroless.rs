//! Strategy distroless on real targets: what the access planner says is what the kernel does.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Patch, PatchParams};
use scanner_tests::{
    TestNamespace, eventually,
    fault::{Fault, Proxy},
    lab_only,
    program::{ProgramOutput, probe_image, program},
    shell::run_in,
};
use serde_json::{Value, json};

pub(crate) const NON_ROOT: &str = "lab.local/distroless:1";
pub(crate) const ROOT: &str = "lab.local/distroless-root:1";

/// A target: name, image, more of the pod, the container's security context.
fn targets() -> Vec<(&'static str, &'static str, Value, Value)> {
    let hardened = json!({
        "runAsNonRoot": true, "allowPrivilegeEscalation": false,
        "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"},
    });
    vec![
        ("hardened", NON_ROOT, json!({}), hardened),
        ("plain", NON_ROOT, json!({}), json!({})),
        (
            "caps",
            NON_ROOT,
            json!({}),
            json!({"capabilities": {"add": ["CHOWN"]}}),
        ),
        (
            "ids",
            NON_ROOT,
            json!({"securityContext": {"runAsUser": 1500, "runAsGroup": 1600, "fsGroup": 1700, "supplementalGroups": [1800]}}),
            json!({}),
        ),
        (
            "readonly",
            NON_ROOT,
            json!({}),
            json!({"readOnlyRootFilesystem": true}),
        ),
        (
            "shared",
            NON_ROOT,
            json!({"shareProcessNamespace": true}),
            json!({}),
        ),
        ("root", ROOT, json!({}), json!({})),
        (
            "root-none",
            ROOT,
            json!({}),
            json!({"capabilities": {"drop": ["ALL"]}}),
        ),
        (
            "root-added",
            ROOT,
            json!({}),
            json!({"capabilities": {"add": ["NET_ADMIN"]}}),
        ),
        (
            "root-partial",
            ROOT,
            json!({}),
            json!({"capabilities": {"drop": ["all"], "add": ["CHOWN"]}}),
        ),
        (
            "root-dropped",
            ROOT,
            json!({}),
            json!({"capabilities": {"drop": ["NET_RAW"]}}),
        ),
        ("host-pid", NON_ROOT, json!({"hostPID": true}), json!({})),
    ]
}

const SEEN: &str = "seen";
const LEVEL: &str = "Pod Security level";
const ADMISSION: &str = "not admitted";
const HOST: &str = "process namespace";

/// The expected result of the scan of each target: seen, or why not.
fn expected(level: &str) -> [&'static str; 12] {
    match level {
        "privileged" => [
            SEEN, SEEN, SEEN, SEEN, SEEN, SEEN, SEEN, SEEN, SEEN, SEEN, SEEN, HOST,
        ],
        // The pod with NET_ADMIN was there before the level was set.
        "baseline" => [
            SEEN, SEEN, SEEN, SEEN, SEEN, SEEN, SEEN, SEEN, LEVEL, SEEN, SEEN, HOST,
        ],
        // The whole pod is evaluated again: only the hardened one fits.
        _ => [
            SEEN, ADMISSION, ADMISSION, ADMISSION, ADMISSION, ADMISSION, LEVEL, LEVEL, LEVEL,
            LEVEL, LEVEL, HOST,
        ],
    }
}

async fn matrix(level: &str) {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new(&format!("matrix-{level}")).await;
    for (name, image, more, security) in targets() {
        site.pod_like(name, image, "Running", &more, &security)
            .await;
    }
    site.enforce(level).await;
    let scans = targets().into_iter().map(|(name, ..)| {
        let site = &site;
        async move { site.probe(&[name, "-o", "json", "--fail-on", "low"]).await }
    });
    let output: Vec<_> = stream::iter(scans).buffered(4).collect().await;
    for ((name, ..), (output, expected)) in targets().iter().zip(output.iter().zip(expected(level)))
    {
        if expected == SEEN {
            assert_eq!(output.code, 1, "{name} at {level}: {output:?}");
            let report = output.json();
            let results = report["findings"][0]["results"].as_array();
            let unseen: Vec<&Value> = results
                .into_iter()
                .flatten()
                .filter(|r| {
                    r["status"] == "error"
                        && r["id"] != "empty-passwords"
                        && r["id"] != "password-hashes"
                })
                .collect();
            assert!(unseen.is_empty(), "{name} at {level}: {unseen:?}");
            let wanted = match (*name, level) {
                ("root-partial", "baseline") => json!({"drop": ["ALL"], "add": ["CHOWN"]}),
                ("root-dropped", "baseline") => json!({"drop": ["NET_RAW"]}),
                _ => continue,
            };
            let pod = site.api::<Pod>().get(name).await.expect("pod");
            let probe = pod.spec.and_then(|s| s.ephemeral_containers?.pop());
            let given = probe.and_then(|p| p.security_context?.capabilities);
            assert_eq!(json!(given), wanted, "{name} at {level}");
        } else {
            let text = format!("{}{}", output.out, output.err);
            assert_eq!(output.code, 3, "{name} at {level}: {output:?}");
            assert!(
                text.contains(expected) && text.contains("hint"),
                "{name} at {level}: {text}"
            );
        }
    }
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test]
async fn at_level_privileged_what_is_planned_is_seen() {
    matrix("privileged").await;
}

#[tokio::test]
async fn at_level_baseline_what_is_planned_is_seen() {
    matrix("baseline").await;
}

#[tokio::test]
async fn at_level_restricted_what_is_planned_is_seen() {
    matrix("restricted").await;
}

#[tokio::test]
async fn the_probe_ends_and_its_residue_is_reported() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("residue").await;
    site.pod_of("bare", NON_ROOT, "Running").await;
    let output = site.probe(&["bare", "--no-residue"]).await;
    assert_eq!(output.code, 3, "{output:?}");
    assert!(output.err.contains("always leaves"), "{output:?}");
    let pod = site.api::<Pod>().get("bare").await.unwrap();
    assert!(pod.spec.unwrap().ephemeral_containers.is_none());
    let output = site.probe(&["bare", "--fail-on", "low"]).await;
    assert_eq!(output.code, 1, "{output:?}");
    assert!(output.out.contains("residue"), "{output:?}");
    let pod = site.api::<Pod>().get("bare").await.unwrap();
    let statuses = pod.status.unwrap().ephemeral_container_statuses.unwrap();
    let state = statuses[0].state.clone().unwrap();
    assert_eq!(state.terminated.unwrap().exit_code, 0);
    let user = statuses[0].user.clone().unwrap().linux.unwrap();
    assert_eq!((user.uid, user.gid), (65532, 65532));
    site.remove().await;
}

#[tokio::test]
async fn the_probe_is_added_before_the_scan_identity_has_any_rights_and_these_go_first() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("probe-order").await;
    site.pod_of("bare", NON_ROOT, "Running").await;
    site.allow("default", &[("*", "*", "*")]).await;
    let proxy = Proxy::start(0, Fault::None).await;
    let kubeconfig = proxy.kubeconfig(&site.token("default").await);
    let (file, image) = (kubeconfig.path().to_string_lossy(), probe_image());
    let args = ["distroless", "bare", "-n", &site.namespace, "-o", "json"];
    let mut command = program(&args);
    command.arg("--no-try-image");
    command.args([
        "--fail-on",
        "low",
        "--kubeconfig",
        &file,
        "--probe-image",
        &image,
    ]);
    let output: ProgramOutput = command.output().await.expect("it starts").into();
    assert_eq!(output.code, 1, "{output:?}");
    let calls = proxy.calls();
    let first = |start: &str, part: &str| {
        let mut all = calls.iter();
        let at = all.position(|call| call.starts_with(start) && call.contains(part));
        at.unwrap_or_else(|| unreachable!("no {start} of {part}: {calls:?}"))
    };
    let added = first("PATCH ", "/pods/bare/ephemeralcontainers");
    let granted = first("POST ", "/rolebindings");
    let looked = first("GET ", "/pods/bare/exec");
    assert!(added < granted && granted < looked, "{calls:?}");
    // With the Secret, at the same time.
    assert!(
        first("DELETE ", "/rolebindings/") <= first("DELETE ", "/") + 1,
        "{calls:?}"
    );
    let report = output.json();
    let controls = report["controls"].as_array().expect("controls").iter();
    let ids: Vec<&str> = controls.filter_map(|c| c["id"].as_str()).collect();
    let order = [
        "lease",
        "lease-intact",
        "identity-watch",
        "least-privilege",
        "credential",
        "everyones-rights",
        "admission-guard",
        "target-pin",
        "probe-ends",
        "target-agrees",
    ];
    assert_eq!(ids, order);
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test]
async fn a_probe_image_that_cannot_be_pulled_is_reported() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("noprobe").await;
    site.pod_of("bare", NON_ROOT, "Running").await;
    // Nothing listens there, so that the pull fails at once.
    let untried = ["bare", "--no-try-image"];
    let output = site.probe_of("127.0.0.1:9/none:1", &untried).await;
    // The node goes on trying for as long as the pod lives, so something is left.
    assert_eq!(output.code, 5, "{output:?}");
    let text = output.out.replace("\n  ", " ");
    assert!(
        text.contains("ErrImagePull") && text.contains("hint: "),
        "{text}"
    );
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

/// Runs the probe beside a target with `context` and gives what its exec came to.
pub(crate) async fn try_context(
    site: &TestNamespace,
    pod: &str,
    name: &str,
    context: &Value,
) -> Result<Vec<u8>, String> {
    let mut security = json!({
        "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
        "seccompProfile": {"type": "RuntimeDefault"},
    });
    for (key, value) in context.as_object().into_iter().flatten() {
        security[key] = value.clone();
    }
    let patch = json!({"spec": {"ephemeralContainers": [{
        "name": name, "image": probe_image(), "imagePullPolicy": "IfNotPresent",
        "command": ["/secure-scan-probe", "wait", "120"],
        "targetContainerName": "web", "securityContext": security,
    }]}});
    let pods = site.api::<Pod>();
    let params = PatchParams::default();
    let patch = Patch::Strategic(&patch);
    let added = pods.patch_ephemeral_containers(pod, &params, &patch);
    added.await.map_err(|e| e.to_string())?;
    eventually("a running probe", async || {
        let now = pods.get(pod).await.ok()?;
        let statuses = now.status?.ephemeral_container_statuses?;
        let ours = statuses.into_iter().find(|s| s.name == name)?;
        ours.state?.running
    })
    .await;
    let mut target = site.target(pod).await;
    let id = target
        .container_id
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .to_owned();
    target.container = name.parse().map_err(|_| "name")?;
    let argv = ["/secure-scan-probe", "collect", &id, "n", "90"];
    let request = b"{\"sections\":[\"files\"]}";
    let answer = run_in(&site.client, &target, &argv, request);
    let answer = tokio::time::timeout(Duration::from_secs(90), answer).await;
    answer.map_err(|_| "it did not end in time")?
}

#[tokio::test]
async fn what_the_planner_calls_insufficient_sees_nothing() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("insufficient").await;
    site.pod_of("plain", NON_ROOT, "Running").await;
    site.pod_of("root", ROOT, "Running").await;
    let none = json!({"drop": ["ALL"]});
    let ptrace = json!({"drop": ["ALL"], "add": ["SYS_PTRACE", "DAC_READ_SEARCH"]});
    for (pod, name, context, sees) in [
        (
            "plain",
            "same-user",
            json!({"runAsUser": 65532, "runAsGroup": 65532, "capabilities": none}),
            true,
        ),
        (
            "plain",
            "other-group",
            json!({"runAsUser": 65532, "runAsGroup": 1, "capabilities": none}),
            false,
        ),
        (
            "plain",
            "bare-root",
            json!({"runAsUser": 0, "runAsGroup": 0, "capabilities": none}),
            false,
        ),
        (
            "root",
            "bare-root",
            json!({"runAsUser": 0, "runAsGroup": 0, "capabilities": none}),
            false,
        ),
        (
            "root",
            "not-root",
            json!({"runAsUser": 10001, "runAsGroup": 10001, "capabilities": ptrace}),
            false,
        ),
        (
            "root",
            "reads",
            json!({"runAsUser": 0, "runAsGroup": 0, "capabilities": ptrace}),
            true,
        ),
    ] {
        let seen = try_context(&site, pod, name, &context).await;
        match (&seen, sees) {
            (Ok(answer), true) => assert!(answer.starts_with(b"@frame"), "{pod} {name}"),
            (Err(reason), false) => {
                assert!(
                    reason.contains("cannot see the root"),
                    "{pod} {name}: {reason}"
                );
            }
            _ => unreachable!("{pod} {name}: {seen:?}"),
        }
    }
    site.remove().await;
}

#[tokio::test]
async fn a_target_that_dropped_to_a_user_is_reported_with_what_can_see_it() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("dropped-user").await;
    let start = [
        "setpriv",
        "--reuid=1000",
        "--regid=1000",
        "--clear-groups",
        "sleep",
        "3600",
    ];
    let more = json!({"containers": [{
        "name": "web", "image": "lab.local/debian:1", "imagePullPolicy": "IfNotPresent",
        "command": start, "securityContext": {"runAsUser": 0, "runAsGroup": 0},
    }]});
    site.pod_like("drops", "", "Running", &more, &json!({}))
        .await;
    site.enforce("baseline").await;
    let dry = site.probe(&["drops", "--dry-run", "-o", "json"]).await;
    let objects = dry.json()["objects"].to_string();
    assert!(objects.contains("dropped to a user"), "{objects}");
    let output = site.probe(&["drops"]).await;
    assert_eq!(output.code, 3, "{output:?}");
    let text = output.out.replace("\n  ", " ");
    assert!(text.contains("secure-scan sidecar --inert"), "{output:?}");
    site.remove().await;
}
