//! What the server says that the scan identity may do.

use scanner_core::{ControlError, plan::PlannedRule};

use crate::{api::call::CallError, run::scope::ScanScope};

/// What Kubernetes' own default roles let every service account do: review itself, and read the
/// cluster's public trust bundles (`system:basic-user`, `system:cluster-trust-bundle-discovery`).
const DEFAULTS: [(&str, &[&str]); 4] = [
    ("selfsubjectaccessreviews", &["create"]),
    ("selfsubjectrulesreviews", &["create"]),
    ("selfsubjectreviews", &["create"]),
    ("clustertrustbundles", &["get", "list", "watch"]),
];

/// Resources of which no right is excused, whoever else has it.
const NEVER_RESOURCES: [&str; 8] = [
    "secrets",
    "pods/exec",
    "pods/attach",
    "pods/portforward",
    "pods/proxy",
    "pods/ephemeralcontainers",
    "serviceaccounts/token",
    "nodes/proxy",
];
/// API groups in which no right to write is excused: who may write pods, workloads or roles may become any account.
const NEVER_WRITTEN: [&str; 6] = [
    "",
    "apps",
    "batch",
    "rbac.authorization.k8s.io",
    "admissionregistration.k8s.io",
    "certificates.k8s.io",
];
/// Verbs that only read.
const READING: [&str; 3] = ["get", "list", "watch"];
/// Verbs that are never excused.
const NEVER_VERBS: [&str; 3] = ["impersonate", "escalate", "bind"];

/// What the server says that the scan identity may do in `namespace`, beyond reviewing itself, and whether it calls
/// that incomplete. One call.
pub(super) async fn seen(
    scope: &ScanScope,
    namespace: &str,
) -> Result<(Vec<PlannedRule>, bool), ControlError> {
    let review = scope.credential().review()?;
    let status = review.review_rules(namespace).await;
    let status = status.map_err(CallError::of_control)?;
    let incomplete = status.incomplete;
    let rules = status.resource_rules.into_iter().map(|rule| {
        let mut verbs = rule.verbs;
        verbs.sort();
        PlannedRule::of(
            rule.api_groups.unwrap_or_default(),
            rule.resources.unwrap_or_default(),
            rule.resource_names.unwrap_or_default(),
            verbs,
        )
    });
    Ok((rules.filter(|rule| !is_default(rule)).collect(), incomplete))
}

fn is_default(rule: &PlannedRule) -> bool {
    rule.resources.iter().all(|resource| {
        DEFAULTS.iter().any(|(name, verbs)| {
            name == resource && rule.verbs.iter().all(|v| verbs.contains(&v.as_str()))
        })
    })
}

/// Whether a right may be excused because every account has it.
pub(super) fn is_excusable(rule: &PlannedRule) -> bool {
    let wild = |text: &String| text.contains('*');
    let all = rule
        .verbs
        .iter()
        .chain(&rule.resources)
        .chain(&rule.api_groups);
    let is_wild = all.into_iter().any(wild);
    let resource = |name: &String| NEVER_RESOURCES.contains(&name.as_str());
    let verb = |name: &String| NEVER_VERBS.contains(&name.as_str());
    let written = rule
        .verbs
        .iter()
        .any(|verb| !READING.contains(&verb.as_str()))
        && rule
            .api_groups
            .iter()
            .any(|group| NEVER_WRITTEN.contains(&group.as_str()));
    !is_wild && !written && !rule.resources.iter().any(resource) && !rule.verbs.iter().any(verb)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::manifest;

    fn rule(group: &str, resource: &str, verbs: &[&str]) -> PlannedRule {
        PlannedRule::of(
            vec![group.into()],
            vec![resource.into()],
            vec![],
            verbs.iter().map(ToString::to_string).collect(),
        )
    }

    #[test]
    fn only_what_kubernetes_gives_to_all_is_a_default() {
        let rule = |resource: &str, verbs: &[&str]| rule("", resource, verbs);
        assert!(is_default(&rule("clustertrustbundles", &["get", "list"])));
        assert!(!is_default(&rule("clustertrustbundles", &["create"])));
        assert!(!is_default(&rule("selfsubjectreviews", &["*"])));
        assert!(!is_default(&rule("secrets", &["get"])));
        assert!(!is_default(&manifest::exec_rule("web")));
    }

    #[test]
    fn what_would_make_an_identity_dangerous_is_never_excused() {
        assert!(is_excusable(&rule(
            "image.openshift.io",
            "imagestreams/layers",
            &["get"]
        )));
        assert!(is_excusable(&rule("", "configmaps", &["get", "list"])));
        assert!(is_excusable(&rule(
            "build.openshift.io",
            "builds/source",
            &["create"]
        )));
        for never in [
            rule("", "secrets", &["get"]),
            rule("", "pods/exec", &["create"]),
            rule("", "pods/ephemeralcontainers", &["patch"]),
            rule("", "pods/*", &["get"]),
            rule("", "*", &["get"]),
            rule("*", "widgets", &["get"]),
            rule("", "configmaps", &["*"]),
            rule("", "users", &["impersonate"]),
            rule("rbac.authorization.k8s.io", "roles", &["bind"]),
            rule("rbac.authorization.k8s.io", "clusterroles", &["escalate"]),
            rule("", "serviceaccounts/token", &["create"]),
            rule("", "pods", &["create"]),
            rule("apps", "deployments", &["patch"]),
            rule("batch", "jobs", &["create"]),
            rule("rbac.authorization.k8s.io", "rolebindings", &["create"]),
            rule(
                "certificates.k8s.io",
                "certificatesigningrequests",
                &["create"],
            ),
        ] {
            assert!(!is_excusable(&never), "{never}");
        }
    }
}
