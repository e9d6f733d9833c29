//! Strategy sidecar in namespaces with rules of their own, and when something does not go well.

use k8s_openapi::api::{
    core::v1::{LimitRange, Pod, ResourceQuota},
    networking::v1::NetworkPolicy,
};
use kube::{
    ResourceExt as _,
    api::{DeleteParams, ListParams, PostParams},
};
use scanner_tests::{
    TestNamespace, eventually,
    fault::{Fault, Proxy},
    lab_only,
    program::{COMPLETE, IN_PART, probe_image, program},
};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::{
    sidecar::{nothing_left, run},
    sidecar_options::unlabel,
};

fn of<K: DeserializeOwned>(value: serde_json::Value) -> K {
    serde_json::from_value(value).expect("a valid object")
}

#[tokio::test]
async fn quota_limits_default_deny_and_pull_secrets_of_the_namespace_are_kept() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("sidecar-rules").await;
    let params = PostParams::default();
    let limits: LimitRange = of(json!({"metadata": {"name": "limits"}, "spec": {"limits": [{
        "type": "Container",
        "default": {"cpu": "200m", "memory": "64Mi"},
        "defaultRequest": {"cpu": "10m", "memory": "16Mi"},
    }]}}));
    let made = site.api::<LimitRange>().create(&params, &limits).await;
    made.expect("limits");
    let deny: NetworkPolicy = of(json!({"metadata": {"name": "deny"}, "spec": {
        "podSelector": {}, "policyTypes": ["Ingress", "Egress"],
    }}));
    let made = site.api::<NetworkPolicy>().create(&params, &deny).await;
    made.expect("policy");
    let pull = json!({"imagePullSecrets": [{"name": "registry"}]});
    site.pod_like(
        "pulled",
        "lab.local/busybox:1",
        "Running",
        &pull,
        &json!({}),
    )
    .await;
    let quota = |cpu: &str| -> ResourceQuota {
        of(json!({"metadata": {"name": "quota"}, "spec": {"hard": {
            "requests.cpu": cpu, "limits.cpu": "4", "requests.memory": "1Gi", "limits.memory": "2Gi",
        }}}))
    };
    let quotas = site.api::<ResourceQuota>();
    quotas.create(&params, &quota("1")).await.expect("quota");
    let (clone, inert) = tokio::join!(
        run(&site, &["sidecar", "pulled"]),
        run(&site, &["sidecar", "pulled", "--inert"])
    );
    for (output, code) in [(&clone, COMPLETE), (&inert, IN_PART)] {
        assert!(output.has_findings(code), "{output:?}");
        let objects = output.json()["plan"]["objects"].to_string();
        assert!(objects.contains("imagePullSecrets"), "{objects}");
    }
    quotas
        .delete("quota", &DeleteParams::default())
        .await
        .expect("deleted");
    quotas.create(&params, &quota("20m")).await.expect("quota");
    eventually("a quota in force", async || {
        let hard = quotas.get("quota").await.ok()?.status?.hard?;
        (hard.get("requests.cpu")?.0 == "20m").then_some(())
    })
    .await;
    let full = run(&site, &["sidecar", "pulled"]).await;
    assert_eq!(full.code, 3, "{full:?}");
    assert!(full.out.contains("ResourceQuota"), "{full:?}");
    nothing_left(&site).await;
    site.remove().await;
}

