//! Every shipped check, seen to pass and to fail in real pods.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use k8s_openapi::api::{
    apps::v1::ReplicaSet,
    core::v1::{Node, Pod, Secret, ServiceAccount},
};
use kube::{
    Api,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use scanner_policy::Profile;
use scanner_tests::{TestNamespace, eventually, lab_only, program::ProgramOutput};
use serde_json::{Value, json};

/// All shipped profiles as one, so that one scan evaluates every check.
const ALL: &str = "name: all\nversion: '1'\ntitle: All\nextends: [NAMES]\nset: {allowed_registries: [lab.local]}\n";

const NO_LSM: &str = "the lab's node has neither AppArmor nor SELinux";
const NO_USER_NAMESPACE: &str = "the lab's runc is older than user namespaces";
const NO_DEVICE: &str = "the lab has no block device to hand over";

/// Checks that pass in no pod of the lab, and why.
const NEVER_PASS: &[(&str, &str)] = &[
    ("confinement", NO_LSM),
    ("cis-5-1-apparmor", NO_LSM),
    ("pod-user-namespace", NO_USER_NAMESPACE),
    ("cis-5-30-user-namespace", NO_USER_NAMESPACE),
];

/// Checks that fail in no pod of the lab, and why.
const NEVER_FAIL: &[(&str, &str)] = &[
    // The server takes procMount: Unmasked only in a user namespace.
    ("psp-proc-mount", NO_USER_NAMESPACE),
    ("psp-sysctls", "a kubelet refuses a pod with another sysctl"),
    ("cis-5-17-devices", NO_DEVICE),
    ("pod-raw-devices", NO_DEVICE),
    ("metadata-connections", "the lab is in no cloud"),
    (
        "pod-default-namespace",
        "tests touch no namespace but their own",
    ),
];

/// A pod with nothing to find: the probe's own image, which has no shell and is named by digest.
async fn good(site: &TestNamespace) {
    let params = PostParams::default();
    let account = json!({"metadata": {"name": "web"}, "automountServiceAccountToken": false});
    let account: ServiceAccount = serde_json::from_value(account).expect("account");
    let made = site.api::<ServiceAccount>().create(&params, &account).await;
    made.expect("account");
    let probe = json!({"tcpSocket": {"port": 1}, "initialDelaySeconds": 3600});
    let set: ReplicaSet = serde_json::from_value(json!({
        "metadata": {"name": "good"},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": "good"}},
            "template": {"metadata": {"labels": {"app": "good"}}, "spec": {
                "serviceAccountName": "web",
                "automountServiceAccountToken": false,
                "terminationGracePeriodSeconds": 0,
                "securityContext": {
                    "runAsNonRoot": true, "runAsUser": 10001, "runAsGroup": 10001, "fsGroup": 10001,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "containers": [{
                    "name": "web",
                    "image": probe_by_digest(site).await,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["/secure-scan-probe", "serve"],
                    "securityContext": {
                        "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                        "capabilities": {"drop": ["ALL"]},
                    },
                    "resources": {
                        "limits": {"cpu": "100m", "memory": "64Mi"},
                        "requests": {"cpu": "10m", "memory": "16Mi"},
                    },
                    "livenessProbe": probe, "readinessProbe": probe,
                }],
            }},
        },
    }))
    .expect("set");
    let made = site.api::<ReplicaSet>().create(&params, &set).await;
    made.expect("set");
    running(site, "good").await;
}

/// Creates a pod, labelled with its name, and waits until it runs.
async fn pod(site: &TestNamespace, name: &str, spec: &Value) {
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": spec,
    }))
    .expect("pod");
    let made = site.api::<Pod>().create(&PostParams::default(), &pod).await;
    made.expect("pod");
    running(site, name).await;
}

/// Waits until the pod of that label runs; on a busy machine planting takes a while.
async fn running(site: &TestNamespace, app: &str) {
    let ours = ListParams::default().labels(&format!("app={app}"));
    let pods = site.api::<Pod>();
    eventually("a running pod", async || {
        let all = pods.list(&ours).await.expect("pods");
        let mut statuses = all.items.iter().filter_map(|pod| pod.status.as_ref());
        let runs = statuses.any(|status| status.phase.as_deref() == Some("Running"));
        runs.then_some(())
    })
    .await;
}

