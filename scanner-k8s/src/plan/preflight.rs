//! Asks the server, before anything is created, whether the operator may do all that a scan needs:
//! someone who may create but not delete would leave things behind.

use std::collections::BTreeMap;

use k8s_openapi::api::authorization::v1::{
    ResourceRule, SelfSubjectRulesReview, SelfSubjectRulesReviewSpec,
};
use kube::api::PostParams;
use scanner_core::plan::Need;

use crate::api::{
    call::{CallError, call},
    client::OperatorClient,
};
use crate::names::GUARD_GROUP;
use crate::names::GUARD_MARKERS;

const RBAC: &str = "rbac.authorization.k8s.io";

/// What every scan does as the operator.
const NEEDED: [(&str, &str, &[&str]); 7] = [
    ("", "pods", &["get"]),
    ("batch", "jobs", &["create", "delete", "list", "watch"]),
    ("", "serviceaccounts", &["create", "delete", "list"]),
    ("", "serviceaccounts/token", &["create"]),
    ("", "secrets", &["create", "delete", "list"]),
    (RBAC, "roles", &["create", "delete", "list"]),
    (RBAC, "rolebindings", &["create", "delete", "list"]),
];

/// The operator may not do all that is needed; nothing was created.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("you may not, in namespace {namespace}: {list}", list = .missing.join("; "))]
#[non_exhaustive]
pub struct MissingRights {
    /// The namespace.
    pub namespace: String,
    /// What may not be done, such as `delete on jobs.batch`.
    pub missing: Vec<String>,
}

/// What the server says that the operator may do.
#[derive(Debug, Default)]
pub(crate) struct Allowed {
    rules: Vec<ResourceRule>,
    /// Authorizers other than RBAC may not be able to list what they allow.
    incomplete: bool,
}

impl Allowed {
    /// What a scan needs, `more` included, and the operator may not do, such as `delete on jobs.batch`;
    /// empty when all is allowed, or when the server says that its own answer is incomplete.
    fn missing(&self, more: &[Need]) -> Vec<String> {
        if self.incomplete {
            return Vec::new();
        }
        missing_rights(&self.rules, more)
    }

    /// The same as an error, where anything is missing.
    pub(crate) fn require(&self, namespace: &str, more: &[Need]) -> Result<(), MissingRights> {
        let missing = self.missing(more);
        if missing.is_empty() {
            return Ok(());
        }
        Err(MissingRights {
            namespace: namespace.to_owned(),
            missing,
        })
    }

    /// Whether the operator may give a scan the limits that the admission guard asks for.
    pub(crate) fn limits(&self) -> bool {
        GUARD_MARKERS.iter().all(|(resource, verb)| {
            let mut rules = self.rules.iter();
            rules.any(|rule| allows(rule, GUARD_GROUP, resource, verb))
        })
    }

    /// Whether the operator may do that to any object; `None` when the server does not know.
    pub(crate) fn may(&self, group: &str, resource: &str, verb: &str) -> Option<bool> {
        let named =
            |rule: &ResourceRule| rule.resource_names.as_ref().is_some_and(|n| !n.is_empty());
        let may = |rule: &ResourceRule| !named(rule) && allows(rule, group, resource, verb);
        let found = self.rules.iter().any(may);
        (found || !self.incomplete).then_some(found)
    }
}

/// Asks what the operator may do. One call.
///
/// # Errors
///
/// Fails when the server does not answer the review.
pub(crate) async fn ask(operator: &OperatorClient, namespace: &str) -> Result<Allowed, CallError> {
    let review = SelfSubjectRulesReview {
        spec: SelfSubjectRulesReviewSpec {
            namespace: Some(namespace.to_owned()),
        },
        ..SelfSubjectRulesReview::default()
    };
    let api = operator.everywhere();
    let answer = call(
        "review what the operator may do",
        api.create(&PostParams::default(), &review),
    )
    .await?;
    let status = answer.status.unwrap_or_default();
    Ok(Allowed {
        rules: status.resource_rules,
        incomplete: status.incomplete,
    })
}