#[tokio::test]
async fn a_clone_that_ends_and_an_image_that_cannot_be_pulled_are_reported_soon() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("sidecar-trouble").await;
    // It runs only where it finds what its clone does not get.
    let needy = json!({
        "volumes": [{"name": "host", "hostPath": {"path": "/etc"}}],
        "containers": [{
            "name": "web", "image": "lab.local/busybox:1", "imagePullPolicy": "IfNotPresent",
            "command": ["sh", "-c", "test -d /host && exec sleep 600"],
            "volumeMounts": [{"name": "host", "mountPath": "/host"}],
        }],
    });
    site.pod_like("needy", "", "Running", &needy, &json!({}))
        .await;
    let (ended, absent) = tokio::join!(
        run(&site, &["sidecar", "needy", "--lease", "120"]),
        run(&site, &["image", "localhost:1/absent:1", "--lease", "120"]),
    );
    for output in [&ended, &absent] {
        // Neither a pod nor its policy is left, which the exit code below would otherwise show.
        assert_eq!(output.json()["post_scan"]["verified"], true, "{output:?}");
    }
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(
        ended.out.contains("ended right after its start"),
        "{ended:?}"
    );
    assert!(ended.out.contains("--inert"), "{ended:?}");
    assert_eq!(absent.code, 3, "{absent:?}");
    assert!(absent.out.contains("can pull the image"), "{absent:?}");
    assert!(absent.out.contains("connection refused"), "{absent:?}");
    // The events of the node report it at once, or the pod's status, if it is the first to.
    let soon = ["the node reports: ", "ImagePullBackOff", "ErrImagePull"];
    assert!(soon.iter().any(|w| absent.out.contains(w)), "{absent:?}");
    nothing_left(&site).await;
    site.remove().await;
}

#[tokio::test]
async fn isolation_that_is_taken_away_during_the_scan_makes_it_fail() {
    if lab_only() {
        return;
    }
    let (policy, label) = tokio::join!(
        TestNamespace::new("sidecar-removed"),
        TestNamespace::new("sidecar-label")
    );
    let (removed, relabelled) = tokio::join!(
        async { tokio::join!(run(&policy, &["sidecar", "web"]), undo(&policy, false)).0 },
        async { tokio::join!(run(&label, &["sidecar", "web"]), undo(&label, true)).0 },
    );
    for (output, code, why) in [
        (&removed, 3, "removed by someone else"),
        (&relabelled, 4, "labels by which policies select"),
    ] {
        assert_eq!(output.code, code, "{output:?}");
        assert!(output.out.contains(why), "{output:?}");
        assert_eq!(output.json()["findings"], json!([]));
    }
    for site in [policy, label] {
        nothing_left(&site).await;
        site.remove().await;
    }
}

/// Once the pod is past its gate, takes its label from it, or removes its policy.
async fn undo(site: &TestNamespace, label: bool) {
    let ours = ListParams::default().labels("secure-scan.io/scan");
    let (pods, policies) = (site.api::<Pod>(), site.api::<NetworkPolicy>());
    let pod = eventually("a running pod of the scan", async || {
        let all = pods.list(&ours).await.expect("pods");
        all.into_iter().find(|pod| {
            let phase = pod.status.as_ref().and_then(|s| s.phase.as_deref());
            phase == Some("Running")
        })
    })
    .await;
    if label {
        return unlabel(site, &pod.name_any()).await;
    }
    for policy in policies.list(&ours).await.expect("policies") {
        let (name, now) = (policy.name_any(), DeleteParams::default());
        policies.delete(&name, &now).await.expect("deleted");
    }
}

#[tokio::test]
async fn a_right_that_the_operator_does_not_have_is_named_before_anything_is_created() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("sidecar-rights").await;
    let rules = [
        ("", "*", "*"),
        ("batch", "*", "*"),
        ("rbac.authorization.k8s.io", "*", "*"),
        ("networking.k8s.io", "networkpolicies", "create"),
        ("networking.k8s.io", "networkpolicies", "list"),
    ];
    site.allow("default", &rules).await;
    let proxy = Proxy::start(0, Fault::None).await;
    let kubeconfig = proxy.kubeconfig(&site.token("default").await);
    let (file, probe) = (kubeconfig.path().to_string_lossy(), probe_image());
    let args = [
        "sidecar",
        "web",
        "-n",
        &site.namespace,
        "--kubeconfig",
        &file,
    ];
    let mut all = args.to_vec();
    all.extend(["--probe-image", &probe, "-o", "json"]);
    let output: scanner_tests::program::ProgramOutput =
        program(&all).output().await.expect("starts").into();
    assert_eq!(output.code, 3, "{output:?}");
    let text = format!("{}{}", output.out, output.err);
    assert!(
        text.contains("networkpolicies") && text.contains("delete"),
        "{text}"
    );
    nothing_left(&site).await;
    site.remove().await;
}
