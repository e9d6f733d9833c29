//! The rights of the scan identity, as the server reports them.

use futures_util::future::join_all;
use k8s_openapi::api::authorization::v1::{NonResourceRule, ResourceAttributes};
use scanner_core::{ControlError, Remedy, escape::visible_ends, plan::PlannedRule};

use crate::{api::call::CallError, run::scope::ScanScope};

/// What Kubernetes' own default roles let every service account do: review itself, and read the
/// cluster's public trust bundles (`system:basic-user`, `system:cluster-trust-bundle-discovery`).
const DEFAULTS: [(&str, &[&str]); 4] = [
    ("selfsubjectaccessreviews", &["create"]),
    ("selfsubjectrulesreviews", &["create"]),
    ("selfsubjectreviews", &["create"]),
    ("clustertrustbundles", &["get", "list", "watch"]),
];

/// Resources of which no right is excused, whoever else has it: what holds credentials.
const NEVER_RESOURCES: [&str; 3] = ["secrets", "oauthaccesstokens", "oauthauthorizetokens"];
/// Subresources that reach other workloads or make a credential: no right to them is excused, in any API group.
const NEVER_PARTS: [&str; 9] = [
    "exec",
    "attach",
    "portforward",
    "proxy",
    "ephemeralcontainers",
    "token",
    "console",
    "vnc",
    "ssh",
];
/// Verbs that only read.
const READING: [&str; 3] = ["get", "list", "watch"];
/// Rights beyond reading that a distribution gives to every account, and that reach nothing of others: API group, resource,
/// verb. `OpenShift` binds these to `system:authenticated` (openshift/origin, `bootstrappolicy`).
const GIVEN_TO_ALL: [(&str, &str, &str); 10] = [
    ("", "builds/docker", "create"),
    ("", "builds/jenkinspipeline", "create"),
    ("", "builds/source", "create"),
    ("", "buildconfigs/webhooks", "create"),
    ("build.openshift.io", "builds/docker", "create"),
    ("build.openshift.io", "builds/jenkinspipeline", "create"),
    ("build.openshift.io", "builds/source", "create"),
    ("build.openshift.io", "buildconfigs/webhooks", "create"),
    // A user's own.
    ("oauth.openshift.io", "useroauthaccesstokens", "delete"),
    // Narrows what the account itself may do.
    (
        "authentication.k8s.io",
        "userextras/scopes.authorization.openshift.io",
        "impersonate",
    ),
];
/// What admits the most restricted pods of `OpenShift`, the only ones that every account may use.
const CONSTRAINTS: [&str; 3] = ["restricted", "restricted-v2", "restricted-v3"];

/// Rights that are asked for one by one if the server calls its list incomplete: verb, API group, resource and subresource.
const DANGEROUS: [(&str, &str, &str, &str); 22] = [
    ("get", "", "secrets", ""),
    ("list", "", "secrets", ""),
    ("watch", "", "secrets", ""),
    ("create", "", "pods", ""),
    ("get", "", "pods", "exec"),
    ("create", "", "pods", "exec"),
    ("get", "", "pods", "attach"),
    ("create", "", "pods", "attach"),
    ("get", "", "pods", "portforward"),
    ("create", "", "pods", "portforward"),
    ("get", "", "pods", "proxy"),
    ("patch", "", "pods", "ephemeralcontainers"),
    ("update", "", "pods", "ephemeralcontainers"),
    ("create", "", "serviceaccounts", "token"),
    ("create", "apps", "deployments", ""),
    ("create", "batch", "jobs", ""),
    ("create", "rbac.authorization.k8s.io", "rolebindings", ""),
    ("bind", "rbac.authorization.k8s.io", "clusterroles", ""),
    ("escalate", "rbac.authorization.k8s.io", "roles", ""),
    ("impersonate", "", "users", ""),
    ("impersonate", "", "groups", ""),
    ("impersonate", "", "serviceaccounts", ""),
];

