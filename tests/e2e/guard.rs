//! The admission guard on a real API server: attacked from a real scan identity, with it and without.

use k8s_openapi::api::core::v1::Pod;
use kube::api::PostParams;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use scanner_tests::{
    Site, eventually,
    guarded::Guarded,
    lab_only,
    program::{Said, probe_image, program},
};
use serde_json::{Value, json};

const ISOLATED: &str = "the pod of a scan is isolated";
const ENDS: &str = "the pod of a scan has no token, ends by itself";

/// By which of its rules the guard refuses what it must, so that no attempt fails for another reason.
const REFUSALS: [(&str, &str); 18] = [
    (
        "a Secret that is filled with a token",
        "no Secret is filled",
    ),
    ("a pod of a scan with a host path", ISOLATED),
    ("a pod of a scan with a claim  ", ISOLATED),
    ("a pod of a scan with a claim of its own", ISOLATED),
    ("a pod of a scan with a share of the network", ISOLATED),
    ("a pod of a scan with a projected token", ISOLATED),
    ("a pod of a scan in the host's network", ISOLATED),
    ("a pod of a scan without a lease", ENDS),
    ("a pod of a scan that never ends", ENDS),
    ("a privileged clone", "no container of a scan is privileged"),
    (
        "a clone at a port of the host",
        "no container of a scan is privileged",
    ),
    ("a clone with SYS_ADMIN", "a clone has no capability"),
    ("a clone with every capability", "a clone has no capability"),
    (
        "a pod of a scan with a second clone",
        "the pod of a scan has a gate",
    ),
    (
        "a clone that runs before the barrier",
        "the pod of a scan has a gate",
    ),
    ("a clone with NET_ADMIN", "barrier and probe of"),
    ("a clone that may gain privileges", "barrier and probe of"),
    ("a clone, seccomp unconfined", "barrier and probe of"),
];

/// A clone that sees all of `/proc`; servers before Kubernetes 1.33 drop the field.
fn unmasked() -> Value {
    let lease = json!({"apiVersion": "batch/v1", "kind": "Job", "name": "secure-scan-00000000", "uid": "none"});
    json!({
        "metadata": {
            "name": "secure-scan-00000000", "labels": {"secure-scan.io/scan": "00000000"}, "ownerReferences": [lease],
        },
        "spec": {
            "automountServiceAccountToken": false, "activeDeadlineSeconds": 60, "restartPolicy": "Never",
            "hostUsers": false,
            "containers": [{
                "name": "c", "image": "registry.invalid/none:1", "securityContext": {"procMount": "Unmasked"},
            }],
        },
    })
}

/// What the server says of a pod that is not really made.
async fn made(site: &Site, pod: &Value) -> String {
    let pod: Pod = serde_json::from_value(pod.clone()).expect("pod");
    let dry = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let made = site.api::<Pod>().create(&dry, &pod).await;
    made.err().map_or("made".into(), |error| error.to_string())
}

