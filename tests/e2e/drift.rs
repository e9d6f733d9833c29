//! `secure-scan drift`: every change in a running container is found, and nothing where there is none.

use k8s_openapi::api::core::v1::Pod;
use scanner_core::target::{PodSelection, TargetRequest};
use scanner_k8s::plan::resolve::resolve;
use scanner_tests::{
    TestNamespace, eventually, lab_only,
    program::{ProgramOutput, probe_image, program},
    shell::run_in,
};
use serde_json::{Value, json};
use std::time::Duration;

use crate::inject::{apply, injected};

async fn drift(site: &TestNamespace, args: &[&str]) -> ProgramOutput {
    drift_by(site, &probe_image(), args).await
}

async fn drift_by(site: &TestNamespace, image: &str, args: &[&str]) -> ProgramOutput {
    let context = std::env::var("SCANNER_E2E_CONTEXT").expect("context");
    let mut all = vec!["drift", "-n", &site.namespace, "--context", &context];
    all.extend(["--probe-image", image, "-o", "json", "--as-root"]);
    all.extend(args);
    program(&all).output().await.expect("it starts").into()
}

async fn change(site: &TestNamespace, pod: &str, script: &str) {
    change_in(site, pod, None, script).await;
}

async fn change_in(site: &TestNamespace, pod: &str, container: Option<&str>, script: &str) {
    let request = TargetRequest {
        namespace: site.namespace.parse().expect("name"),
        pod: PodSelection::Name(pod.parse().expect("name")),
        container: container.map(|name| name.parse().expect("name")),
    };
    let target = resolve(site.cluster.begin().operator(), &request).await;
    let target = target.expect("resolve").target;
    let argv = ["/bin/sh", "-c", script];
    let ran = run_in(&site.client, &target, &argv, b"");
    let ran = tokio::time::timeout(Duration::from_secs(90), ran).await;
    ran.expect("in time").expect("the script ran");
}

fn evidence(report: &Value, id: &str) -> String {
    let results = report["findings"][0]["results"]
        .as_array()
        .expect("results");
    let found = results.iter().find(|r| r["id"] == id).expect("the check");
    assert_eq!(found["status"], "fail", "{id}: {found}");
    found["evidence"].to_string()
}

#[tokio::test]
async fn changes_are_found_and_a_clean_container_passes() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("drift").await;
    site.pod_of("bare", "lab.local/distroless:1", "Running")
        .await;
    site.pod("changed").await;
    change(
        &site,
        "changed",
        "mkdir -p /usr/local/bin && cp /bin/sh /usr/local/bin/tool && cp /bin/sh /tmp/'a b\u{1b}[2J' && \
         cp /bin/sh /tmp/sh && echo x >> /tmp/sh && mv /tmp/sh /bin/sh && \
         ln -sf /tmp /var/link; echo more >> /etc/passwd; chmod 666 /etc/group; rm /etc/os-release; \
         truncate -s 2000000000 /tmp/huge",
    )
    .await;
    let (clean, bare, changed) = tokio::join!(
        drift(&site, &["web"]),
        drift(&site, &["bare"]),
        drift(&site, &["changed"]),
    );
    let full = drift(&site, &["changed", "--full"]).await;
    assert_eq!(clean.code, 0, "{clean:?}");
    // The exit code of a plan predicts that of the scan, as with `scan`.
    for (level, code) in [("hardened", 0), ("strict", 4)] {
        let planned = drift(&site, &["web", "--dry-run", "--level", level]).await;
        assert_eq!(planned.code, code, "{level}: {planned:?}");
    }
    let report = clean.json();
    assert_eq!(report["verdict"], "passed");
    assert_eq!(report["image_scan"]["verdict"], "passed");
    let limits = report["findings"][0]["results"][0]["limits"].to_string();
    assert!(limits.contains("/etc/hosts"), "{limits}");
    assert!(bare.code == 0 || bare.code == 3, "{bare:?}");
    let limits = report["findings"][0]["results"][0]["limits"].to_string();
    assert!(limits.contains("by size, mode, owner and time"), "{limits}");
    assert_eq!(changed.code, 1, "{changed:?}");
    // The largest of its files is read by no scan, so that what was found is not all where every digest is asked for.
    assert_eq!(full.code, 3, "{full:?}");
    assert!(full.out.contains("by their SHA-256 digests\""), "{full:?}");
    assert!(!changed.out.contains('\u{1b}'));
    let report = changed.json();
    for (id, word) in [
        ("drift-executable-added", "/usr/local/bin/tool"),
        ("drift-executable-added", "/tmp/a b"),
        ("drift-executable-changed", "/bin/sh"),
        ("drift-configuration-changed", "/etc/passwd"),
        ("drift-permissions-changed", "/etc/group"),
        ("drift-file-added", "/tmp/huge"),
    ] {
        let seen = evidence(&report, id);
        assert!(seen.contains(word), "{id}: {seen}");
    }
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    let pods = site
        .api::<Pod>()
        .list(&kube::api::ListParams::default())
        .await;
    assert_eq!(pods.expect("pods").items.len(), 3, "no pod is left");
    site.remove().await;
}