/// The name with a digest by which the node knows the probe.
async fn probe_by_digest(site: &TestNamespace) -> String {
    let nodes = Api::<Node>::all(site.client.clone());
    // A node reports its images from time to time.
    eventually("a probe with a digest", async || {
        let all = nodes.list(&ListParams::default()).await.expect("nodes");
        let images = all.items.into_iter().filter_map(|n| n.status?.images);
        let mut names = images.flatten().filter_map(|i| i.names).flatten();
        names.find(|name| name.starts_with("lab.local/probe@"))
    })
    .await
}

/// A Debian in which everything was planted that a container can hold.
async fn loose(site: &TestNamespace) {
    let params = PostParams::default();
    let secret = json!({"metadata": {"name": "db"}, "stringData": {"token": "hunter2"}});
    let secret: Secret = serde_json::from_value(secret).expect("secret");
    let made = site.api::<Secret>().create(&params, &secret).await;
    made.expect("secret");
    // A port of the node can be taken once: each run has its own.
    let own: String = site.namespace.chars().rev().take(4).collect();
    let own = u16::from_str_radix(&own, 16).expect("hexadecimal") % 400;
    let spec = json!({
        "terminationGracePeriodSeconds": 0,
        "shareProcessNamespace": true,
        "securityContext": {"fsGroup": 0, "supplementalGroups": [0]},
        "volumes": [
            {"name": "shm", "emptyDir": {"medium": "Memory"}},
            {"name": "secret", "secret": {"secretName": "db"}},
            {"name": "token", "projected": {"sources": [
                {"serviceAccountToken": {"path": "token", "expirationSeconds": 172_800}},
            ]}},
            // A volume that no container mounts is left alone by the kubelet.
            {"name": "old", "nfs": {"server": "127.0.0.1", "path": "/"}},
        ],
        "initContainers": [{
            "name": "setup", "image": "lab.local/busybox:1", "imagePullPolicy": "IfNotPresent",
            "command": ["true"],
        }],
        "containers": [{
            "name": "web", "image": "lab.local/debian:1", "imagePullPolicy": "IfNotPresent",
            "command": ["bash", "-c", include_str!("profiles/plant.sh")],
            "lifecycle": {"postStart": {"exec": {"command":
                ["sh", "-c", "until [ -e /planted ]; do sleep 0.1; done"]}}},
            "tty": true, "stdin": true,
            "securityContext": {
                "runAsUser": 0, "runAsGroup": 0,
                "capabilities": {"add": ["SYS_ADMIN", "CHOWN"]},
                "seccompProfile": {"type": "Unconfined"},
                "appArmorProfile": {"type": "Unconfined"},
                "seLinuxOptions": {"type": "spc_t", "user": "system_u"},
            },
            "ports": [
                {"containerPort": 80, "hostPort": 600 + own},
                {"containerPort": 8080, "hostPort": 20_000 + own},
            ],
            "env": [
                {"name": "DB_PASSWORD", "value": "hunter2-planted"},
                {"name": "DATABASE_URL", "value": "postgres://shop:hunter2@db/shop"},
                {"name": "LD_LIBRARY_PATH", "value": "/opt"},
                {"name": "API_TOKEN", "valueFrom": {"secretKeyRef": {"name": "db", "key": "token"}}},
            ],
            "volumeMounts": [
                {"name": "shm", "mountPath": "/dev/shm"},
                {"name": "secret", "mountPath": "/secret"},
                {"name": "token", "mountPath": "/token"},
            ],
        }],
    });
    pod(site, "loose", &spec).await;
    // It is never started: its image is nowhere.
    let debug = json!({"spec": {"ephemeralContainers": [{
        "name": "debug", "image": "registry.example/tool:latest", "imagePullPolicy": "Never",
    }]}});
    let patched = site
        .api::<Pod>()
        .patch_ephemeral_containers("loose", &PatchParams::default(), &Patch::Strategic(debug))
        .await;
    patched.expect("ephemeral container");
}

