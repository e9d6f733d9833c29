//! `secure-scan inject`: the API server takes what comes out, and what is deployed so runs.

use std::process::Stdio;

use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use scanner_tests::{
    TestNamespace, eventually, lab_only,
    program::{ProgramOutput, probe_image, program},
};
use serde_json::Value;
use tokio::{
    io::AsyncWriteExt as _,
    process::{Child, Command},
};

async fn fed(mut child: Child, input: &str) -> ProgramOutput {
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input.as_bytes()).await.expect("written");
    drop(stdin);
    child.wait_with_output().await.expect("it ends").into()
}

/// The manifest with the sidecar.
pub(crate) async fn injected(manifest: &str, args: &[&str]) -> String {
    let probe = probe_image();
    let mut all = vec!["inject", "-f", "-", "--probe-image", &probe];
    all.extend(args);
    let child = program(&all).stdin(Stdio::piped()).spawn();
    let output = fed(child.expect("it starts"), manifest).await;
    assert_eq!(output.code, 0, "{output:?}");
    output.out
}

/// The API server's answer to a manifest.
pub(crate) async fn apply(site: &TestNamespace, manifest: &str, args: &[&str]) -> Value {
    let context = std::env::var("SCANNER_E2E_CONTEXT").expect("context");
    let mut kubectl = Command::new("kubectl");
    kubectl
        .args(["--context", &context, "-n", &site.namespace])
        .args(["apply", "-f", "-", "-o", "json"])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let output = fed(kubectl.spawn().expect("kubectl"), manifest).await;
    assert_eq!(output.code, 0, "{output:?}\n{manifest}");
    output.json()
}

const HARDENED: &str = "      securityContext: # for all
        runAsUser: 1000
        runAsGroup: 1000
        runAsNonRoot: true
        seccompProfile: {type: RuntimeDefault}
      terminationGracePeriodSeconds: 0
      containers:
      - name: web # the only one
        image: lab.local/busybox:1
        imagePullPolicy: IfNotPresent
        resources: {limits: {cpu: 50m, memory: 32Mi}}
        securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
";

/// One of each kind, a list and something that is no workload.
fn every_kind() -> String {
    let pod = HARDENED
        .replace("\n      ", "\n  ")
        .replacen("      ", "  ", 1);
    let nested = HARDENED
        .replace("\n      ", "\n          ")
        .replacen("      ", "          ", 1);
    let template = "  selector: {matchLabels: {app: w}}\n  template:\n    metadata: {labels: {app: w}}\n    spec:\n";
    format!(
        "# one of each\napiVersion: v1\nkind: Pod\nmetadata: {{name: w}}\nspec:\n{pod}---\n\
         apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: w}}\nspec:\n{template}{HARDENED}---\n\
         apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {{name: w}}\nspec:\n{template}{HARDENED}---\n\
         apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: w}}\nspec:\n  serviceName: w\n{template}{HARDENED}---\n\
         apiVersion: batch/v1\nkind: Job\nmetadata: {{name: w}}\nspec:\n  template:\n    spec:\n      restartPolicy: Never\n{HARDENED}---\n\
         apiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: w}}\nspec:\n  schedule: '0 0 * * *'\n  jobTemplate:\n    spec:\n      template:\n        spec:\n          restartPolicy: Never\n{nested}---\n\
         apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: w}}\ndata: {{a: b}}\n"
    )
}

fn sidecar(spec: &Value) -> Value {
    let containers = ["containers", "initContainers"].map(|key| spec[key].as_array().cloned());
    let mut all = containers.into_iter().flatten().flatten();
    all.find(|c| c["name"] == "secure-scan").expect("a sidecar")
}

#[tokio::test]
async fn the_server_takes_every_kind_and_the_sidecar_is_hardened() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("inject").await;
    let manifest = injected(&every_kind(), &[]).await;
    let taken = apply(&site, &manifest, &["--dry-run=server", "--validate=strict"]).await;
    let items = taken["items"].as_array().expect("a list");
    assert_eq!(items.len(), 7);
    for item in items {
        let spec = match item["kind"].as_str().expect("kind") {
            "Pod" => &item["spec"],
            "CronJob" => &item["spec"]["jobTemplate"]["spec"]["template"]["spec"],
            "ConfigMap" => continue,
            _ => &item["spec"]["template"]["spec"],
        };
        assert_eq!(spec["shareProcessNamespace"], true, "{item}");
        let found = sidecar(spec);
        let security = &found["securityContext"];
        assert_eq!(security["runAsUser"], 1000, "{item}");
        assert_eq!(security["capabilities"]["drop"][0], "ALL", "{item}");
        assert_eq!(security["readOnlyRootFilesystem"], true, "{item}");
        let mounts = found["volumeMounts"].as_array().expect("mounts");
        assert_eq!(mounts.len(), 1, "no token is mounted: {item}");
        assert_eq!(mounts[0]["name"], "secure-scan-no-token");
    }
    site.remove().await;
}

#[tokio::test]
async fn at_level_restricted_a_pod_stays_guaranteed_and_a_job_completes() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("inject-run").await;
    site.enforce("restricted").await;
    let documents = every_kind();
    let pick = |kind: &str| {
        let wanted = format!("kind: {kind}\n");
        let found = documents.split("---\n").find(|text| text.contains(&wanted));
        found.expect("that kind").to_owned()
    };
    let job = pick("Job").replace("name: web", "command: [sleep, '1']\n        name: web");
    for manifest in [pick("Pod"), job] {
        apply(&site, &injected(&manifest, &[]).await, &[]).await;
    }
    let class = eventually("a ready pod and a complete Job", async || {
        let pod = site.api::<Pod>().get("w").await.expect("pod");
        let job = site.api::<Job>().get("w").await.expect("job");
        let pod = pod.status?;
        let ready = pod.container_statuses?;
        let done = job.status.and_then(|s| s.succeeded) == Some(1);
        (done && ready.len() == 2 && ready.iter().all(|c| c.ready)).then_some(pod.qos_class)
    })
    .await;
    assert_eq!(class.as_deref(), Some("Guaranteed"));
    site.remove().await;
}