#[tokio::test]
async fn the_guard_refuses_what_was_not_planned_and_scans_go_on() {
    if lab_only() {
        return;
    }
    let site = Site::new("guarded").await;
    site.pod_of("bare", "lab.local/distroless:1", "Running")
        .await;
    let guard = Guarded::install(&site).await;
    let attack = ["test", "web", "-n", &site.namespace];
    let covered = format!("kubernetes.io/metadata.name={}", site.namespace);
    let state = ["status", "--name", &guard.name];
    let meant = [&state[..], &["--namespace-selector", &covered]].concat();
    let other = [&state[..], &["--namespace-selector", "team=other"]].concat();
    let (attack, scan, probe, status, everywhere, others) = tokio::join!(
        site.guard(&attack),
        site.run(&["web", "-o", "json"]),
        site.probe(&["bare", "-o", "json"]),
        site.guard(&meant),
        site.guard(&state),
        site.guard(&other),
    );
    let unmasked = made(&site, &unmasked()).await;
    // Changed so that it fails open: seen at once.
    guard
        .change(&site, &json!({"spec": {"failurePolicy": "Ignore"}}))
        .await;
    let changed = site.guard(&meant).await;
    guard.remove(&site).await;
    let gone = site.guard(&state).await;
    assert_eq!(attack.code, 0, "{}{}", attack.out, attack.err);
    let held = attack.out.lines().filter(|l| l.starts_with("held")).count();
    assert!(held >= 60, "{held} attempts");
    for (what, words) in REFUSALS {
        let mut lines = attack.out.lines().filter(|l| l.contains(what));
        let line = lines.next().unwrap_or_default();
        let words = format!("secure-scan guard: {words}");
        assert!(line.contains(&words), "{what}: {line}");
    }
    assert!(
        unmasked.contains("sees all of /proc"),
        "an unmasked /proc: {unmasked}"
    );
    for (what, said) in [("container", &scan), ("distroless", &probe)] {
        assert_eq!(said.code, 1, "{what}: {said:?}");
        assert!(
            said.out.contains("admission-guard: installed"),
            "{what}: {}",
            said.out
        );
    }
    assert_eq!(status.code, 0, "{status:?}");
    assert!(
        status.out.contains(&site.namespace),
        "what it covers: {status:?}"
    );
    for said in [&everywhere, &others] {
        assert_eq!(said.code, 1, "{said:?}");
        assert!(
            said.out
                .contains("CHANGED at spec.matchResources.namespaceSelector"),
            "{said:?}"
        );
        assert!(said.err.contains("--namespace-selector"), "{said:?}");
    }
    assert_eq!(changed.code, 1, "{changed:?}");
    assert!(
        changed.out.contains("CHANGED at spec.failurePolicy"),
        "{changed:?}"
    );
    assert_eq!(gone.code, 1, "{gone:?}");
    assert!(
        gone.out.contains("MISSING") && gone.err.contains("hint: "),
        "{gone:?}"
    );
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

async fn with_context(site: &Site, args: &[&str], tool: &[&str]) -> Said {
    let context = std::env::var("SCANNER_E2E_CONTEXT").expect("context");
    let mut all = args.to_vec();
    all.extend(["-n", &site.namespace, "--context", &context]);
    if !tool.is_empty() {
        all.push("--");
        all.extend(tool);
    }
    program(&all).output().await.expect("it starts").into()
}

/// A pod with a capability that others lack, whose fields are told to it as files.
async fn told(site: &Site) {
    let field = json!({"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]});
    let more = json!({
        "volumes": [
            {"name": "told", "projected": {"sources": [{"downwardAPI": field}]}},
            {"name": "plain", "downwardAPI": field},
        ],
        "containers": [{
            "name": "web", "image": "lab.local/busybox:1", "imagePullPolicy": "IfNotPresent",
            "securityContext": {"capabilities": {"add": ["IPC_LOCK"]}},
            "volumeMounts": [{"name": "told", "mountPath": "/told"}, {"name": "plain", "mountPath": "/plain"}],
        }],
    });
    site.pod_like("told", "", "Running", &more, &json!({}))
        .await;
}

/// A pod with a capability that leads to the node.
async fn mighty(site: &Site) {
    let security = json!({"capabilities": {"add": ["SYS_ADMIN"]}});
    let image = "lab.local/busybox:1";
    site.pod_like("mighty", image, "Running", &json!({}), &security)
        .await;
}

#[tokio::test]
async fn under_the_guard_clones_are_scanned_and_credentials_are_lent_only_when_told() {
    if lab_only() {
        return;
    }
    let site = Site::new("guardlend").await;
    tokio::join!(told(&site), mighty(&site));
    let guard = Guarded::install(&site).await;
    let image = probe_image();
    let lend = ["credential", "exec", "--pod", "web", "--allow", "get-pod"];
    let any = [&lend[..], &["--allow", "any-command"]].concat();
    let echo = ["kubectl", "exec", "web", "--", "echo", "looked"];
    let refused = with_context(&site, &lend, &echo).await;
    // It is refused before anything is created.
    let left = site.leftovers().await;
    let probe = ["--probe-image", &image, "-o", "json"];
    let clone = [&["sidecar", "web"][..], &probe].concat();
    let inert = [&["sidecar", "web", "--inert"][..], &probe].concat();
    let projected = [&["sidecar", "told"][..], &probe].concat();
    let mighty = [&["sidecar", "mighty"][..], &probe].concat();
    let (ran, terminal, copied, clone, inert, projected, mighty) = tokio::join!(
        with_context(&site, &any, &echo),
        with_context(&site, &any, &["kubectl", "attach", "web"]),
        with_context(
            &site,
            &any,
            &["kubectl", "exec", "web", "-c", "other", "--", "echo"]
        ),
        with_context(&site, &clone, &[]),
        with_context(&site, &inert, &[]),
        with_context(&site, &projected, &[]),
        with_context(&site, &mighty, &[]),
    );
    guard.remove(&site).await;
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(refused.err.contains("--allow any-command"), "{refused:?}");
    assert!(!refused.err.contains("Job"), "{refused:?}");
    assert_eq!(left, Vec::<String>::new());
    assert_eq!((ran.code, ran.out.trim()), (0, "looked"), "{ran:?}");
    assert_eq!(terminal.code, 1, "{terminal:?}");
    assert_eq!(copied.code, 1, "{copied:?}");
    // An attach is refused by RBAC already; the other container by the guard alone.
    assert!(terminal.err.contains("pods/attach"), "{terminal:?}");
    assert!(
        copied.err.contains("were not planned by the scan"),
        "{copied:?}"
    );
    assert_eq!(mighty.code, 3, "{mighty:?}");
    for words in [
        "capability SYS_ADMIN",
        "take --inert",
        "nothing was created",
    ] {
        assert!(mighty.err.contains(words), "{mighty:?}");
    }
    for said in [&clone, &inert, &projected] {
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.out.contains("admission-guard: installed"), "{said:?}");
    }
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test]
async fn without_the_guard_its_test_fails_and_a_scan_says_so() {
    let site = Site::new("unguarded").await;
    let attack = ["test", "web", "-n", &site.namespace];
    let (attack, scan) = tokio::join!(site.guard(&attack), site.run(&["web", "-o", "json"]),);
    assert_eq!(attack.code, 1, "{attack:?}");
    assert!(attack.err.contains("has no admission guard"), "{attack:?}");
    assert!(attack.err.contains("guard render"), "{attack:?}");
    assert_eq!(attack.out, "", "said once");
    assert!(
        scan.out.contains("admission-guard: not installed"),
        "{}",
        scan.out
    );
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test]
async fn an_interrupted_test_of_the_guard_leaves_no_identity() {
    let site = Site::new("guard-signal").await;
    let context = std::env::var("SCANNER_E2E_CONTEXT").expect("context");
    let args = [
        "guard",
        "test",
        "web",
        "-n",
        &site.namespace,
        "--context",
        &context,
    ];
    let child = program(&args).spawn().expect("it starts");
    eventually("an identity", async || {
        (!site.leftovers().await.is_empty()).then_some(())
    })
    .await;
    let pid = child.id().and_then(|id| i32::try_from(id).ok());
    kill(Pid::from_raw(pid.expect("it runs")), Signal::SIGINT).expect("kill");
    let said: Said = child.wait_with_output().await.expect("it ends").into();
    assert_eq!(said.code, 3, "{said:?}");
    assert!(said.err.contains("interrupted by SIGINT"), "{said:?}");
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test]
async fn at_level_baseline_a_clone_of_a_target_with_few_capabilities_passes_the_guard() {
    if lab_only() {
        return;
    }
    let site = Site::new("guardbase").await;
    // Its probe has the same, and neither none nor those that only see.
    let few = json!({"capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}});
    let image = "lab.local/busybox:1";
    site.pod_like("few", image, "Running", &json!({}), &few)
        .await;
    let guard = Guarded::install(&site).await;
    site.enforce("baseline").await;
    let probe = probe_image();
    let clone = ["sidecar", "few", "--probe-image", &probe, "-o", "json"];
    let said = with_context(&site, &clone, &[]).await;
    guard.remove(&site).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.out.contains("admission-guard: installed"), "{said:?}");
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}
