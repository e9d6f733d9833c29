//! Gates, policies, waivers and thresholds with real pods: what warns, what aborts, and that nothing is
//! created where a gate aborts.

use std::{fs, io::Write as _};

use futures_util::future::join_all;
use k8s_openapi::api::{
    core::v1::{ConfigMap, Event, Pod, Service},
    networking::v1::NetworkPolicy,
};
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use scanner_tests::{TestNamespace, audit_log::apiserver_log, lab_only, program::ProgramOutput};
use serde_json::{Value, json};

const A: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// A policy of its own with one gate and more fields.
fn policy(gate: &str, action: &str, more: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::with_suffix(".yaml").expect("file");
    let gates = if gate.is_empty() {
        String::new()
    } else {
        format!("gates: {{{gate}: {action}}}\n")
    };
    let text = format!("name: own\nversion: '1'\ntitle: T\nlevel: baseline\n{gates}{more}\n");
    file.write_all(text.as_bytes()).expect("write");
    file
}

pub(crate) fn decision<'a>(gates: &'a Value, id: &str) -> &'a Value {
    let found = gates.as_array().into_iter().flatten();
    found.into_iter().find(|g| g["id"] == id).expect("gate")
}

/// What the API server logged of a scan, but for reads and the alert.
pub(crate) fn written(scan_id: &str) -> Vec<String> {
    let Some(path) = apiserver_log() else {
        return vec![];
    };
    let log = fs::read_to_string(path).expect("audit log");
    let of_scan = log.lines().filter(|line| line.contains(scan_id));
    of_scan
        .filter(|line| !line.contains("\"resource\":\"events\""))
        .map(ToOwned::to_owned)
        .collect()
}

async fn aborts(site: &TestNamespace, pod: &str, gate: &str, more: &str) -> ProgramOutput {
    let file = policy(gate, "abort", more);
    let path = file.path().to_str().expect("path");
    let output = site.run(&[pod, "--policy", path, "-o", "json"]).await;
    assert_eq!(output.code, 4, "{gate}: {output:?}");
    let report = output.json();
    assert_eq!(report["verdict"], "gate_aborted", "{gate}");
    let id = if gate.is_empty() {
        "required-controls"
    } else {
        gate
    };
    assert_eq!(
        decision(&report["gates"], id)["decision"]["decision"],
        "abort"
    );
    let controls = report["controls"].as_array().expect("controls");
    let reached = |c: &&Value| c["enforced"]["state"] != "not_reached";
    assert_eq!(controls.iter().filter(reached).count(), 0, "{gate}");
    let scan_id = report["plan"]["scan_id"].as_str().expect("id");
    assert_eq!(written(scan_id), Vec::<String>::new(), "{gate}");
    output
}

async fn warns(site: &TestNamespace, pod: &str, gate: &str, more: &str) {
    let file = policy(gate, "warn", more);
    let path = file.path().to_str().expect("path");
    let output = site
        .run(&[pod, "--policy", path, "--dry-run", "-o", "json"])
        .await;
    assert_eq!(output.code, 0, "{gate}: {output:?}");
    let gates = &output.json()["gates"];
    assert_eq!(
        decision(gates, gate)["decision"]["decision"],
        "warn",
        "{gate}: {gates}"
    );
}

/// A pod that no scheduler takes, with a status as a node could report it. One on a node that is not there would be deleted
/// within a minute.
async fn ghost(
    site: &TestNamespace,
    name: &str,
    spec: Value,
    owner: Option<&Value>,
    status: Value,
) {
    let mut pod = json!({
        "metadata": {"name": name, "labels": {"app": "web"}},
        "spec": {"schedulerName": "none", "terminationGracePeriodSeconds": 0},
    });
    for (key, value) in spec.as_object().into_iter().flatten() {
        pod["spec"][key] = value.clone();
    }
    if let Some(owner) = owner {
        pod["metadata"]["ownerReferences"] = json!([owner]);
    }
    let pod: Pod = serde_json::from_value(pod).expect("pod");
    let pods = site.api::<Pod>();
    pods.create(&PostParams::default(), &pod)
        .await
        .expect("create pod");
    let mut container = json!({
        "name": "web", "image": "i", "ready": true, "restartCount": 0, "imageID": "",
        "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
    });
    for (key, value) in status.as_object().into_iter().flatten() {
        container[key] = value.clone();
    }
    let status = json!({"status": {"phase": "Running", "containerStatuses": [container]}});
    let (params, patch) = (PatchParams::default(), Patch::Merge(&status));
    let patched = pods.patch_status(name, &params, &patch).await;
    patched.expect("patch status");
}