/// A pod that has its node: privileged, and in all of the node's namespaces.
async fn host(site: &TestNamespace) {
    let kubeconfig = std::env::var("KUBECONFIG").expect("the lab's kubeconfig");
    let socket = Path::new(&kubeconfig).with_file_name("containerd.sock");
    let spec = json!({
        "terminationGracePeriodSeconds": 0,
        "hostNetwork": true, "hostPID": true, "hostIPC": true,
        "securityContext": {"windowsOptions": {"hostProcess": true}},
        "volumes": [
            {"name": "socket", "hostPath": {"path": socket, "type": "Socket"}},
            {"name": "etc", "hostPath": {"path": "/etc"}},
            {"name": "shared", "emptyDir": {}},
        ],
        "containers": [{
            "name": "web", "image": "lab.local/busybox:1", "imagePullPolicy": "IfNotPresent",
            "command": ["sh", "-c", "mkdir -p /var/lib/dpkg; : >/var/lib/dpkg/status; echo NAME=x >/etc/os-release; exec sleep 3600"],
            "securityContext": {"privileged": true},
            "livenessProbe": {"tcpSocket": {"host": "127.0.0.1", "port": 1}, "initialDelaySeconds": 3600},
            "volumeMounts": [
                {"name": "socket", "mountPath": "/containerd.sock"},
                {"name": "etc", "mountPath": "/node", "readOnly": true},
                {"name": "shared", "mountPath": "/shared", "mountPropagation": "Bidirectional"},
            ],
        }],
    });
    pod(site, "host", &spec).await;
}

/// The status of each check for a pod.
fn results(output: &ProgramOutput) -> BTreeMap<String, Value> {
    // The status of each check is compared, whatever the verdict.
    assert!(matches!(output.code, 0 | 1 | 3), "{output:?}");
    let report = output.json();
    let all = report["findings"][0]["results"].as_array().cloned();
    let all = all.unwrap_or_else(|| unreachable!("no findings: {output:?}"));
    let of = |r: Value| (r["id"].as_str().expect("id").to_owned(), r);
    all.into_iter().map(of).collect()
}

/// Checks that do not say `status` of any of `pods`, and those that are listed as such and do.
fn wrong(
    ids: &BTreeSet<&str>,
    pods: &[&BTreeMap<String, Value>],
    status: &str,
    never: &[(&str, &str)],
) -> Vec<String> {
    let known: BTreeSet<&str> = never.iter().map(|(id, _)| *id).collect();
    let unknown = known.difference(ids).map(|id| format!("{id} is no check"));
    let output = |id: &str| pods.iter().any(|results| results[id]["status"] == status);
    let differ = ids
        .iter()
        .filter_map(|id| match (output(id), known.contains(id)) {
            (true, true) => Some(format!("{id} is listed, and was seen to {status}")),
            (false, false) => {
                let seen: Vec<String> = pods.iter().map(|r| r[*id].to_string()).collect();
                Some(format!("{id} did not {status}: {}", seen.join(" ")))
            }
            _ => None,
        });
    unknown.chain(differ).collect()
}

#[tokio::test]
async fn each_shipped_check_passes_and_fails_in_real_pods() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("profiles").await;
    let file = tempfile::NamedTempFile::with_suffix(".yaml").expect("file");
    let names = Profile::SHIPPED.join(", ");
    std::fs::write(file.path(), ALL.replace("NAMES", &names)).expect("write");
    let profile = file.path().to_str().expect("path");
    let (none, root) = (json!({}), json!({"runAsUser": 0}));
    tokio::join!(
        good(&site),
        loose(&site),
        host(&site),
        site.pod_like("plain", "lab.local/debian:1", "Running", &none, &root),
    );
    let all = ["--profile", profile, "--policy", "baseline", "-o", "json"];
    let with = |args: &[&'static str]| [args, &all[..]].concat();
    let (good, plain) = (with(&["-l", "app=good"]), with(&["plain"]));
    let (loose, host) = (
        with(&["loose", "--input", "max_packages=1"]),
        with(&["host"]),
    );
    let (good, plain, loose, host) = tokio::join!(
        site.probe(&good),
        site.run(&plain),
        site.run(&loose),
        site.run(&host),
    );
    // A probe can read what a shell cannot read in the same pod.
    let probed = with(&["loose", "--input", "max_packages=1"]);
    let probed = results(&site.probe(&probed).await);
    let (good, plain) = (results(&good), results(&plain));
    let (loose, host) = (results(&loose), results(&host));
    let ids: BTreeSet<&str> = good.keys().map(String::as_str).collect();
    let mut all = wrong(&ids, &[&good, &plain], "pass", NEVER_PASS);
    all.extend(wrong(&ids, &[&loose, &host, &probed], "fail", NEVER_FAIL));
    assert_eq!(all, Vec::<String>::new());
    site.remove().await;
}
