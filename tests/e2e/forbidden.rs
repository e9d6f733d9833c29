//! The forbidden matrix: what a scan identity may not do is tried with its own token, and refused.

use std::sync::Arc;

use scanner_core::{
    control::ControlEffect,
    plan::{PlannedCommand, PlannedRule},
};
use scanner_k8s::{
    Session, controls, names,
    plan::{limits, manifest},
};
use scanner_tests::Site;

/// Verb, path below the namespace or the root, for what no scan identity may do in any strategy.
/// `{ns}` is the namespace, `{own}` the name of the scan's own objects.
const PAIRS: [(&str, &str); 46] = [
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

/// More of it for an identity that may not add ephemeral containers.
const CONTAINER: [(&str, &str); 1] = [(
    "PATCH",
    "/api/v1/namespaces/{ns}/pods/web/ephemeralcontainers",
)];

async fn matrix(test: &str, rules: Vec<PlannedRule>, more: &[(&str, &str)]) {
    let site = Site::new(test).await;
    let mut plan = site.session(60).await.plan().clone();
    let command = PlannedCommand {
        container: "web".into(),
        argv: vec!["/bin/sh".into(), "-s".into()],
        stdin: String::new(),
        stdin_bytes: 0,
    };
    plan.rules = rules;
    plan.rules.push(limits::may_run(&plan.target, &command));
    let own = names::object_name(&plan.scan_id);
    let session: Arc<Session> = Session::new(site.cluster.begin(), plan);
    let controls = controls::all(&session);
    for control in &controls {
        control.enforce().await.expect("enforced");
    }
    for control in &controls {
        // The lab has no admission guard, which is no failure of the others.
        if let Err(error) = control.verify().await {
            assert_eq!(error.effect, ControlEffect::Absent, "{error:?}");
        }
    }
    let mut wrong = Vec::new();
    for (verb, path) in PAIRS.iter().chain(more) {
        let path = path.replace("{ns}", &site.namespace).replace("{own}", &own);
        let code = session
            .try_call(verb, &path, b"{}")
            .await
            .expect("an answer");
        if code != 403 {
            wrong.push(format!("{verb} {path}: {code}"));
        }
    }
    // The same way of asking is not refused where it is allowed: the exec only lacks its upgrade.
    let path = format!(
        "/api/v1/namespaces/{}/pods/web/exec?command=id&stdout=true",
        site.namespace
    );
    let allowed = session
        .try_call("GET", &path, b"")
        .await
        .expect("an answer");
    for control in controls.iter().rev() {
        control.release().await.expect("released");
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(allowed, 400);
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}

#[tokio::test]
async fn what_the_identity_of_strategy_container_may_not_do_is_refused() {
    matrix("forbidden", vec![manifest::exec_rule("web")], &CONTAINER).await;
}

#[tokio::test]
async fn what_the_identity_of_strategy_distroless_may_not_do_is_refused() {
    let rules = scanner_k8s::strategies::probe_command::rules("web");
    matrix("forbidden2", rules, &[]).await;
}
