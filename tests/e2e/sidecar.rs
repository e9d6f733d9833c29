//! Strategy sidecar: what is started is isolated, differs only as told, and is gone afterwards.

use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::PostParams;
use scanner_tests::{
    Site, lab_only,
    program::{Said, program},
};
use serde_json::{Value, json};

pub(crate) async fn run(site: &Site, args: &[&str]) -> Said {
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

pub(crate) async fn nothing_left(site: &Site) {
    assert_eq!(site.leftovers().await, Vec::<String>::new());
}

#[tokio::test]
async fn every_mode_is_isolated_looks_and_leaves_nothing() {
    if lab_only() {
        return;
    }
    let site = Site::new("sidecar").await;
    let (clone, inert, image) = tokio::join!(
        run(&site, &["sidecar", "web", "--require-isolation"]),
        run(&site, &["sidecar", "web", "--inert", "--require-isolation"]),
        run(&site, &["image", "lab.local/demo:1"]),
    );
    for said in [&clone, &inert, &image] {
        assert_eq!(said.code, 1, "{said:?}");
        let report = said.json();
        assert_eq!(report["agent"]["name"], "probe");
    }
    for said in [&clone, &inert] {
        let report = said.json();
        assert_eq!(network(&report)["state"], "done", "{report}");
    }
    // The lab's service address answers nobody, and an image has no node whose kubelet could: what
    // nothing shows is unknown, never enforced.
    let report = image.json();
    let reason = network(&report)["reason"].as_str();
    assert!(reason.is_some_and(|r| r.starts_with("unknown")), "{report}");
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
    let site = Site::new("sidecar-pss").await;
    site.enforce("restricted").await;
    let (clone, inert) = tokio::join!(
        run(&site, &["sidecar", "web"]),
        run(&site, &["sidecar", "web", "--inert"])
    );
    assert_eq!(clone.code, 3, "{clone:?}");
    assert!(clone.err.contains("--inert"), "{clone:?}");
    assert_eq!(inert.code, 1, "{inert:?}");
    nothing_left(&site).await;
    site.remove().await;
}

#[tokio::test]
async fn a_policy_of_others_that_reopens_the_pod_is_seen_and_stops_it_where_isolation_is_required()
{
    if lab_only() {
        return;
    }
    let site = Site::new("sidecar-open").await;
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
    let (told, stopped) = tokio::join!(
        run(&site, &["sidecar", "web"]),
        run(&site, &["sidecar", "web", "--require-isolation"])
    );
    assert_eq!(told.code, 1, "{told:?}");
    let report = told.json();
    assert_eq!(network(&report)["state"], "not_held");
    assert!(
        network(&report)["reason"]
            .as_str()
            .is_some_and(|r| r.starts_with("not enforced"))
    );
    assert_eq!(stopped.code, 3, "{stopped:?}");
    let report = stopped.json();
    assert_eq!(report["failure"]["stage"], "verify");
    assert!(report["findings"].is_null());
    nothing_left(&site).await;
    site.remove().await;
}