#[tokio::test]
async fn an_image_that_cannot_be_mounted_stops_before_the_container_is_touched() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("drift-none").await;
    let output = drift_by(&site, "127.0.0.1:9/none:1", &["web"]).await;
    assert_eq!(output.code, 3, "{output:?}");
    let report = output.json();
    assert_eq!(report["plan"]["strategy"], "sidecar-inert");
    let said = ["ErrImagePull", "Failed to pull image"];
    assert!(said.iter().any(|w| output.out.contains(w)), "{output:?}");
    let pod = site.api::<Pod>().get("web").await.expect("pod");
    assert_eq!(json!(pod.spec)["ephemeralContainers"], Value::Null);
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

const CHANGES: &str = "mkdir -p /usr/local/bin && cp /bin/sh /usr/local/bin/tool && ln -sf /bin/tool /bin/ls; \
    cp /bin/busybox /tmp/b && echo x >> /tmp/b && mv /tmp/b /bin/nc; \
    echo more >> /etc/passwd; chmod 666 /etc/group; rm /etc/os-release; echo x > /etc/added";

/// A pod with the injected sidecar beside a container with a shell.
async fn deployed(site: &TestNamespace, name: &str) {
    let manifest = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n  terminationGracePeriodSeconds: 0\n  \
         containers:\n  - name: web\n    image: lab.local/busybox:1\n    imagePullPolicy: IfNotPresent\n"
    );
    let args = ["--user", "0:0", "--pod-security", "privileged"];
    apply(site, &injected(&manifest, &args).await, &[]).await;
    eventually("a running pod", async || {
        let pod = site.api::<Pod>().get(name).await.expect("pod");
        let phase = pod.status.as_ref().and_then(|s| s.phase.as_deref());
        (phase == Some("Running")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_sidecar_and_the_shell_find_the_same_changes_executables_first() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("drift-via").await;
    site.pod("changed").await;
    deployed(&site, "beside").await;
    deployed(&site, "calm").await;
    change(&site, "changed", CHANGES).await;
    change_in(&site, "beside", Some("web"), CHANGES).await;
    let attached = |pod| [pod, "-c", "web", "--via", "attached"];
    let by_shell = ["web", "--via", "container"];
    let strict = [&by_shell[..], &["--require-complete"]].concat();
    let (shell, quiet, whole, beside, calm, refused) = tokio::join!(
        drift(&site, &["changed", "--via", "container"]),
        drift(&site, &by_shell),
        drift(&site, &strict),
        async { drift(&site, &attached("beside")).await },
        async { drift(&site, &attached("calm")).await },
        drift(&site, &["web", "--profile", "container-baseline"]),
    );
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("--profile"), "{refused:?}");
    for output in [&quiet, &calm] {
        assert_eq!(output.code, 0, "{output:?}");
    }
    // A shell reads no capabilities of files.
    assert_eq!(whole.code, 3, "{whole:?}");
    assert!(whole.err.contains("--via distroless"), "{whole:?}");
    for (output, status, by_shell) in [
        (&quiet, "pass", true),
        (&whole, "error", true),
        (&calm, "pass", false),
    ] {
        let report = output.json();
        let results = report["findings"][0]["results"].as_array();
        let unseen = results.and_then(|all| all.last()).expect("drift-unseen");
        assert_eq!(unseen["status"], status, "{unseen}");
        let message = unseen["message"].to_string();
        let says = message.contains("one side did not read them");
        assert_eq!(says, by_shell, "{unseen}");
    }
    for output in [&shell, &beside] {
        assert_eq!(output.code, 1, "{output:?}");
        let report = output.json();
        for (id, word) in [
            ("drift-executable-added", "/usr/local/bin/tool"),
            ("drift-executable-changed", "/bin/nc"),
            // A link among the programs is one.
            ("drift-executable-changed", "/bin/ls"),
            ("drift-configuration-changed", "/etc/passwd"),
            ("drift-permissions-changed", "/etc/group"),
            ("drift-configuration-changed", "/etc/added"),
            ("drift-configuration-changed", "/etc/os-release"),
        ] {
            let seen = evidence(&report, id);
            assert!(seen.contains(word), "{id}: {seen}");
        }
        let results = report["findings"][0]["results"]
            .as_array()
            .expect("results");
        let ids: Vec<&str> = results.iter().filter_map(|r| r["id"].as_str()).collect();
        assert!(ids[0].starts_with("drift-executable"), "{ids:?}");
    }
    let pod = site.api::<Pod>().get("beside").await.expect("pod");
    assert_eq!(json!(pod.spec)["ephemeralContainers"], Value::Null);
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}