fn container(image: &str, more: &Value) -> Value {
    let mut container = json!({"name": "web", "image": image, "imagePullPolicy": "IfNotPresent"});
    for (key, value) in more.as_object().into_iter().flatten() {
        container[key] = value.clone();
    }
    json!([container])
}

#[tokio::test]
async fn each_gate_of_the_pod_warns_and_aborts_as_the_policy_says() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("gates").await;
    let busybox = "lab.local/busybox:1";
    let host_path = json!({
        "volumes": [{"name": "v", "hostPath": {"path": "/tmp"}}],
        "containers": container(busybox, &json!({"volumeMounts": [{"name": "v", "mountPath": "/v"}]})),
    });
    let host_port = json!({
        "containers": container(busybox, &json!({"ports": [{"containerPort": 8080, "hostPort": 18_080}]})),
    });
    let none = json!({});
    let registries = "registries: [ghcr.io]";
    let cases = [
        ("privileged", none.clone(), json!({"privileged": true}), ""),
        ("host-pid", json!({"hostPID": true}), none.clone(), ""),
        ("host-ipc", json!({"hostIPC": true}), none.clone(), ""),
        (
            "host-network",
            json!({"hostNetwork": true}),
            none.clone(),
            "",
        ),
        ("host-path", host_path, none.clone(), ""),
        ("host-ports", host_port, none.clone(), ""),
        (
            "added-capabilities",
            none.clone(),
            json!({"capabilities": {"add": ["SYS_TIME"]}}),
            "",
        ),
        ("privilege-escalation", none.clone(), none.clone(), ""),
        ("runs-as-root", none.clone(), none.clone(), ""),
        (
            "seccomp",
            none.clone(),
            json!({"seccompProfile": {"type": "Unconfined"}}),
            "",
        ),
        (
            "apparmor",
            none.clone(),
            json!({"appArmorProfile": {"type": "Unconfined"}}),
            "",
        ),
        ("evidence-independent", none.clone(), none.clone(), ""),
        ("image-registry", none.clone(), none.clone(), registries),
        ("image-digest", none.clone(), none.clone(), ""),
        ("image-signature", none.clone(), none.clone(), ""),
        ("network-policy", none.clone(), none.clone(), ""),
    ];
    join_all(cases.iter().map(|(gate, more, security, extra)| {
        let site = &site;
        async move {
            let pod = format!("p-{gate}");
            site.pod_like(&pod, busybox, "Running", more, security)
                .await;
            aborts(site, &pod, gate, extra).await;
            warns(site, &pod, gate, extra).await;
        }
    }))
    .await;
    let service = json!({
        "metadata": {"name": "out"},
        "spec": {"type": "NodePort", "selector": {"app": "web"}, "ports": [{"port": 80}]},
    });
    let service: Service = serde_json::from_value(service).expect("service");
    let created = site.api().create(&PostParams::default(), &service).await;
    created.expect("create service");
    aborts(&site, "web", "exposed-service", "").await;
    warns(&site, "web", "exposed-service", "").await;
    // A control that this strategy does not have, and one that does not exist.
    let other = aborts(&site, "web", "", "require_controls: [probe-ends]").await;
    assert!(other.out.contains("probe-ends"), "{other:?}");
    let file = policy("", "", "require_controls: [no-such-control]");
    let path = file.path().to_str().expect("path");
    let unknown = site.run(&["web", "--policy", path, "-o", "json"]).await;
    assert_eq!(unknown.code, 2, "{unknown:?}");
    assert!(unknown.err.contains("no-such-control"), "{unknown:?}");
    assert!(unknown.err.contains("hint: "), "{unknown:?}");
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test]
async fn what_a_node_could_report_wrongly_warns_and_aborts() {
    let site = TestNamespace::new("gates-node").await;
    let image = format!("lab.local/web@{A}");
    let id = |digest: &str| json!({"containerID": "containerd://1", "imageID": format!("lab.local/web@{digest}")});
    let spec = |image: &str| json!({"containers": container(image, &json!({}))});
    ghost(&site, "other-digest", spec(&image), None, id(B)).await;
    ghost(
        &site,
        "unpinned",
        spec(&image),
        None,
        json!({"imageID": image}),
    )
    .await;
    ghost(&site, "latest", spec("busybox"), None, id(A)).await;
    let unmasked = json!({
        "hostUsers": false,
        "containers": container("busybox:1", &json!({"securityContext": {"procMount": "Unmasked"}})),
    });
    ghost(&site, "unmasked", unmasked, None, id(A)).await;
    let map: ConfigMap = serde_json::from_value(json!({"metadata": {"name": "owner"}})).unwrap();
    let map = site.api().create(&PostParams::default(), &map).await;
    let uid = map.expect("owner").metadata.uid;
    let owner = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid, "controller": true,
    });
    for (name, digest) in [("sibling-0", A), ("sibling-1", A), ("sibling-2", B)] {
        ghost(
            &site,
            name,
            spec("lab.local/web:1"),
            Some(&owner),
            id(digest),
        )
        .await;
    }
    for (pod, gate) in [
        ("other-digest", "spec-digest"),
        ("unpinned", "target-pinned"),
        ("latest", "image-tag-latest"),
        ("unmasked", "proc-mount"),
        ("sibling-0", "sibling-images"),
    ] {
        aborts(&site, pod, gate, "").await;
        warns(&site, pod, gate, "").await;
    }
    let output = aborts(&site, "sibling-0", "sibling-images", "").await;
    assert!(output.out.contains("sibling-2 runs"), "{output:?}");
    assert!(!output.out.contains("sibling-1 runs"), "{output:?}");
    site.remove().await;
}

