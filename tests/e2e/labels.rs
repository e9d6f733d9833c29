//! A cluster whose admission demands a label of everything: a scan gives it to all that it makes, and is a scan as any other.

use std::time::Duration;

use k8s_openapi::api::{
    admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding},
    core::v1::{Pod, ServiceAccount},
};
use kube::{
    Api,
    api::{DeleteParams, ListParams, PostParams},
};
use scanner_tests::{TestNamespace, eventually, lab_only, program::COMPLETE};
use serde_json::{Value, json};

use crate::sidecar::{nothing_left, run};

/// Refuses what has no label `team`, or pods of a template that have none, in this namespace alone.
async fn demand(site: &TestNamespace) {
    let name = site.namespace.as_str();
    let rule = |group: &str, resources: &[&str]| json!({"apiGroups": [group], "apiVersions": ["*"], "operations": ["CREATE"], "resources": resources});
    let has = |metadata: &str| {
        format!(
            "has({metadata}.labels) && 'team' in {metadata}.labels && has({metadata}.annotations) \
             && 'example.com/why' in {metadata}.annotations"
        )
    };
    let own = has("object.metadata");
    let pods = format!(
        "object.kind != 'Job' || has(object.spec.template.metadata) && {}",
        has("object.spec.template.metadata")
    );
    let policy = json!({
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [
                rule("", &["pods", "serviceaccounts", "secrets"]),
                rule("batch", &["jobs"]),
                rule("rbac.authorization.k8s.io", &["roles", "rolebindings"]),
                rule("networking.k8s.io", &["networkpolicies"]),
            ]},
            "validations": [
                {"expression": own, "message": "label team is required, see https://wiki.example.com/labels"},
                {"expression": pods, "message": "label team is required on pods of a Job"},
            ],
        },
    });
    let binding = json!({
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"], "matchResources": {"namespaceSelector": {
            "matchLabels": {"kubernetes.io/metadata.name": name}}}},
    });
    let policies = Api::<ValidatingAdmissionPolicy>::all(site.client.clone());
    let policy = serde_json::from_value(policy).expect("a policy");
    let post = PostParams::default();
    policies.create(&post, &policy).await.expect("policy");
    let bindings = Api::<ValidatingAdmissionPolicyBinding>::all(site.client.clone());
    let binding = serde_json::from_value(binding).expect("a binding");
    bindings.create(&post, &binding).await.expect("binding");
    let dry = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let account: ServiceAccount =
        serde_json::from_value(json!({"metadata": {"name": "try"}})).expect("an account");
    eventually("the policy in force", async || {
        let refused = site.api::<ServiceAccount>().create(&dry, &account).await;
        refused
            .is_err_and(|error| error.to_string().contains("label team"))
            .then_some(())
    })
    .await;
}

async fn demand_no_more(site: &TestNamespace) {
    let (name, params) = (site.namespace.as_str(), DeleteParams::default());
    let bindings = Api::<ValidatingAdmissionPolicyBinding>::all(site.client.clone());
    bindings.delete(name, &params).await.expect("binding");
    let policies = Api::<ValidatingAdmissionPolicy>::all(site.client.clone());
    policies.delete(name, &params).await.expect("policy");
}

/// How often the scan's own pod was seen running, and how often ready, until this is dropped.
async fn watch_pods(site: &TestNamespace, seen: &mut (u32, u32)) {
    let params = ListParams::default().labels("secure-scan.io/scan");
    loop {
        let pods = site.api::<Pod>().list(&params).await.expect("list");
        for status in pods.items.into_iter().filter_map(|pod| pod.status) {
            let running = |c: &k8s_openapi::api::core::v1::ContainerStatus| {
                c.state.as_ref().is_some_and(|s| s.running.is_some())
            };
            seen.0 += u32::from(status.container_statuses.iter().flatten().any(running));
            let mut conditions = status.conditions.into_iter().flatten();
            let ready = conditions.any(|c| c.type_ == "Ready" && c.status == "True");
            seen.1 += u32::from(ready);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_label_that_the_cluster_demands_is_on_everything_that_a_scan_makes() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("labels").await;
    demand(&site).await;
    let given = [
        "--label",
        "team=shop",
        "--annotation",
        "example.com/why=SEC-1: a scan",
    ];
    let with = |args: &[&'static str]| [args, &given[..]].concat();
    let without = site.run(&["web", "-o", "json"]).await;
    let plan = site.run(&with(&["web", "--dry-run"])).await;
    let container = site.run(&with(&["web", "-o", "json", "-p", "sbom"])).await;
    let args = with(&["sidecar", "web"]);
    let held = with(&["sidecar", "web", "--require-isolation"]);
    let mut seen = (0, 0);
    let clone = tokio::select! {
        () = watch_pods(&site, &mut seen) => unreachable!("it watches for ever"),
        clone = run(&site, &args) => clone,
    };
    let inert = run(&site, &with(&["sidecar", "web", "--inert", "-p", "sbom"])).await;
    let held = run(&site, &held).await;
    demand_no_more(&site).await;
    assert_eq!(without.code, 3, "{without:?}");
    let failure = &without.json()["failure"];
    for (part, words) in [
        ("message", "label team is required"),
        ("hint", "--label KEY=VALUE"),
    ] {
        let text = failure[part].as_str().unwrap_or_default();
        assert!(text.contains(words), "{words}: {without:?}");
    }
    assert_eq!(plan.code, 0, "{plan:?}");
    assert!(
        plan.out.contains("each with the labels team=shop"),
        "{plan:?}"
    );
    assert!(clone.has_findings(COMPLETE), "{clone:?}");
    for output in [&container, &clone, &inert] {
        let report: Value = output.json();
        assert!(report["failure"].is_null(), "{output:?}");
        assert_eq!(report["post_scan"]["verified"], true, "{output:?}");
        let labels = &report["plan"]["object_metadata"]["labels"];
        assert_eq!(*labels, json!({"team": "shop"}));
    }
    // Policies of kinds that are not read may select by the label.
    assert!(
        clone
            .out
            .contains("labels beside those of the scan (team=shop)"),
        "{clone:?}"
    );
    assert_ne!(held.code, 0, "{held:?}");
    assert_eq!(held.json()["findings"], json!([]), "{held:?}");
    assert!(seen.0 > 0, "the clone ran");
    assert_eq!(seen.1, 0, "a pod with labels of others is never ready");
    for wrong in ["secure-scan.io/scan=x", "team", "team=a b"] {
        let output = site.run(&["web", "--label", wrong]).await;
        assert_eq!(output.code, 2, "{wrong}: {output:?}");
    }
    nothing_left(&site).await;
    site.remove().await;
}
