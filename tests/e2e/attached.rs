//! `secure-scan sidecar --attached`: a pod that was deployed with the sidecar.

use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use scanner_tests::{
    TestNamespace, eventually, lab_only,
    program::{ProgramOutput, program},
};
use serde_json::{Value, json};

use crate::inject::{apply, injected};

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

async fn attached(site: &TestNamespace, args: &[&str]) -> ProgramOutput {
    let context = std::env::var("SCANNER_E2E_CONTEXT").expect("context");
    let mut all = vec![
        "sidecar",
        "--attached",
        "-n",
        &site.namespace,
        "--context",
        &context,
    ];
    all.extend(args);
    program(&all).output().await.expect("it starts").into()
}

#[tokio::test]
async fn the_sidecar_answers_and_nothing_is_added() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("attached").await;
    let manifest = injected(POD, &["--user", "65532:65532"]).await;
    // The namespace's default ServiceAccount appears a moment after it; `TestNamespace::new` waited for it.
    apply(&site, &manifest, &[]).await;
    let before = eventually("a running pod", async || {
        let pod = site.api::<Pod>().get("both").await.expect("pod");
        let phase = pod.status.as_ref().and_then(|s| s.phase.as_deref());
        (phase == Some("Running")).then(|| json!(pod.spec))
    })
    .await;
    let (with, without) = tokio::join!(
        attached(&site, &["both", "-o", "json", "--fail-on", "low"]),
        attached(&site, &["web"])
    );
    assert_eq!(with.code, 1, "{with:?}");
    let report = with.json();
    assert_eq!(report["plan"]["target"]["container"], "web");
    assert_eq!(report["agent"]["name"], "probe");
    // Rules on the guard's virtual group give nothing: no server has such a resource.
    let rules = report["plan"]["rules"].as_array().expect("rules");
    let rules: Vec<&Value> = rules
        .iter()
        .filter(|rule| rule["api_groups"] == json!([""]))
        .collect();
    assert_eq!(rules.len(), 1);
    assert_eq!(rules[0]["resources"], json!(["pods/exec"]));
    assert_eq!(rules[0]["resource_names"], json!(["both"]));
    let results = report["findings"][0]["results"]
        .as_array()
        .expect("results");
    let unseen = results.iter().filter(|r| r["status"] == "error").count();
    assert!(
        unseen <= 2,
        "only what a plain user cannot read: {results:?}"
    );
    let after = site.api::<Pod>().get("both").await.expect("pod");
    assert_eq!(json!(after.spec), before, "the pod is as it was");
    assert_eq!(without.code, 3, "{without:?}");
    assert!(without.err.contains("secure-scan inject"), "{without:?}");
    let pods = site.api::<Pod>().list(&ListParams::default()).await;
    assert_eq!(pods.expect("pods").items.len(), 2);
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}