fn missing_rights(rules: &[ResourceRule], more: &[Need]) -> Vec<String> {
    let mut missing: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let needed = NEEDED.map(|(group, resource, verbs)| Need::new(group, resource, verbs));
    for need in needed.iter().chain(more) {
        let (group, resource) = (&need.group, &need.resource);
        for verb in &need.verbs {
            if !rules.iter().any(|rule| allows(rule, group, resource, verb)) {
                let dot = if group.is_empty() { "" } else { "." };
                let all = missing
                    .entry(format!("{resource}{dot}{group}"))
                    .or_default();
                if !all.contains(verb) {
                    all.push(verb.clone());
                }
            }
        }
    }
    missing
        .into_iter()
        .map(|(resource, verbs)| format!("{} on {resource}", verbs.join(", ")))
        .collect()
}

/// Verbs on the target's pod, which may be named; a scan's own objects have new names.
const OF_THE_TARGET: [(&str, &str); 3] = [
    ("pods", "get"),
    ("pods", "watch"),
    ("pods/ephemeralcontainers", "patch"),
];

/// A rule for named objects counts only for the target's pod.
fn allows(rule: &ResourceRule, group: &str, resource: &str, verb: &str) -> bool {
    let has = |list: Option<&Vec<String>>, wanted: &str| {
        list.is_some_and(|all| all.iter().any(|one| one == "*" || one == wanted))
    };
    let named = rule.resource_names.as_ref().is_some_and(|n| !n.is_empty());
    has(rule.api_groups.as_ref(), group)
        && has(rule.resources.as_ref(), resource)
        && has(Some(&rule.verbs), verb)
        && (!named || OF_THE_TARGET.contains(&(resource, verb)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(group: &str, resource: &str, verbs: &[&str], name: Option<&str>) -> ResourceRule {
        ResourceRule {
            api_groups: Some(vec![group.into()]),
            resources: Some(vec![resource.into()]),
            resource_names: name.map(|n| vec![n.into()]),
            verbs: verbs.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn an_administrator_may_do_everything() {
        assert!(missing_rights(&[rule("*", "*", &["*"], None)], &[]).is_empty());
    }

    #[test]
    fn what_a_named_rule_allows_is_not_allowed_for_any_object() {
        let mut allowed = Allowed {
            rules: vec![rule("", "pods", &["list"], Some("one"))],
            incomplete: false,
        };
        assert_eq!(allowed.may("", "pods", "list"), Some(false));
        allowed.incomplete = true;
        assert_eq!(allowed.may("", "pods", "list"), None);
        allowed.rules.push(rule("", "pods", &["*"], None));
        assert_eq!(allowed.may("", "pods", "list"), Some(true));
    }

    #[test]
    fn a_missing_verb_is_named() {
        let mut rules: Vec<ResourceRule> = NEEDED
            .iter()
            .map(|(group, resource, verbs)| rule(group, resource, verbs, None))
            .collect();
        rules[1].verbs = vec!["create".into(), "list".into(), "watch".into()];
        assert_eq!(missing_rights(&rules, &[]), ["delete on jobs.batch"]);
        rules[1].verbs = vec!["*".into()];
        assert!(missing_rights(&rules, &[]).is_empty());
        rules[4].resource_names = Some(vec!["one".into()]);
        assert_eq!(
            missing_rights(&rules, &[]),
            ["create, delete, list on secrets"]
        );
    }

    #[test]
    fn a_strategy_can_need_more_and_a_named_pod_is_only_for_reading() {
        let mut rules: Vec<ResourceRule> = NEEDED
            .iter()
            .map(|(group, resource, verbs)| rule(group, resource, verbs, None))
            .collect();
        rules[0] = rule("", "pods", &["get", "create"], Some("web"));
        let more = [Need::new("", "pods", &["create"])];
        assert!(missing_rights(&rules, &[]).is_empty());
        assert_eq!(missing_rights(&rules, &more), ["create on pods"]);
    }
}
