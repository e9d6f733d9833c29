//! The forbidden matrix: what a scan identity may not do is tried with its own token, and refused.

use std::sync::Arc;

use scanner_core::target::{PodSelection, TargetRequest};
use scanner_k8s::{PreparedScan, ScanRequest, ScanScope, Strategy, names, plan::manifest};
use scanner_tests::{TestNamespace, by_hand::ByHand, fake::Passes, program::probe_image};

/// Verb, path below the namespace or the root, for what no scan identity may do in any strategy.
/// `{ns}` is the namespace, `{own}` the name of the scan's own objects.
const PAIRS: [(&str, &str); 47] = [
    ("GET", "/api/v1/namespaces/{ns}/pods"),
    ("GET", "/api/v1/namespaces/{ns}/pods/web"),
    ("POST", "/api/v1/namespaces/{ns}/pods"),
    ("PUT", "/api/v1/namespaces/{ns}/pods/web"),
    ("PATCH", "/api/v1/namespaces/{ns}/pods/web"),
    ("DELETE", "/api/v1/namespaces/{ns}/pods/web"),
    ("DELETE", "/api/v1/namespaces/{ns}/pods"),
    ("GET", "/api/v1/namespaces/{ns}/pods/web/log"),
    ("GET", "/api/v1/namespaces/{ns}/pods/web/attach"),
    ("POST", "/api/v1/namespaces/{ns}/pods/web/attach"),
    ("GET", "/api/v1/namespaces/{ns}/pods/web/portforward"),
    ("GET", "/api/v1/namespaces/{ns}/pods/web/proxy/"),
    ("GET", "/api/v1/namespaces/{ns}/pods/other/exec?command=id"),
    ("POST", "/api/v1/namespaces/{ns}/pods/other/exec?command=id"),
    (
        "GET",
        "/api/v1/namespaces/kube-system/pods/web/exec?command=id",
    ),
    (
        "PUT",
        "/api/v1/namespaces/{ns}/pods/web/ephemeralcontainers",
    ),
    (
        "PATCH",
        "/api/v1/namespaces/{ns}/pods/web/ephemeralcontainers",
    ),
    (
        "PATCH",
        "/api/v1/namespaces/{ns}/pods/other/ephemeralcontainers",
    ),
    ("POST", "/api/v1/namespaces/{ns}/pods/web/eviction"),
    ("GET", "/api/v1/namespaces/{ns}/secrets"),
    ("GET", "/api/v1/namespaces/{ns}/secrets/{own}"),
    ("POST", "/api/v1/namespaces/{ns}/secrets"),
    ("DELETE", "/api/v1/namespaces/{ns}/secrets/{own}"),
    ("GET", "/api/v1/namespaces/{ns}/configmaps"),
    ("POST", "/api/v1/namespaces/{ns}/configmaps"),
    ("GET", "/api/v1/namespaces/{ns}/serviceaccounts/{own}"),
    ("POST", "/api/v1/namespaces/{ns}/serviceaccounts"),
    (
        "POST",
        "/api/v1/namespaces/{ns}/serviceaccounts/{own}/token",
    ),
    (
        "POST",
        "/api/v1/namespaces/{ns}/serviceaccounts/default/token",
    ),
    ("GET", "/apis/batch/v1/namespaces/{ns}/jobs/{own}"),
    ("PATCH", "/apis/batch/v1/namespaces/{ns}/jobs/{own}"),
    ("DELETE", "/apis/batch/v1/namespaces/{ns}/jobs/{own}"),
    ("POST", "/apis/batch/v1/namespaces/{ns}/jobs"),
    ("POST", "/apis/apps/v1/namespaces/{ns}/deployments"),
    (
        "GET",
        "/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/roles/{own}",
    ),
    (
        "PATCH",
        "/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/roles/{own}",
    ),
    (
        "POST",
        "/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/rolebindings",
    ),
    (
        "DELETE",
        "/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/rolebindings/{own}",
    ),
    (
        "POST",
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    ),
    (
        "POST",
        "/apis/networking.k8s.io/v1/namespaces/{ns}/networkpolicies",
    ),
    (
        "DELETE",
        "/apis/networking.k8s.io/v1/namespaces/{ns}/networkpolicies",
    ),
    ("GET", "/api/v1/nodes"),
    ("GET", "/api/v1/namespaces"),
    ("DELETE", "/api/v1/namespaces/{ns}"),
    ("GET", "/api/v1/nodes/any/proxy/pods"),
    ("POST", "/apis/authentication.k8s.io/v1/tokenreviews"),
    (
        "POST",
        "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
    ),
];

/// Tries all of it as the identity that a scan with `strategy` plans.
async fn matrix(test: &str, strategy: Strategy) {
    let site = TestNamespace::new(test).await;
    let target = TargetRequest {
        namespace: site.namespace.parse().expect("name"),
        pod: PodSelection::Name("web".parse().expect("name")),
        container: None,
    };
    let mut request = ScanRequest::new(target, Arc::new(Passes));
    request.strategy = strategy;
    request.lease_seconds = 600;
    let prepared = PreparedScan::new(&site.cluster, request).await;
    let plan = prepared.expect("planned").plan().clone();
    assert!(plan.rules.contains(&manifest::exec_rule("web")));
    let own = names::object_name(&plan.scan_id);
    let scope = ScanScope::new(site.cluster.begin(), plan, None);
    let controls = ByHand::new(&scope);
    controls.enforce().await.expect("enforced");
    controls.verify().await.expect("verified");
    let identity = scope.credential().review().expect("an identity");
    let mut wrong = Vec::new();
    for (verb, path) in PAIRS {
        let path = path.replace("{ns}", &site.namespace).replace("{own}", &own);
        let code = identity.try_call(verb, &path, b"{}").await;
        let code = code.expect("an answer");
        if code != 403 {
            wrong.push(format!("{verb} {path}: {code}"));
        }
    }
    // The same way of asking is not refused where it is allowed: only the upgrade of the exec is missing.
    let path = format!(
        "/api/v1/namespaces/{}/pods/web/exec?command=id&stdout=true",
        site.namespace
    );
    let allowed = identity.try_call("GET", &path, b"").await;
    let allowed = allowed.expect("an answer");
    controls.release().await.expect("released");
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(allowed, 400);
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test]
async fn what_the_identity_of_strategy_container_may_not_do_is_refused() {
    matrix("forbidden", Strategy::Container).await;
}

#[tokio::test]
async fn what_the_identity_of_strategy_distroless_may_not_do_is_refused() {
    let image = probe_image();
    matrix(
        "forbidden2",
        Strategy::Distroless {
            image: image.into(),
        },
    )
    .await;
}
