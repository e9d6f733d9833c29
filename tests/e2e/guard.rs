//! The admission guard on a real API server: attacked from a real scan identity, with it and without.

use k8s_openapi::api::core::v1::Pod;
use kube::api::PostParams;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use scanner_tests::{
    TestNamespace, eventually,
    guarded::Guarded,
    lab_only,
    program::{COMPLETE, IN_PART, ProgramOutput, probe_image, program},
};
use serde_json::{Value, json};

const ISOLATED: &str = "the pod of a scan is isolated";
const PROBE: &str = "a probe has the hardened security context";
const ADDED: &str = "a probe has no volumes";
const BOUND: &str = "a scan identity is bound to its own Role";
const TERMINAL: &str = "a scan identity gets no terminal";
const PLANNED: &str = "this pod, container and command were not planned";
const ONLY: &str = "a scan identity may only exec";
const ENDS: &str = "the pod of a scan has no token, ends by itself";

/// The rule by which the guard must refuse each attempt, so that none fails for another reason.
const REFUSALS: [(&str, &str); 47] = [
    (
        "exec by POST: another container before the planned one",
        PLANNED,
    ),
    ("exec: another container before the planned one", PLANNED),
    ("exec: another command before the planned one", PLANNED),
    ("exec: another command after the planned one", PLANNED),
    ("exec: a command under a capitalised name alone", PLANNED),
    ("exec: a container under a capitalised name alone", PLANNED),
    (
        "exec: another command beside a capitalised planned one",
        PLANNED,
    ),
    ("exec: an argument more under an encoded name", PLANNED),
    ("exec: another container under an encoded name", PLANNED),
    ("exec: words that are encoded twice", PLANNED),
    ("exec: semicolons between the parameters", PLANNED),
    ("exec: the word exec encoded in the path", PLANNED),
    ("exec: the pod's name encoded in the path", PLANNED),
    ("exec: a terminal as 1", TERMINAL),
    ("exec: a terminal as TRUE", TERMINAL),
    ("exec: a terminal, then none", TERMINAL),
    ("exec by POST: with a terminal", TERMINAL),
    ("attach by POST", ONLY),
    ("attach: the word encoded in the path", ONLY),
    ("port forward by POST", ONLY),
    ("port forward of two ports", ONLY),
    ("proxy by DELETE", ONLY),
    ("proxy to a service by POST", ONLY),
    ("evict the pod", ONLY),
    ("operator: another binding of its own Role", BOUND),
    ("operator: the Role for an identity of a namespace", BOUND),
    ("operator: a privileged container named as a probe", PROBE),
    (
        "operator: a container named as a probe without a security",
        PROBE,
    ),
    (
        "operator: a container named as a probe with a terminal",
        ADDED,
    ),
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
        "the pod of a scan has a barrier",
    ),
    (
        "a clone that runs before the barrier",
        "the pod of a scan has a barrier",
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

/// The server's answer to a dry run of a pod.
async fn made(site: &TestNamespace, pod: &Value) -> String {
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
    let site = TestNamespace::new("guarded").await;
    site.pod_of("bare", "lab.local/distroless:1", "Running")
        .await;
    let home = TestNamespace::new("guarded-home").await;
    let there = home.namespace.clone();
    let guard = Guarded::install_with(&site, &[&there]).await;
    let attack = ["test", "web", "-n", &site.namespace];
    let apart = [&attack[..], &["--identity-namespace", &there]].concat();
    let outside = [&attack[..], &["--identity-namespace", "default"]].concat();
    let covered = format!("kubernetes.io/metadata.name={}", site.namespace);
    let state = ["status", "--name", &guard.name];
    let homes = ["--identity-namespace", &there];
    let state = [&state[..], &homes].concat();
    let meant = [&state[..], &["--namespace-selector", &covered]].concat();
    let other = [&state[..], &["--namespace-selector", "team=other"]].concat();
    let (attack, apart, outside, scan, probe, status, everywhere, others) = tokio::join!(
        site.guard(&attack),
        site.guard(&apart),
        site.guard(&outside),
        site.run(&["web", "-o", "json"]),
        site.probe(&["bare", "-o", "json", "--fail-on", "low"]),
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
    for attack in [&attack, &apart] {
        assert_eq!(attack.code, 0, "{}{}", attack.out, attack.err);
        let held = attack.out.lines().filter(|l| l.starts_with("held")).count();
        assert!(held >= 110, "{held} attempts");
        for (what, words) in REFUSALS {
            let mut lines = attack.out.lines().filter(|l| l.contains(what));
            let line = lines.next().unwrap_or_default();
            let words = format!("secure-scan guard: {words}");
            assert!(line.contains(&words), "{what}: {line}");
        }
    }
    assert_eq!((outside.code, outside.out.as_str()), (1, ""), "{outside:?}");
    let nobody = "there is no admission guard for namespace default; nothing was tried";
    assert!(outside.err.contains(nobody), "{outside:?}");
    assert!(
        unmasked.contains("sees all of /proc"),
        "an unmasked /proc: {unmasked}"
    );
    for (what, output) in [("container", &scan), ("distroless", &probe)] {
        assert_eq!(output.code, 1, "{what}: {output:?}");
        assert!(
            output.out.contains("admission-guard: installed"),
            "{what}: {}",
            output.out
        );
    }
    assert_eq!(status.code, 0, "{status:?}");
    assert!(
        status.out.contains(&site.namespace),
        "what it covers: {status:?}"
    );
    for output in [&everywhere, &others] {
        assert_eq!(output.code, 1, "{output:?}");
        assert!(
            output
                .out
                .contains("CHANGED at spec.matchResources.namespaceSelector"),
            "{output:?}"
        );
        assert!(output.err.contains("--namespace-selector"), "{output:?}");
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
    for place in [&site, &home] {
        assert_eq!(place.leftovers().await, Vec::<String>::new());
    }
    tokio::join!(site.remove(), home.remove());
}

async fn with_context(site: &TestNamespace, args: &[&str], tool: &[&str]) -> ProgramOutput {
    let context = std::env::var("SCANNER_E2E_CONTEXT").expect("context");
    let mut all = args.to_vec();
    all.extend(["-n", &site.namespace, "--context", &context]);
    if !tool.is_empty() {
        all.push("--");
        all.extend(tool);
    }
    program(&all).output().await.expect("it starts").into()
}

/// A pod with a capability that others do not have, which gets its own fields as files.
async fn projected_fields(site: &TestNamespace) {
    let field = json!({"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]});
    let more = json!({
        "volumes": [
            {"name": "fields", "projected": {"sources": [{"downwardAPI": field}]}},
            {"name": "plain", "downwardAPI": field},
        ],
        "containers": [{
            "name": "web", "image": "lab.local/busybox:1", "imagePullPolicy": "IfNotPresent",
            "securityContext": {"capabilities": {"add": ["IPC_LOCK"]}},
            "volumeMounts": [{"name": "fields", "mountPath": "/fields"}, {"name": "plain", "mountPath": "/plain"}],
        }],
    });
    site.pod_like("fields", "", "Running", &more, &json!({}))
        .await;
}

/// A pod with a capability that leads to the node.
async fn powerful(site: &TestNamespace) {
    let security = json!({"capabilities": {"add": ["SYS_ADMIN"]}});
    let image = "lab.local/busybox:1";
    site.pod_like("powerful", image, "Running", &json!({}), &security)
        .await;
}

#[tokio::test]
async fn under_the_guard_clones_are_scanned_and_loans_run_what_is_planned() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("guardloan").await;
    tokio::join!(projected_fields(&site), powerful(&site));
    let guard = Guarded::install(&site).await;
    let image = probe_image();
    let loan = ["credential", "exec", "--pod", "web"];
    let any = [&loan[..], &["--allow-any-command"]].concat();
    let planned = [&loan[..], &["--exec", "echo looked"]].concat();
    let tty = [&any[..], &["--allow-tty"]].concat();
    let echo = ["kubectl", "exec", "web", "--", "echo", "looked"];
    let refused = with_context(&site, &tty, &echo).await;
    // It is refused before anything is created.
    let left = site.leftovers().await;
    let probe = ["--probe-image", &image, "-o", "json"];
    let clone = [&["sidecar", "web"][..], &probe].concat();
    let inert = [&["sidecar", "web", "--inert"][..], &probe].concat();
    let projected = [&["sidecar", "fields"][..], &probe].concat();
    let powerful = [&["sidecar", "powerful"][..], &probe].concat();
    let (ran, free, clone, inert, projected, powerful) = tokio::join!(
        with_context(&site, &planned, &echo),
        with_context(&site, &any, &echo),
        with_context(&site, &clone, &[]),
        with_context(&site, &inert, &[]),
        with_context(&site, &projected, &[]),
        with_context(&site, &powerful, &[]),
    );
    guard.remove(&site).await;
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(
        refused.err.contains("allows no program a terminal"),
        "{refused:?}"
    );
    assert!(!refused.err.contains("Job"), "{refused:?}");
    assert_eq!(left, Vec::<String>::new());
    for output in [&ran, &free] {
        assert_eq!(
            (output.code, output.out.trim()),
            (0, "looked"),
            "{output:?}"
        );
    }
    assert_eq!(powerful.code, 3, "{powerful:?}");
    for words in [
        "capability SYS_ADMIN",
        "secure-scan sidecar --inert",
        "nothing was created",
    ] {
        assert!(powerful.err.contains(words), "{powerful:?}");
    }
    for (output, code) in [
        (&clone, COMPLETE),
        (&inert, IN_PART),
        (&projected, COMPLETE),
    ] {
        assert!(output.has_findings(code), "{output:?}");
        assert!(
            output.out.contains("admission-guard: installed"),
            "{output:?}"
        );
    }
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test]
async fn without_the_guard_its_test_fails_and_a_scan_says_so() {
    let site = TestNamespace::new("unguarded").await;
    let attack = ["test", "web", "-n", &site.namespace];
    let (attack, scan) = tokio::join!(site.guard(&attack), site.run(&["web", "-o", "json"]),);
    assert_eq!(attack.code, 1, "{attack:?}");
    assert!(
        attack.err.contains("there is no admission guard"),
        "{attack:?}"
    );
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
    let site = TestNamespace::new("guard-signal").await;
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
    let guard = Guarded::install(&site).await;
    let child = program(&args).spawn().expect("it starts");
    eventually("an identity", async || {
        (!site.leftovers().await.is_empty()).then_some(())
    })
    .await;
    let pid = child.id().and_then(|id| i32::try_from(id).ok());
    kill(Pid::from_raw(pid.expect("it runs")), Signal::SIGINT).expect("kill");
    let output: ProgramOutput = child.wait_with_output().await.expect("it ends").into();
    guard.remove(&site).await;
    assert_eq!(output.code, 3, "{output:?}");
    assert!(output.err.contains("interrupted by SIGINT"), "{output:?}");
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test]
async fn at_level_baseline_a_clone_of_a_target_with_few_capabilities_passes_the_guard() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("guardbase").await;
    // Its probe has the same, and neither none nor those that only see.
    let few = json!({"capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}});
    let image = "lab.local/busybox:1";
    site.pod_like("few", image, "Running", &json!({}), &few)
        .await;
    let guard = Guarded::install(&site).await;
    site.enforce("baseline").await;
    let probe = probe_image();
    let clone = ["sidecar", "few", "--probe-image", &probe, "-o", "json"];
    let output = with_context(&site, &clone, &[]).await;
    guard.remove(&site).await;
    assert_eq!(output.code, 1, "{output:?}");
    assert!(
        output.out.contains("admission-guard: installed"),
        "{output:?}"
    );
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}