#[tokio::test]
async fn isolation_that_a_policy_requires_stops_what_is_not_isolated_and_nothing_else() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("gates-isolation").await;
    let open: NetworkPolicy = serde_json::from_value(json!({
        "metadata": {"name": "open"},
        "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]},
    }))
    .expect("policy");
    let policies = site.api::<NetworkPolicy>();
    let made = policies.create(&PostParams::default(), &open).await;
    made.expect("policy");
    let file = policy("", "", "require_isolation: true");
    let path = file.path().to_str().expect("path");
    let copied = ["sidecar", "web", "--policy", path];
    let entered = ["web", "--policy", path, "-o", "json"];
    let (clone, exec) = tokio::join!(crate::sidecar::run(&site, &copied), site.run(&entered));
    assert_eq!(clone.code, 3, "{clone:?}");
    assert_eq!(clone.json()["failure"]["stage"], "verify", "{clone:?}");
    assert_eq!(exec.code, 1, "it starts no pod: {exec:?}");
    crate::sidecar::nothing_left(&site).await;
    site.remove().await;
}

#[tokio::test]
async fn an_abort_is_an_abort_also_where_no_report_can_be_written() {
    let site = TestNamespace::new("gates-full").await;
    let full = ["web", "--level", "strict", "-o", "json=/dev/full"];
    let output = site.run(&full).await;
    assert_eq!(output.code, 4, "{output:?}");
    assert!(output.err.contains("/dev/full"), "{output:?}");
    site.remove().await;
}

#[tokio::test]
async fn a_guard_that_a_policy_requires_must_be_there() {
    let site = TestNamespace::new("gates-guard").await;
    let file = policy("", "", "require_controls: [admission-guard]");
    let path = file.path().to_str().expect("path");
    let required = ["web", "--policy", path, "-o", "json"];
    let output = site.run(&required).await;
    assert_eq!(output.code, 3, "{output:?}");
    let report = output.json();
    assert_eq!(report["failure"]["stage"], "verify", "{output:?}");
    assert!(output.out.contains("not installed"), "{output:?}");
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test]
async fn an_abort_is_an_event_where_that_is_allowed_and_reported_where_it_is_not() {
    let site = TestNamespace::new("gates-event").await;
    let output = site.run(&["web", "--level", "strict", "-o", "json"]).await;
    assert_eq!(output.code, 4, "{output:?}");
    let report = output.json();
    assert!(
        report["gate_alert"]
            .as_str()
            .is_some_and(|a| a.starts_with("Event ")),
        "{report}"
    );
    let events = site
        .api::<Event>()
        .list(&ListParams::default())
        .await
        .unwrap();
    let of_gate = |e: &&Event| e.reason.as_deref() == Some("SecureScanGateAborted");
    let event = events.items.iter().find(of_gate).expect("an Event");
    assert_eq!(event.involved_object.name.as_deref(), Some("web"));
    assert_eq!(
        event.involved_object.uid.as_deref(),
        report["plan"]["target"]["pod_uid"].as_str()
    );
    assert!(
        event
            .message
            .as_deref()
            .is_some_and(|m| m.contains("image-digest"))
    );

    let rbac = "rbac.authorization.k8s.io";
    let rules = [
        ("", "pods", "get"),
        ("", "pods", "list"),
        ("", "pods", "watch"),
        ("batch", "jobs", "*"),
        ("", "secrets", "*"),
        ("", "serviceaccounts", "*"),
        ("", "serviceaccounts/token", "*"),
        (rbac, "roles", "*"),
        (rbac, "rolebindings", "*"),
    ];
    site.allow("default", &rules).await;
    let file = crate::bad_input::with_token(&site.token("default").await);
    let path = file.path().to_str().unwrap();
    let args = [
        "web",
        "--level",
        "strict",
        "-o",
        "json",
        "--kubeconfig",
        path,
    ];
    let output = site.run(&args).await;
    assert_eq!(output.code, 4, "{output:?}");
    let report = output.json();
    let alert = report["gate_alert"].as_str().unwrap_or_default();
    assert!(alert.contains("you may not create events"), "{alert}");
    // What could not be looked at is reported, not passed over.
    let policies = decision(&report["gates"], "network-policy");
    assert_eq!(policies["decision"]["decision"], "warn", "{policies}");
    assert!(
        policies.to_string().contains("you may not list"),
        "{policies}"
    );
    let events = site
        .api::<Event>()
        .list(&ListParams::default())
        .await
        .unwrap();
    assert_eq!(events.items.iter().filter(of_gate).count(), 1);
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test]
async fn the_default_scans_a_privileged_pod_and_warns() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("gates-default").await;
    let powerful = json!({"privileged": true});
    site.pod_like(
        "powerful",
        "lab.local/busybox:1",
        "Running",
        &json!({}),
        &powerful,
    )
    .await;
    let (plain, powerful) = tokio::join!(site.run(&["web"]), site.run(&["powerful"]));
    assert_eq!(plain.code, 1, "{plain:?}");
    assert!(plain.out.contains("Gates: 0 abort, 0 warn"), "{plain:?}");
    assert_eq!(powerful.code, 1, "{powerful:?}");
    assert!(
        powerful
            .out
            .contains("WARN   privileged: the container is privileged"),
        "{powerful:?}"
    );
    site.remove().await;
}

