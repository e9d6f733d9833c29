//! Strategy sidecar: the scan's pod is isolated, differs from the target only as reported, and is gone afterwards.

use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::{
    ResourceExt as _,
    api::{DeleteParams, ListParams, PostParams},
};
use scanner_tests::{
    TestNamespace, lab_only,
    program::{COMPLETE, IN_PART, ProgramOutput, program},
};
use serde_json::{Value, json};
use std::time::Duration;

pub(crate) async fn run(site: &TestNamespace, args: &[&str]) -> ProgramOutput {
    let context = std::env::var("SCANNER_E2E_CONTEXT").expect("context");
    let probe = std::env::var("SCANNER_E2E_PROBE").unwrap_or("lab.local/probe:1".into());
    let mut all = args.to_vec();
    all.extend(["-n", &site.namespace, "--context", &context]);
    all.extend(["--probe-image", &probe, "-o", "json"]);
    program(&all).output().await.expect("it starts").into()
}

pub(crate) fn network(report: &Value) -> &Value {
    let controls = report["controls"].as_array().expect("controls");
    let found = controls.iter().find(|c| c["id"] == "network");
    &found.expect("control network")["verified"]
}

pub(crate) async fn nothing_left(site: &TestNamespace) {
    assert_eq!(site.leftovers().await, Vec::<String>::new());
}

#[tokio::test]
async fn every_mode_is_isolated_looks_and_leaves_nothing() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("sidecar").await;
    let (clone, inert, image) = tokio::join!(
        run(&site, &["sidecar", "web", "--require-isolation"]),
        run(&site, &["sidecar", "web", "--inert", "--require-isolation"]),
        run(&site, &["image", "lab.local/demo:1", "--require-isolation"]),
    );
    for (output, code) in [(&clone, COMPLETE), (&inert, IN_PART), (&image, IN_PART)] {
        assert!(output.has_findings(code), "{output:?}");
        let report = output.json();
        assert_eq!(report["agent"]["name"], "probe");
    }
    // The kubelet of the pod's own node answers on the lab, whatever the mode.
    for (output, operator) in [(&clone, 34), (&inert, 33), (&image, 31)] {
        let report = output.json();
        assert_eq!(network(&report)["state"], "done", "{output:?}");
        // ARCHITECTURE.md names each of them. As the scan: more only where the server has not yet
        // learnt of the identity's rights.
        let calls = &report["api_calls"];
        // A pod that takes its time is asked after at the events of its node, every 3 s at most.
        let timings = report["timings"].as_array().expect("timings").iter();
        let waited = timings.filter(|t| t["stage"] == "verify" || t["stage"] == "open");
        let waited: f64 = waited.filter_map(|t| t["seconds"].as_f64()).sum();
        let most = (3..=120).step_by(3).filter(|s| f64::from(*s) <= waited);
        // One that takes more than 10 s to end is asked after once more, deleted again and watched again.
        let operator = operator + 4 + most.count() as u64;
        assert!(calls["operator"].as_u64() <= Some(operator), "{calls}");
        assert!(calls["scan"].as_u64() <= Some(40), "{calls}");
    }
    let id = image.json()["plan"]["target"]["image_id"].clone();
    assert!(
        id.as_str().is_some_and(|id| id.starts_with("sha256:")),
        "{id}"
    );
    assert!(
        clone.json()["plan"]["differences"]
            .to_string()
            .contains("service account token")
    );
    nothing_left(&site).await;
    site.remove().await;
}

#[tokio::test]
async fn at_level_restricted_an_image_is_read_and_a_root_clone_is_refused() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("sidecar-pss").await;
    site.enforce("restricted").await;
    let (clone, inert) = tokio::join!(
        run(&site, &["sidecar", "web"]),
        run(&site, &["sidecar", "web", "--inert"])
    );
    assert_eq!(clone.code, 3, "{clone:?}");
    assert!(clone.err.contains("--inert"), "{clone:?}");
    assert!(inert.has_findings(IN_PART), "{inert:?}");
    nothing_left(&site).await;
    site.remove().await;
}

#[tokio::test]
async fn a_policy_of_others_that_reopens_the_pod_is_seen_and_stops_it_where_isolation_is_required()
{
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("sidecar-open").await;
    let open = json!({
        "metadata": {"name": "open"},
        "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]},
    });
    let open: NetworkPolicy = serde_json::from_value(open).expect("policy");
    let policies = site.api::<NetworkPolicy>();
    policies
        .create(&PostParams::default(), &open)
        .await
        .expect("policy");
    let (reported, stopped) = tokio::join!(
        run(&site, &["sidecar", "web"]),
        run(&site, &["sidecar", "web", "--require-isolation"])
    );
    assert!(reported.has_findings(COMPLETE), "{reported:?}");
    let report = reported.json();
    assert_eq!(network(&report)["state"], "not_held");
    assert!(
        network(&report)["reason"]
            .as_str()
            .is_some_and(|r| r.starts_with("not isolated"))
    );
    assert_eq!(stopped.code, 3, "{stopped:?}");
    let report = stopped.json();
    assert_eq!(report["failure"]["stage"], "verify");
    assert_eq!(report["findings"], json!([]));
    nothing_left(&site).await;
    site.remove().await;
}

/// Deletes the policy that allows egress for a moment, before the plugin can have acted on it.
async fn never_open<T>(site: &TestNamespace, scans: impl Future<Output = T>) -> T {
    let policies = site.api::<NetworkPolicy>();
    let ours = ListParams::default().labels("secure-scan.io/scan");
    let disturb = async {
        loop {
            for policy in policies.list(&ours).await.expect("policies") {
                let name = policy.name_any();
                if name.ends_with("-canary") {
                    let _ = policies.delete(&name, &DeleteParams::default()).await;
                }
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        output = scans => output,
        () = disturb => unreachable!("it never ends"),
    }
}

#[tokio::test]
async fn isolation_that_nothing_shows_is_unknown_and_never_enforced() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("sidecar-unknown").await;
    // A plugin that acts before this test does shows the isolation after all: then it is tried again.
    let (mut was_unknown, mut was_stopped) = (false, false);
    for _ in 0..20 {
        let scans = async {
            tokio::join!(
                run(&site, &["sidecar", "web", "--inert"]),
                run(&site, &["sidecar", "web", "--inert", "--require-isolation"]),
            )
        };
        let (reported, stopped) = never_open(&site, scans).await;
        nothing_left(&site).await;
        let shown = |output: &ProgramOutput| network(&output.json())["state"] == "done";
        if !shown(&reported) {
            assert!(reported.has_findings(IN_PART), "{reported:?}");
            let report = reported.json();
            assert_eq!(network(&report)["state"], "not_held", "{reported:?}");
            let reason = network(&report)["reason"].as_str();
            let is_unknown = reason.is_some_and(|r| r.starts_with("unknown"));
            assert!(is_unknown, "{reported:?}");
            was_unknown = true;
        }
        if !shown(&stopped) {
            assert_eq!(stopped.code, 3, "{stopped:?}");
            assert_eq!(stopped.json()["failure"]["stage"], "verify", "{stopped:?}");
            was_stopped = true;
        }
        if was_unknown && was_stopped {
            site.remove().await;
            return;
        }
    }
    unreachable!("the plugin always acted first");
}
