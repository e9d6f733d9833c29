//! Evidence that somebody in the target could forge: it is called that, a policy can refuse it, and another way is taken.

use std::{io::Write as _, process::Command};

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::PostParams;
use scanner_tests::{
    TestNamespace, eventually, lab_only,
    program::{ProgramOutput, probe_image, program},
    shell::run_in,
};
use serde_json::{Value, json};

use crate::{
    gates::decision,
    inject::{apply, injected},
};

const GATE: &str = "evidence-independent";

/// A policy that refuses evidence which the target could forge, but for the strategies that it names.
fn policy(allowed: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::with_suffix(".yaml").expect("file");
    let text = format!(
        "name: own\nversion: '1'\ntitle: T\nlevel: baseline\ngates: {{{GATE}: abort}}\nallow_evidence: [{allowed}]\n"
    );
    file.write_all(text.as_bytes()).expect("write");
    file
}

async fn scan(site: &TestNamespace, command: &str, args: &[&str]) -> ProgramOutput {
    let context = std::env::var("SCANNER_E2E_CONTEXT").expect("context");
    let image = probe_image();
    let mut all = vec![
        command,
        "-n",
        &site.namespace,
        "--context",
        &context,
        "-o",
        "json",
    ];
    all.extend(args);
    if command != "container" {
        all.extend(["--probe-image", &image]);
    }
    program(&all).output().await.expect("it starts").into()
}

async fn user(site: &TestNamespace, name: &str, uid: i64) {
    let own = json!({"runAsUser": uid, "runAsGroup": uid});
    site.pod_like(name, "lab.local/busybox:1", "Running", &json!({}), &own)
        .await;
}

#[tokio::test]
async fn a_policy_refuses_evidence_that_the_target_could_forge_unless_it_names_it() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("forged-policy").await;
    site.enforce("baseline").await;
    user(&site, "root", 0).await;
    user(&site, "user", 1000).await;
    let (none, container) = (policy(""), policy("container"));
    let none = ["--policy", none.path().to_str().expect("path")];
    let container = ["--policy", container.path().to_str().expect("path")];
    for (command, pod) in [
        ("container", "root"),
        ("container", "user"),
        ("distroless", "root"),
    ] {
        let output = scan(&site, command, &[&[pod], &none[..]].concat()).await;
        assert_eq!(output.code, 4, "{command} {pod}: {output:?}");
        let report = output.json();
        let gate = decision(&report["gates"], GATE).to_string();
        assert!(
            gate.contains("abort") && gate.contains("not independent"),
            "{gate}"
        );
        assert_eq!(report["plan"]["evidence"]["independent"], false);
    }
    let output = scan(&site, "distroless", &["root", "--dry-run"]).await;
    let why = output.json()["evidence"]["why"].to_string();
    assert!(why.contains("as powerful as the planned probe"), "{why}");
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    let pod = site.api::<Pod>().get("root").await.expect("pod");
    assert!(
        pod.spec
            .is_some_and(|spec| spec.ephemeral_containers.is_none())
    );
    let named = [&["user", "--fail-on", "low"], &container[..]].concat();
    let named = scan(&site, "container", &named).await;
    assert!([1, 3].contains(&named.code), "{named:?}");
    let trust = named.json()["trust"].to_string();
    assert!(trust.contains("not independent of the target"), "{trust}");
    site.remove().await;
}

#[tokio::test]
async fn the_automatic_choice_takes_the_first_strategy_whose_evidence_counts() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("forged-auto").await;
    site.enforce("baseline").await;
    user(&site, "root", 0).await;
    user(&site, "user", 1000).await;
    let file = policy("");
    let path = file.path().to_str().expect("path");
    for (pod, strategy) in [("user", "distroless"), ("root", "sidecar-inert")] {
        let output = scan(&site, "scan", &[pod, "--policy", path, "--fail-on", "low"]).await;
        assert!([1, 3].contains(&output.code), "{pod}: {output:?}");
        let plan = &output.json()["plan"];
        assert_eq!(plan["strategy"], strategy, "{output:?}");
        assert_eq!(plan["evidence"]["independent"], true, "{output:?}");
        let reason = plan["reason"].to_string();
        assert!(
            reason.contains("does not accept the evidence of strategy container"),
            "{reason}"
        );
    }
    // Without such a policy too: a probe that its target can rewrite is never chosen.
    site.pod_of("bare", "lab.local/distroless-root:1", "Running")
        .await;
    let output = scan(&site, "scan", &["bare"]).await;
    let plan = &output.json()["plan"];
    assert_eq!(plan["strategy"], "sidecar-inert", "{output:?}");
    assert!(
        plan["reason"]
            .to_string()
            .contains("distroless is passed over"),
        "{output:?}"
    );
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

const POD: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: both}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: web
    image: lab.local/distroless:1
    imagePullPolicy: IfNotPresent
";