/// Verbs of a path of the API server that only read.
const READING_PATHS: [&str; 2] = ["get", "head"];
/// Longest right to paths that is shown, in characters: a server lists any number of them.
const MAX_RIGHT: usize = 300;

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
    if let Some(paths) = status.non_resource_rules.iter().find(|rule| changes(rule)) {
        return Err(beyond(paths));
    }
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

/// Whether a right to paths of the API server, such as `/healthz`, is more than to read some of them. Every account reads those of
/// discovery, and a distribution may add others.
fn changes(rule: &NonResourceRule) -> bool {
    let mut paths = rule.non_resource_urls.iter().flatten();
    rule.verbs
        .iter()
        .any(|verb| !READING_PATHS.contains(&verb.as_str()))
        || paths.any(|path| matches!(path.as_str(), "*" | "/*"))
}

fn beyond(rule: &NonResourceRule) -> ControlError {
    let paths = rule
        .non_resource_urls
        .as_deref()
        .unwrap_or_default()
        .join(", ");
    let right = format!("{} {paths}", rule.verbs.join(", "));
    ControlError::new(format!(
        "the scan identity may do more than read some paths of the API server: {}",
        visible_ends(&right, MAX_RIGHT)
    ))
    .with_remedy(Remedy::advice(
        "find out which ClusterRoleBinding gives this right to all accounts, and remove it",
    ))
}

fn is_default(rule: &PlannedRule) -> bool {
    rule.resources.iter().all(|resource| {
        DEFAULTS.iter().any(|(name, verbs)| {
            name == resource && rule.verbs.iter().all(|v| verbs.contains(&v.as_str()))
        })
    })
}

/// Asks for each dangerous right by itself, as the scan identity: an authorizer beside RBAC, such as the webhook of a
/// managed cluster, decides on each and lists none. Returns what it denies, in words; all calls go out at once.
pub(super) async fn denied(scope: &ScanScope, namespace: &str) -> Result<String, ControlError> {
    let review = scope.credential().review()?;
    let asked = DANGEROUS.map(|(verb, group, resource, part)| {
        let asked = ResourceAttributes {
            namespace: Some(namespace.to_owned()),
            verb: Some(verb.to_owned()),
            group: Some(group.to_owned()),
            resource: Some(resource.to_owned()),
            subresource: Some(part.to_owned()).filter(|part| !part.is_empty()),
            ..ResourceAttributes::default()
        };
        review.review_access(asked)
    });
    let answers = join_all(asked).await;
    let mut denied = Vec::new();
    for ((verb, _, resource, part), allowed) in DANGEROUS.into_iter().zip(answers) {
        let slash = if part.is_empty() { "" } else { "/" };
        let right = format!("{verb} {resource}{slash}{part}");
        if allowed.map_err(CallError::of_control)? {
            return Err(ControlError::new(format!(
                "an authorizer beside RBAC lets every account do this in namespace {namespace}, and so could the scan \
                 identity: {right}"
            ))
            .with_remedy(Remedy::advice(
                "find out which authorizer or role gives this right to all service accounts, or scan with an identity in \
                 another namespace",
            )));
        }
        denied.push(right);
    }
    Ok(denied.join(", "))
}

/// Whether a right may be excused because every account has it: it only reads, and neither credentials nor the inside of others;
/// or a distribution gives it to all.
pub(super) fn is_excusable(rule: &PlannedRule) -> bool {
    let wild = |text: &String| text.contains('*');
    let all = rule
        .verbs
        .iter()
        .chain(&rule.resources)
        .chain(&rule.api_groups);
    if all.into_iter().any(wild) || rule.resources.iter().any(|name| is_never(name)) {
        return false;
    }
    if uses_constraints(rule) {
        return true;
    }
    rule.verbs.iter().all(|verb| {
        READING.contains(&verb.as_str())
            || rule.api_groups.iter().all(|group| {
                let mut resources = rule.resources.iter();
                resources.all(|resource| is_given(group, resource, verb))
            })
    })
}

