//! A cluster that makes another pod than the scan asked for: what that opens or adds is never passed over.

use k8s_openapi::api::{core::v1::Pod, networking::v1::NetworkPolicy};
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use scanner_tests::program::IN_PART;
use scanner_tests::{TestNamespace, eventually, lab_only};
use serde_json::json;

use crate::{
    lease::{Policy, set},
    sidecar::{network, nothing_left, run},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn labels_that_the_cluster_adds_are_never_taken_for_isolation() {
    if lab_only() {
        return;
    }
    let (open, plain) = tokio::join!(
        TestNamespace::new("sidecar-shop"),
        TestNamespace::new("sidecar-team")
    );
    // No address of the lab is open to it, so that the canary alone would call this enforced.
    let shop = json!({
        "metadata": {"name": "shop"},
        "spec": {"podSelector": {"matchLabels": {"team": "shop"}}, "policyTypes": ["Egress"], "egress": [
            {"to": [{"ipBlock": {"cidr": "203.0.113.0/24"}}]},
        ]},
    });
    let shop: NetworkPolicy = serde_json::from_value(shop).expect("policy");
    let made = open.api::<NetworkPolicy>();
    made.create(&PostParams::default(), &shop)
        .await
        .expect("policy");
    let label = set("/metadata/labels/team", "'shop'");
    let (in_open, in_plain) = tokio::join!(
        Policy::install(&open, "", "pods", &label),
        Policy::install(&plain, "", "pods", &label),
    );
    let args = ["image", "lab.local/busybox:1"];
    let required = ["image", "lab.local/busybox:1", "--require-isolation"];
    let (opened, unknown, stopped) = tokio::join!(
        run(&open, &args),
        run(&plain, &args),
        run(&plain, &required)
    );
    in_open.remove(&open).await;
    in_plain.remove(&plain).await;
    for (output, why) in [
        (
            &opened,
            "not isolated: other NetworkPolicies of the namespace select the pod too and allow traffic: shop (",
        ),
        (
            &unknown,
            "unknown: the pod has labels beside those of the scan (team=shop)",
        ),
    ] {
        assert!(output.has_findings(IN_PART), "{output:?}");
        let report = output.json();
        assert_eq!(network(&report)["state"], "not_held", "{output:?}");
        let reason = network(&report)["reason"].as_str().unwrap_or_default();
        assert!(reason.starts_with(why), "{reason}");
    }
    assert_eq!(stopped.code, 3, "{stopped:?}");
    assert_eq!(stopped.json()["failure"]["stage"], "verify", "{stopped:?}");
    for site in [open, plain] {
        nothing_left(&site).await;
        site.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_the_cluster_adds_to_the_pod_stops_the_scan() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("sidecar-irsa").await;
    let token = "[JSONPatch{op: 'add', path: '/spec/volumes/-', value: {'name': dyn('iam-token'), \
                 'projected': dyn({'sources': [{'serviceAccountToken': {'path': 'token'}}]})}}]";
    let policy = Policy::install(&site, "", "pods", token).await;
    let output = run(&site, &["image", "lab.local/busybox:1"]).await;
    policy.remove(&site).await;
    assert_eq!(output.code, 3, "{output:?}");
    let report = output.json();
    // The operator makes the pod before the scan identity has any rights, and it gets none now.
    assert_eq!(report["failure"]["stage"], "prepare", "{report}");
    let controls = report["controls"].as_array().expect("controls").iter();
    for control in controls {
        assert_eq!(control["granted"]["state"], "not_reached", "{control}");
    }
    let message = report["failure"]["message"].to_string();
    assert!(
        message.contains("volumes[iam-token] was added"),
        "{message}"
    );
    nothing_left(&site).await;
    site.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_changes_the_scans_own_pod_meanwhile_is_an_alert() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("sidecar-swap").await;
    // Without a right to exec: an image may be changed by whoever may patch pods, and the kubelet starts what it names.
    let attack = async {
        let pods = site.api::<Pod>();
        let name = eventually("the scan's pod", async || {
            let all = pods.list_metadata(&ListParams::default()).await.ok()?.items;
            let mut names = all.into_iter().filter_map(|pod| pod.metadata.name);
            names.find(|name| name.starts_with("secure-scan-"))
        })
        .await;
        let pod = pods.get(&name).await.expect("the scan's pod");
        let spec = pod.spec.expect("a specification");
        let container = spec.containers.first().expect("a container").name.clone();
        let swap =
            json!({"spec": {"containers": [{"name": container, "image": "lab.local/demo:1"}]}});
        let params = PatchParams::default();
        let patched = pods.patch(&name, &params, &Patch::Strategic(&swap)).await;
        patched.expect("the attacker may patch pods");
    };
    let (output, ()) = tokio::join!(run(&site, &["image", "lab.local/busybox:1"]), attack);
    assert_eq!(output.code, 4, "{output:?}");
    let report = output.json();
    let alerts = report["alerts"].to_string();
    assert!(
        alerts.contains("scan-pod-changed") && alerts.contains("image"),
        "{alerts}"
    );
    assert_eq!(report["findings"], json!([]), "{report}");
    nothing_left(&site).await;
    site.remove().await;
}
