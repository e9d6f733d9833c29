//! Strategy sidecar with each of its options and for each operator: the objects that the server received.

use std::time::Duration;

use k8s_openapi::api::{
    core::v1::{ConfigMap, Pod, Secret},
    rbac::v1::Role,
};
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use scanner_tests::{
    TestNamespace,
    audit_log::apiserver_log,
    fault::{Fault, Proxy},
    lab_only,
    program::{COMPLETE, IN_PART, ProgramOutput, probe_image, program},
};
use serde_json::{Value, json};

use crate::sidecar::{network, nothing_left, run};

const LABEL: &str = "secure-scan.io/scan";
const VALUE: &str = "never-to-be-seen-4711";

/// The specification of the scan's own pod with this id, as the server has it, while the scan runs.
async fn seen_while(
    site: &TestNamespace,
    scan: impl Future<Output = ProgramOutput>,
) -> (ProgramOutput, Value) {
    let pods = site.api::<Pod>();
    let ours = ListParams::default().labels("secure-scan.io/scan");
    let look = async {
        loop {
            let all = pods.list(&ours).await.expect("pods").items;
            if let Some(pod) = all.into_iter().find(|p| {
                let spec = p.spec.as_ref();
                spec.is_some_and(|s| s.node_name.is_some())
            }) {
                return json!(pod.spec);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let (output, seen) = tokio::join!(scan, tokio::time::timeout(Duration::from_mins(5), look));
    (output, seen.unwrap_or_default())
}

async fn needy(site: &TestNamespace) {
    let params = PostParams::default();
    let secret = json!({"metadata": {"name": "db"}, "stringData": {"password": VALUE}});
    let secret: Secret = serde_json::from_value(secret).expect("secret");
    let made = site.api::<Secret>().create(&params, &secret).await;
    made.expect("secret");
    let map = json!({"metadata": {"name": "settings"}, "data": {"colour": VALUE}});
    let map: ConfigMap = serde_json::from_value(map).expect("map");
    let made = site.api::<ConfigMap>().create(&params, &map).await;
    made.expect("map");
    let more = json!({
        "volumes": [
            {"name": "tls", "secret": {"secretName": "db"}},
            {"name": "conf", "configMap": {"name": "settings"}},
        ],
        "containers": [{
            "name": "web", "image": "lab.local/busybox:1", "imagePullPolicy": "IfNotPresent",
            "env": [{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}],
            "envFrom": [{"secretRef": {"name": "db"}}, {"configMapRef": {"name": "settings"}}],
            "volumeMounts": [{"name": "tls", "mountPath": "/tls"}, {"name": "conf", "mountPath": "/conf"}],
        }],
    });
    site.pod_like("needy", "", "Running", &more, &json!({}))
        .await;
}

#[tokio::test]
async fn secrets_and_config_are_dropped_or_named_and_the_server_saw_no_others() {
    if lab_only() {
        return;
    }
    let (plain, kept) = tokio::join!(
        TestNamespace::new("sidecar-plain"),
        TestNamespace::new("sidecar-kept")
    );
    tokio::join!(needy(&plain), needy(&kept));
    let all = ["sidecar", "needy", "--with-secrets", "--with-config"];
    let ((without, bare), (with, full)) = tokio::join!(
        seen_while(&plain, run(&plain, &["sidecar", "needy"])),
        seen_while(&kept, run(&kept, &all)),
    );
    // A clone does not have the variables whose Secrets it dropped.
    for (output, code) in [(&without, IN_PART), (&with, COMPLETE)] {
        assert!(output.has_findings(code), "{output:?}");
        let text = output.json()["plan"]["differences"].to_string();
        for word in [
            "Secret db (variable PASSWORD)",
            "Secret db (all its variables)",
            "Secret db (volume tls)",
            "ConfigMap settings (all its variables)",
            "ConfigMap settings (volume conf)",
        ] {
            assert!(text.contains(word), "{word} in {text}");
        }
        assert!(!format!("{}{}", output.out, output.err).contains(VALUE));
    }
    let text = without.json()["plan"]["differences"].to_string();
    assert!(text.contains("which a clone keeps only when asked to") && !text.contains("as asked"));
    let text = with.json()["plan"]["differences"].to_string();
    assert!(!text.contains("--with-") && text.contains("keeps Secret db"));
    let (bare, full) = (bare.to_string(), full.to_string());
    assert!(bare.contains("shareProcessNamespace"), "{bare}");
    for reference in [
        "secretKeyRef",
        "secretRef",
        "configMapRef",
        "secretName",
        "settings",
    ] {
        assert!(!bare.contains(reference), "{reference} in {bare}");
        assert!(full.contains(reference), "{reference} in {full}");
    }
    for site in [plain, kept] {
        nothing_left(&site).await;
        site.remove().await;
    }
}

#[tokio::test]
async fn a_dry_run_of_every_mode_shows_the_whole_plan_and_writes_nothing() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("sidecar-dry").await;
    let modes: [&[&str]; 3] = [
        &["sidecar", "web", "--dry-run"],
        &["sidecar", "web", "--inert", "--dry-run"],
        &["image", "lab.local/demo:1", "--dry-run"],
    ];
    let mut ids = Vec::new();
    for args in modes {
        let output = run(&site, args).await;
        assert_eq!(output.code, 0, "{output:?}");
        let plan = output.json();
        let objects = plan["objects"].as_array().expect("objects");
        let kinds: Vec<&str> = objects.iter().filter_map(|o| o["kind"].as_str()).collect();
        let expected = [
            "Job",
            "ServiceAccount",
            "Role",
            "Secret",
            "RoleBinding",
            "NetworkPolicy",
            "Pod",
            "NetworkPolicy",
        ];
        assert_eq!(kinds, expected);
        let pod = &objects[6]["spec"];
        assert!(pod["activeDeadlineSeconds"].is_u64(), "{pod}");
        let id = plan["scan_id"].as_str().expect("id").to_owned();
        let own = format!("secure-scan-{id}");
        assert_eq!(plan["rules"][0]["resource_names"], json!([own]));
        let commands = plan["commands"].as_array().expect("commands");
        assert_eq!(commands.len(), 2);
        assert_eq!(commands[0]["argv"][1], "canary");
        let verb = if args.contains(&"--inert") || args[0] == "image" {
            "root"
        } else {
            "collect"
        };
        assert_eq!(commands[1]["argv"][1], verb);
        ids.push(id);
    }
    nothing_left(&site).await;
    if let Some(log) = apiserver_log() {
        let log = std::fs::read_to_string(log).expect("audit log");
        assert!(log.contains(&site.namespace), "it sees this namespace");
        for id in ids {
            assert!(!log.contains(&id), "something of {id} reached the server");
        }
    }
    site.remove().await;
}

#[tokio::test]
async fn the_node_and_the_user_are_as_asked() {
    if lab_only() {
        return;
    }
    let (node, root) = tokio::join!(
        TestNamespace::new("sidecar-node"),
        TestNamespace::new("sidecar-root")
    );
    let baseline = TestNamespace::new("sidecar-base").await;
    baseline.enforce("baseline").await;
    let restricted = TestNamespace::new("sidecar-tight").await;
    restricted.enforce("restricted").await;
    let as_root = [
        "image",
        "lab.local/debian:1",
        "--as-root",
        "--fail-on",
        "low",
    ];
    let ((pinned, seen), (rooted, rooted_spec), plain, based, refused) = tokio::join!(
        seen_while(&node, run(&node, &["sidecar", "web", "--same-node"])),
        seen_while(&root, run(&root, &as_root)),
        run(&baseline, &["image", "lab.local/debian:1"]),
        run(&baseline, &as_root),
        run(&restricted, &as_root),
    );
    assert!(pinned.has_findings(COMPLETE), "{pinned:?}");
    let target = pinned.json()["plan"]["target"]["node"].clone();
    assert_eq!(seen["nodeName"], target);
    let terms = &seen["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    let values = &terms["nodeSelectorTerms"][0]["matchFields"][0]["values"];
    assert_eq!(values, &json!([target]), "{seen}");
    let shadow = |output: &ProgramOutput| {
        let report = output.json();
        let results = report["findings"][0]["results"].as_array().cloned();
        let errors = results.unwrap_or_default().into_iter();
        errors.filter(|r| r["status"] == "error").count()
    };
    assert!(rooted.has_findings(COMPLETE), "{rooted:?}");
    assert_eq!(shadow(&rooted), 0, "root reads all: {rooted:?}");
    let probe = &rooted_spec["containers"][0]["securityContext"];
    assert_eq!(probe["runAsUser"], 0);
    assert_eq!(
        probe["capabilities"],
        json!({"add": ["DAC_READ_SEARCH"], "drop": ["ALL"]})
    );
    assert!(
        shadow(&plain) > 0,
        "what was not read is reported: {plain:?}"
    );
    assert!(
        based.json()["plan"]["objects"]
            .to_string()
            .contains("level baseline")
    );
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(refused.err.contains("without --as-root"), "{refused:?}");
    for site in [node, root, baseline, restricted] {
        nothing_left(&site).await;
        site.remove().await;
    }
}

#[tokio::test]
async fn a_privileged_target_is_not_started_again_and_its_image_is_read_on_its_node() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("sidecar-powerful").await;
    let more = json!({"tolerations": [{"key": "only-mine", "operator": "Exists"}]});
    let powerful = json!({"privileged": true});
    site.pod_like(
        "powerful",
        "lab.local/busybox:1",
        "Running",
        &more,
        &powerful,
    )
    .await;
    let clone = run(&site, &["sidecar", "powerful"]).await;
    assert_eq!(clone.code, 3, "{clone:?}");
    assert!(clone.err.contains("privileged") && clone.err.contains("--inert"));
    nothing_left(&site).await;
    let scan = run(&site, &["sidecar", "powerful", "--inert", "--same-node"]);
    let (inert, seen) = seen_while(&site, scan).await;
    assert!(inert.has_findings(IN_PART), "{inert:?}");
    let node = inert.json()["plan"]["target"]["node"].clone();
    assert!(seen["affinity"].to_string().contains(&node.to_string()));
    assert!(seen["tolerations"].to_string().contains("only-mine"));
    nothing_left(&site).await;
    site.remove().await;
}

#[tokio::test]
async fn an_image_that_may_be_an_old_copy_is_reported_and_can_be_held_to_a_digest() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("sidecar-digest").await;
    let image = ["image", "lab.local/busybox:1"];
    let plain = run(&site, &image).await;
    assert!(plain.has_findings(IN_PART), "{plain:?}");
    let report = plain.json();
    let differences = report["plan"]["differences"].to_string();
    assert!(differences.contains("arbitrarily older"), "{differences}");
    assert!(plain.err.contains("--pull always"), "{plain:?}");
    let id = report["plan"]["target"]["image_id"]
        .as_str()
        .unwrap_or_default();
    let id = id.rsplit('@').next().unwrap_or_default();
    let other = format!("sha256:{}", "0".repeat(64));
    let of = |digest| [image[0], image[1], "--expect-digest", digest];
    let (right, wrong) = (of(id), of(&other));
    // No registry has it, and a node takes its time to learn that.
    let fresh = [
        "image",
        "lab.local/busybox:1",
        "--pull",
        "always",
        "--dry-run",
    ];
    let (right, wrong, fresh) =
        tokio::join!(run(&site, &right), run(&site, &wrong), run(&site, &fresh));
    assert!(right.has_findings(IN_PART), "{right:?}");
    assert_eq!(wrong.code, 3, "{wrong:?}");
    assert!(wrong.out.contains("was expected"), "{wrong:?}");
    assert_eq!(fresh.code, 0, "{fresh:?}");
    let objects = fresh.json()["objects"].to_string();
    assert!(objects.contains("\"pullPolicy\":\"Always\""), "{objects}");
    assert!(!fresh.err.contains("--pull always"), "{fresh:?}");
    nothing_left(&site).await;
    site.remove().await;
}

#[tokio::test]
async fn at_level_restricted_a_target_that_is_not_root_is_cloned() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("sidecar-fits").await;
    site.enforce("restricted").await;
    let security = json!({
        "runAsUser": 1500, "runAsGroup": 1600, "runAsNonRoot": true,
        "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    });
    site.pod_like(
        "fits",
        "lab.local/busybox:1",
        "Running",
        &json!({}),
        &security,
    )
    .await;
    let scan = run(&site, &["sidecar", "fits", "--require-isolation"]);
    let (output, seen) = seen_while(&site, scan).await;
    assert!(output.has_findings(IN_PART), "{output:?}");
    for container in ["initContainers", "containers"] {
        for one in seen[container].as_array().expect("containers") {
            assert_eq!(one["securityContext"]["runAsUser"], 1500, "{one}");
            assert_eq!(one["securityContext"]["runAsGroup"], 1600, "{one}");
        }
    }
    let report = output.json();
    let controls = report["controls"].as_array().expect("controls");
    let pod = controls.iter().find(|c| c["id"] == "pod").expect("pod");
    let text = pod["verified"]["evidence"].to_string();
    assert!(
        text.contains(
            "from inside: user 1500:1600, capabilities none, no new privileges, seccomp filter"
        ),
        "{text}"
    );
    nothing_left(&site).await;
    site.remove().await;
}

/// The Role that docs/sidecar.md gives for an operator.
fn documented() -> Role {
    let text = include_str!("../../docs/sidecar.md");
    let block = text.split("```yaml\n").nth(1).expect("a block");
    let block = block.split("```").next().expect("its end");
    serde_saphyr::from_str(block).expect("a Role")
}

#[tokio::test]
async fn the_documented_rights_and_no_more_suffice_for_every_mode() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("sidecar-operator").await;
    let params = PostParams::default();
    let role = documented();
    let name = role.metadata.name.clone().expect("a name");
    let made = site.api::<Role>().create(&params, &role).await;
    made.expect("role");
    let binding = json!({
        "metadata": {"name": "operator"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": site.namespace}],
    });
    let binding = serde_json::from_value(binding).expect("binding");
    let made = site.api::<k8s_openapi::api::rbac::v1::RoleBinding>();
    made.create(&params, &binding).await.expect("binding");
    let may =
        json!({"namespace": site.namespace, "group": "", "resource": "pods", "verb": "create"});
    site.granted("default", may).await;
    let proxy = Proxy::start(0, Fault::None).await;
    let kubeconfig = proxy.kubeconfig(&site.token("default").await);
    let (file, probe) = (kubeconfig.path().to_string_lossy(), probe_image());
    let scan = async |args: &[&str]| -> ProgramOutput {
        let mut all = args.to_vec();
        all.extend(["-n", &site.namespace, "--kubeconfig", &file]);
        all.extend(["--probe-image", &probe, "-o", "json"]);
        program(&all).output().await.expect("starts").into()
    };
    let (clone, inert, image) = tokio::join!(
        scan(&["sidecar", "web", "--require-isolation"]),
        scan(&["sidecar", "web", "--inert", "--require-isolation"]),
        scan(&["image", "lab.local/demo:1", "--require-isolation"]),
    );
    for (output, code) in [(&clone, COMPLETE), (&inert, IN_PART), (&image, IN_PART)] {
        assert!(output.has_findings(code), "{output:?}");
    }
    nothing_left(&site).await;
    site.remove().await;
}

#[tokio::test]
async fn where_the_plugin_does_not_act_nothing_of_the_target_runs_if_isolation_is_required() {
    if lab_only() {
        return;
    }
    let (lenient, strict) = tokio::join!(
        TestNamespace::new("sidecar-off"),
        TestNamespace::new("sidecar-strict")
    );
    let (tolerated, stopped) = tokio::join!(
        unpoliced(&lenient, run(&lenient, &["sidecar", "web"])),
        unpoliced(
            &strict,
            run(&strict, &["sidecar", "web", "--require-isolation"])
        ),
    );
    let (tolerated, _) = tolerated;
    // That its pod lost the label of the scan is an alert in itself.
    assert_eq!(tolerated.code, 4, "{tolerated:?}");
    let report = tolerated.json();
    assert_eq!(report["failure"]["stage"], "open", "{report}");
    assert_eq!(network(&report)["state"], "not_held", "{tolerated:?}");
    let (stopped, started) = stopped;
    assert_eq!(stopped.code, 4, "{stopped:?}");
    let report = stopped.json();
    assert_eq!(report["failure"]["stage"], "verify", "{report}");
    assert_eq!(report["findings"], json!([]));
    assert_eq!(started, Vec::<String>::new(), "containers past the gate");
    for site in [lenient, strict] {
        nothing_left(&site).await;
        site.remove().await;
    }
}

/// Runs a scan whose pod loses the label by which its policy selects it, so that the plugin keeps it from
/// nothing; gives the containers past the gate that were seen to start.
async fn unpoliced(
    site: &TestNamespace,
    scan: impl Future<Output = ProgramOutput>,
) -> (ProgramOutput, Vec<String>) {
    let pods = site.api::<Pod>();
    let mut started = Vec::new();
    let disturb = async {
        loop {
            let all = pods.list(&ListParams::default()).await.expect("pods");
            for pod in all {
                let name = pod.metadata.name.unwrap_or_default();
                if !name.starts_with("secure-scan-") {
                    continue;
                }
                let status = pod.status.unwrap_or_default();
                for one in status.container_statuses.unwrap_or_default() {
                    let state = one.state.unwrap_or_default();
                    if state.running.is_some() || state.terminated.is_some() {
                        started.push(one.name);
                    }
                }
                if pod.metadata.labels.unwrap_or_default().contains_key(LABEL) {
                    unlabel(site, &name).await;
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let output = tokio::select! {
        output = scan => output,
        () = disturb => unreachable!("it never ends"),
    };
    (output, started)
}

/// Takes the label from the scan's pod.
pub(crate) async fn unlabel(site: &TestNamespace, pod: &str) {
    let bare = json!({"metadata": {"labels": {LABEL: null}}});
    let (pods, params) = (site.api::<Pod>(), PatchParams::default());
    let _ = pods.patch(pod, &params, &Patch::Merge(&bare)).await;
}