fn is_given(group: &str, resource: &str, verb: &str) -> bool {
    GIVEN_TO_ALL.contains(&(group, resource, verb))
}

fn is_never(resource: &str) -> bool {
    match resource.split_once('/') {
        Some((_, part)) => NEVER_PARTS.contains(&part),
        None => NEVER_RESOURCES.contains(&resource),
    }
}

/// Whether it is the use of a security context constraint that every account of `OpenShift` may use.
fn uses_constraints(rule: &PlannedRule) -> bool {
    rule.verbs == ["use"]
        && rule.api_groups == ["security.openshift.io"]
        && rule.resources == ["securitycontextconstraints"]
        && !rule.resource_names.is_empty()
        && rule
            .resource_names
            .iter()
            .all(|name| CONSTRAINTS.contains(&name.as_str()))
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
    fn paths_of_the_server_may_be_read_and_not_all_of_them() {
        let rule = |verbs: &[&str], paths: &[&str]| NonResourceRule {
            verbs: verbs.iter().map(ToString::to_string).collect(),
            non_resource_urls: Some(paths.iter().map(ToString::to_string).collect()),
        };
        for (verbs, paths, wanted) in [
            (
                &["get"][..],
                &["/healthz", "/apis/*", "/metrics"][..],
                false,
            ),
            (&["get", "head"], &["/version/"], false),
            (&["post"], &["/debug/flags/v"], true),
            (&["*"], &["/healthz"], true),
            (&["get"], &["*"], true),
            (&["get"], &["/healthz", "/*"], true),
        ] {
            let rule = rule(verbs, paths);
            assert_eq!(changes(&rule), wanted, "{rule:?}");
        }
        let path = "/\u{1b}[2J".repeat(1000);
        let message = beyond(&rule(&["*"], &[&path])).to_string();
        assert!(
            !message.contains('\u{1b}') && message.len() < 2000,
            "{message}"
        );
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
        assert!(is_excusable(&PlannedRule::of(
            vec!["security.openshift.io".into()],
            vec!["securitycontextconstraints".into()],
            vec!["restricted-v2".into()],
            vec!["use".into()],
        )));
        assert!(is_excusable(&rule(
            "authentication.k8s.io",
            "userextras/scopes.authorization.openshift.io",
            &["impersonate"]
        )));
        for never in [
            rule("", "secrets", &["get"]),
            rule("", "pods/exec", &["create"]),
            rule("", "pods/ephemeralcontainers", &["patch"]),
            rule("", "pods/*", &["get"]),
            rule("", "*", &["get"]),
            rule("*", "widgets", &["get"]),
            rule("", "configmaps", &["*"]),
            rule("", "configmaps", &["create"]),
            rule("", "services/proxy", &["get"]),
            rule("", "nodes/proxy", &["get"]),
            rule(
                "subresources.kubevirt.io",
                "virtualmachineinstances/console",
                &["get"],
            ),
            rule("oauth.openshift.io", "oauthaccesstokens", &["list"]),
            rule("authorization.openshift.io", "rolebindings", &["create"]),
            rule("apps.openshift.io", "deploymentconfigs", &["patch"]),
            rule("argoproj.io", "workflows", &["create"]),
            rule("build.openshift.io", "builds/custom", &["create"]),
            // Of any constraint.
            rule(
                "security.openshift.io",
                "securitycontextconstraints",
                &["use"],
            ),
            PlannedRule::of(
                vec!["security.openshift.io".into()],
                vec!["securitycontextconstraints".into()],
                vec!["restricted-v2".into(), "privileged".into()],
                vec!["use".into()],
            ),
            // One verb of two, one resource of two.
            rule("build.openshift.io", "builds/source", &["create", "patch"]),
            PlannedRule::of(
                vec![String::new(), "build.openshift.io".into()],
                vec!["builds/source".into(), "builds/custom".into()],
                vec![],
                vec!["create".into()],
            ),
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