#[tokio::test]
async fn waivers_and_thresholds_decide_the_exit_code_and_are_shown() {
    let site = TestNamespace::new("gates-waived").await;
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let profile = "name: p\nversion: '1'\ntitle: T\nchecks:\n\
        - {id: bad, title: T, severity: high, rationale: R, fix: F, pass: 'identity.uid == 4242'}\n\
        - {id: good, title: T, severity: high, rationale: R, fix: F, pass: 'identity.uid != 4242'}\n";
    fs::write(path("p.yaml"), profile).unwrap();
    let waiver =
        |id: &str, day: &str| format!("{id}: {{expiration_date: {day}, justification: By ops}}\n");
    fs::write(
        path("good.yaml"),
        waiver("bad", "2999-01-01") + &waiver("gone", "2999-01-01"),
    )
    .unwrap();
    fs::write(path("old.yaml"), waiver("bad", "2020-01-01")).unwrap();
    fs::write(path("endless.yaml"), "bad: {justification: By ops}\n").unwrap();
    let (profile, good, old) = (path("p.yaml"), path("good.yaml"), path("old.yaml"));
    let base = ["web", "-p", &profile];
    let with = |more: &[&'static str], file: Option<&String>| {
        let mut args: Vec<String> = base.iter().map(ToString::to_string).collect();
        args.extend(more.iter().map(ToString::to_string));
        args.extend(
            file.into_iter()
                .flat_map(|f| ["--waivers".to_owned(), f.clone()]),
        );
        args
    };
    let cases = [
        (
            with(&[], Some(&good)),
            0,
            vec![
                "WAIVED bad: high, failed; until 2999",
                "UNUSED waiver: gone",
            ],
        ),
        (
            with(&[], Some(&old)),
            1,
            vec!["EXPIRED waiver: bad on 2020-01-01", "failed: T"],
        ),
        (
            with(&["--threshold", "{failed.total.max: 1}"], None),
            0,
            vec!["1 met, 0 not met; compliance 50 %"],
        ),
        (
            with(&["--threshold", "{compliance.min: 51}"], None),
            1,
            vec!["not met: compliance: 50"],
        ),
    ];
    let runs = cases.iter().map(|(args, code, words)| {
        let site = &site;
        async move {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let output = site.run(&args).await;
            assert_eq!(output.code, *code, "{args:?}: {output:?}");
            let text = output.out.replace("\n  ", " ");
            for word in words {
                assert!(text.contains(word), "{word:?}: {output:?}");
            }
        }
    });
    join_all(runs).await;
    for (option, value, word) in [
        ("--waivers", path("endless.yaml"), "expiration_date"),
        ("--waivers", path("absent.yaml"), "cannot read the waivers"),
        ("--threshold", "{failed.totl.max: 0}".to_owned(), "totl"),
        ("--policy", "harsh".to_owned(), "baseline, hardened, strict"),
    ] {
        let output = site.run(&["web", option, &value]).await;
        assert!(output.code == 2 && output.err.contains(word), "{output:?}");
        assert!(output.err.contains("hint: "), "{output:?}");
    }
    site.remove().await;
}