#[tokio::test]
async fn a_program_mounted_over_the_sidecars_probe_is_refused() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("forged-attached").await;
    let text = injected(POD, &["--user", "65532:65532"]).await;
    config_map(&site, "sleeps").await;
    let mut pod = apply(&site, &text, &["--dry-run=server"]).await;
    let spec = &mut pod["spec"];
    spec["volumes"]
        .as_array_mut()
        .expect("volumes")
        .push(json!({
            "name": "fake", "configMap": {"name": "sleeps", "defaultMode": 0o555},
        }));
    let containers = spec["containers"].as_array_mut().expect("containers");
    let sidecar = containers
        .iter_mut()
        .find(|c| c["name"] == "secure-scan")
        .expect("sidecar");
    sidecar["volumeMounts"]
        .as_array_mut()
        .expect("mounts")
        .push(json!({
            "name": "fake", "mountPath": "/secure-scan-probe", "subPath": "sleeps",
        }));
    pod["metadata"] = json!({"name": "both", "labels": pod["metadata"]["labels"]});
    pod.as_object_mut().expect("pod").remove("status");
    let created: Pod = serde_json::from_value(pod).expect("pod");
    let made = site
        .api::<Pod>()
        .create(&PostParams::default(), &created)
        .await;
    made.expect("create pod");
    // It runs in the place of the probe, and its author decides what it answers.
    eventually("the forged sidecar runs", async || {
        let pod = site.api::<Pod>().get("both").await.expect("pod");
        let statuses = pod.status?.container_statuses?;
        let sidecar = statuses.into_iter().find(|s| s.name == "secure-scan")?;
        sidecar.state?.running.map(|_| ())
    })
    .await;
    let output = scan(&site, "sidecar", &["both", "--attached"]).await;
    assert_eq!(output.code, 3, "{output:?}");
    let shown = format!("{}{}", output.out, output.err);
    assert!(shown.contains("volumeMounts"), "{output:?}");
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

/// Builds a program of an attacker for the lab's node.
fn built(name: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("folder");
    let program = folder.path().join(name);
    let source = format!("{}/e2e/forged/{name}.c", env!("CARGO_MANIFEST_DIR"));
    let built = Command::new("cc")
        .args(["-O2", "-static", "-pthread", "-s", "-o"])
        .arg(&program)
        .arg(source)
        .status();
    assert!(
        built.is_ok_and(|status| status.success()),
        "cc with a static libc"
    );
    std::fs::read(program).expect("the program")
}

/// Puts such a program into a config map of its name.
async fn config_map(site: &TestNamespace, name: &str) {
    let mut map = ConfigMap::default();
    map.metadata.name = Some(name.into());
    let program = k8s_openapi::ByteString(built(name));
    map.binary_data = Some([(name.to_owned(), program)].into());
    let made = site
        .api::<ConfigMap>()
        .create(&PostParams::default(), &map)
        .await;
    made.expect("create config map");
}

#[tokio::test]
async fn a_target_cannot_open_a_probe_that_is_stronger_or_whose_file_nobody_can_read() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("forged-race").await;
    config_map(&site, "race").await;
    let racing = |own: &Value| {
        json!({
            "terminationGracePeriodSeconds": 0,
            "volumes": [{"name": "race", "configMap": {"name": "race", "defaultMode": 0o555}}],
            "containers": [{
                "name": "web", "image": "lab.local/busybox:1", "imagePullPolicy": "IfNotPresent",
                "command": ["/race/race"], "securityContext": own,
                "volumeMounts": [{"name": "race", "mountPath": "/race"}],
            }],
        })
    };
    for (name, own) in [
        ("stronger", json!({"runAsUser": 0, "runAsGroup": 0})),
        (
            "unreadable",
            json!({"runAsUser": 0, "runAsGroup": 0, "capabilities": {"drop": ["ALL"]}}),
        ),
    ] {
        site.pod_like(name, "", "Running", &racing(&own), &json!({}))
            .await;
        for _ in 0..3 {
            let output = scan(&site, "distroless", &[name]).await;
            assert!([1, 3].contains(&output.code), "{output:?}");
            assert_eq!(output.json()["plan"]["evidence"]["independent"], true);
        }
        let target = site.target(name).await;
        let read = run_in(&site.client, &target, &["cat", "/tmp/race"], b"").await;
        let read = String::from_utf8_lossy(&read.expect("the log of the race")).into_owned();
        assert!(read.contains("seen 1 tried 1"), "it never raced: {read}");
        assert!(read.contains("won 0"), "{name}: {read}");
    }
    site.remove().await;
}

#[tokio::test]
async fn a_probe_that_its_equal_stops_is_reported_with_its_pod() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("forged-stop").await;
    let stops = "while :; do for p in /proc/[0-9]*; do read -r name <$p/comm; \
                 case $name in secure-scan-*) kill -STOP ${p#/proc/} ;; esac; done 2>/dev/null; done";
    let more = json!({
        "terminationGracePeriodSeconds": 0,
        "containers": [{
            "name": "web", "image": "lab.local/busybox:1", "imagePullPolicy": "IfNotPresent",
            "command": ["sh", "-c", stops], "securityContext": {"runAsUser": 1000, "runAsGroup": 1000},
        }],
    });
    site.pod_like("stops", "", "Running", &more, &json!({}))
        .await;
    let args = ["stops", "--idle-timeout", "5", "--lease", "60"];
    let output = scan(&site, "distroless", &args).await;
    assert_eq!(output.code, 5, "{output:?}");
    let report = output.json();
    assert_eq!(report["findings"], json!([]), "{output:?}");
    let shown = report["controls"].to_string();
    assert!(
        shown.contains("of pod stops was not verified to have ended"),
        "{shown}"
    );
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}
