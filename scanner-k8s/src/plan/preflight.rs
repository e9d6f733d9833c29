//! Asks the server, before anything is created, whether the operator may do all that a scan needs:
//! someone who may create but not delete would leave things behind.

use std::collections::BTreeMap;

use k8s_openapi::api::authorization::v1::{
    ResourceRule, SelfSubjectRulesReview, SelfSubjectRulesReviewSpec,
};
use kube::api::PostParams;
use scanner_core::{
    Target,
    plan::{Need, PlannedRule},
    target::Namespace,
};

use crate::api::{
    call::{CallError, call},
    client::OperatorClient,
};
use crate::names::GUARD_GROUP;
use crate::names::GUARD_MARKERS;

const RBAC: &str = "rbac.authorization.k8s.io";

/// What every scan does as the operator in the target's namespace.
pub(crate) const HERE: [(&str, &str, &[&str]); 4] = [
    ("", "pods", &["get"]),
    ("batch", "jobs", &["create", "delete", "list", "watch"]),
    (RBAC, "roles", &["create", "delete", "list"]),
    (RBAC, "rolebindings", &["create", "delete", "list"]),
];
/// What every scan does as the operator in the namespace of its identity.
pub(crate) const FOR_THE_IDENTITY: [(&str, &str, &[&str]); 6] = [
    ("batch", "jobs", &["create", "delete", "list", "watch"]),
    ("", "serviceaccounts", &["create", "delete", "list"]),
    ("", "serviceaccounts/token", &["create"]),
    ("", "secrets", &["create", "delete", "list", "watch"]),
    ("", "pods", &["list", "watch"]),
    (RBAC, "rolebindings", &["list"]),
];

/// The operator may not do all that is needed; nothing was created.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("you may not: {}", self.each().join("; "))]
#[non_exhaustive]
pub struct MissingRights {
    /// The missing rights by namespace, such as `delete on jobs.batch`.
    pub missing: BTreeMap<String, Vec<String>>,
    /// Whether only the trial of the probe's image needs them, which a scan can skip.
    pub for_trial_alone: bool,
}

impl MissingRights {
    /// Each thing that may not be done, with the namespace.
    pub(crate) fn each(&self) -> Vec<String> {
        let all = self.missing.iter();
        all.flat_map(|(namespace, missing)| {
            let missing = missing.iter();
            missing.map(move |what| format!("{what}, in namespace {namespace}"))
        })
        .collect()
    }
}

/// What the server says that the operator may do.
#[derive(Debug, Default)]
pub(crate) struct Allowed {
    rules: Vec<ResourceRule>,
    /// Authorizers other than RBAC may not be able to list what they allow.
    incomplete: bool,
}

impl Allowed {
    /// Whether the operator may give a scan the limits that the admission guard asks for.
    pub(crate) fn limits(&self) -> bool {
        GUARD_MARKERS.iter().all(|(resource, verb)| {
            let mut rules = self.rules.iter();
            rules.any(|rule| covers(rule, GUARD_GROUP, resource, verb))
        })
    }

    /// Whether the operator may do that to any object; `None` when the server does not know.
    pub(crate) fn may(&self, group: &str, resource: &str, verb: &str) -> Option<bool> {
        let may = |rule: &ResourceRule| covers(rule, group, resource, verb) && takes(rule, None);
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

/// What a scan needs of the operator.
pub(crate) struct Needed<'a> {
    /// What is scanned.
    pub(crate) target: &'a Target,
    /// Namespace of the identity, where that is not the target's.
    pub(crate) identity_namespace: Option<&'a Namespace>,
    /// What its strategy and its controls do beside what every scan does.
    pub(crate) more: &'a [Need],
    /// What of that is for the trial of the probe's image alone.
    pub(crate) optional: &'a [Need],
    /// What it gives to its identity: the API server lets nobody give what they do not have themselves, unless they may
    /// `escalate` and `bind`.
    pub(crate) rules: &'a [PlannedRule],
}

/// Refuses a scan that would fail midway; `there` is what the operator may do in the identity's namespace.
///
/// # Errors
///
/// Fails when the server says that something is missing; not where it calls its own answer incomplete.
pub(crate) fn require(
    here: &Allowed,
    there: Option<&Allowed>,
    needed: &Needed<'_>,
) -> Result<(), MissingRights> {
    let target = needed.target;
    let mut needs: Vec<Need> = HERE.map(need).into();
    needs.extend_from_slice(needed.more);
    let identity = FOR_THE_IDENTITY.map(need);
    if there.is_none() {
        needs.extend(identity.clone());
    }
    let mut missing = here.missing(&needs, target.pod.as_str());
    missing.extend(here.missing_grants(needed.rules));
    let mut all = BTreeMap::from([(target.namespace.to_string(), missing)]);
    if let (Some(there), Some(namespace)) = (there, needed.identity_namespace) {
        let missing = there.missing(&identity, "");
        all.entry(namespace.to_string())
            .or_default()
            .extend(missing);
    }
    all.retain(|_, missing| !missing.is_empty());
    if all.is_empty() {
        Ok(())
    } else {
        let optional = !needed.optional.is_empty();
        Err(MissingRights {
            missing: all,
            for_trial_alone: optional && suffices_without(here, there, needed),
        })
    }
}

/// Whether nothing is missing once the optional needs are left out.
fn suffices_without(here: &Allowed, there: Option<&Allowed>, needed: &Needed<'_>) -> bool {
    let mut more = needed.more.to_vec();
    for need in needed.optional {
        if let Some(at) = more.iter().position(|one| one == need) {
            more.remove(at);
        }
    }
    let needed = Needed {
        more: &more,
        optional: &[],
        ..*needed
    };
    require(here, there, &needed).is_ok()
}

pub(crate) fn need((group, resource, verbs): (&str, &str, &[&str])) -> Need {
    Need::new(group, resource, verbs)
}

impl Allowed {
    /// What is needed and the operator may not do, such as `delete on jobs.batch`; empty when all is allowed, or when
    /// the server says that its own answer is incomplete.
    fn missing(&self, needs: &[Need], pod: &str) -> Vec<String> {
        if self.incomplete {
            return Vec::new();
        }
        let mut missing: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for need in needs {
            let (group, resource) = (&need.group, &need.resource);
            for verb in &need.verbs {
                let mut rules = self.rules.iter();
                if !rules.any(|rule| allows(rule, group, resource, verb, pod)) {
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

    /// The rights in these rules that the operator does not have. The operator only needs exec to give it to the scan's
    /// identity: whoever may `escalate` and `bind` does not need it.
    pub(crate) fn missing_rules(&self, rules: &[PlannedRule]) -> Vec<String> {
        let exec = |rule: &&PlannedRule| rule.resources.iter().any(|r| r == "pods/exec");
        let (given, own): (Vec<&PlannedRule>, Vec<&PlannedRule>) = rules.iter().partition(exec);
        let needs: Vec<Need> = own
            .into_iter()
            .flat_map(|rule| rule.resources.iter().map(move |resource| (rule, resource)))
            .map(|(rule, resource)| {
                let verbs: Vec<&str> = rule.verbs.iter().map(String::as_str).collect();
                let group = rule.api_groups.first().map_or("", String::as_str);
                Need::new(group, resource, &verbs)
            })
            .collect();
        let given: Vec<PlannedRule> = given.into_iter().cloned().collect();
        let mut missing = self.missing(&needs, "");
        missing.extend(self.missing_grants(&given));
        missing
    }

    /// Whether the server knows all that the operator may do.
    pub(crate) const fn is_complete(&self) -> bool {
        !self.incomplete
    }

    /// What the operator cannot give to the identity.
    fn missing_grants(&self, rules: &[PlannedRule]) -> Vec<String> {
        let may = |verb: &str| self.may(RBAC, "roles", verb) == Some(true);
        if self.incomplete || may("escalate") && may("bind") {
            return Vec::new();
        }
        let missing = rules.iter().filter(|rule| !self.holds(rule));
        missing
            .map(|rule| {
                format!(
                    "{rule}, which the scan identity needs, and which you can grant only if you have it"
                )
            })
            .collect()
    }

    /// Whether the operator has every right of a rule.
    fn holds(&self, rule: &PlannedRule) -> bool {
        let names: Vec<Option<&String>> = match rule.resource_names.as_slice() {
            [] => vec![None],
            names => names.iter().map(Some).collect(),
        };
        rule.api_groups.iter().all(|group| {
            rule.resources.iter().all(|resource| {
                rule.verbs.iter().all(|verb| {
                    names.iter().all(|name| {
                        let mut rules = self.rules.iter();
                        rules.any(|own| covers(own, group, resource, verb) && takes(own, *name))
                    })
                })
            })
        })
    }
}

/// Verbs on the target's pod, which may be named; a scan's own objects have new names.
const OF_THE_TARGET: [(&str, &str); 3] = [
    ("pods", "get"),
    ("pods", "watch"),
    ("pods/ephemeralcontainers", "patch"),
];

/// A rule for named objects counts only for the target's pod.
fn allows(rule: &ResourceRule, group: &str, resource: &str, verb: &str, pod: &str) -> bool {
    let named = OF_THE_TARGET.contains(&(resource, verb)) && !pod.is_empty();
    let pod = pod.to_owned();
    covers(rule, group, resource, verb) && takes(rule, named.then_some(&pod))
}

/// Whether a rule is about that, whatever the names of its objects.
fn covers(rule: &ResourceRule, group: &str, resource: &str, verb: &str) -> bool {
    let has = |list: Option<&Vec<String>>, wanted: &str| {
        list.is_some_and(|all| all.iter().any(|one| one == "*" || one == wanted))
    };
    let (_, sub) = resource.split_once('/').unwrap_or((resource, ""));
    let of_all = !sub.is_empty() && has(rule.resources.as_ref(), &format!("*/{sub}"));
    has(rule.api_groups.as_ref(), group)
        && (has(rule.resources.as_ref(), resource) || of_all)
        && has(Some(&rule.verbs), verb)
}

/// Whether a rule is about the object of that name, or about all where there is none.
fn takes(rule: &ResourceRule, name: Option<&String>) -> bool {
    let names = rule.resource_names.as_deref().unwrap_or_default();
    names.is_empty() || name.is_some_and(|name| names.contains(name))
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

    fn target() -> Target {
        serde_json::from_value(serde_json::json!({
            "namespace": "shop", "pod": "web", "pod_uid": "1", "container": "app", "container_id": "c",
            "image": "i", "image_id": "j", "restarts": 0, "started_at": "", "node": "n",
        }))
        .unwrap()
    }

    /// Everything that a scan of `web` needs in one namespace, and that its identity gets.
    fn enough() -> Vec<ResourceRule> {
        let all = HERE.iter().chain(&FOR_THE_IDENTITY);
        let mut rules: Vec<ResourceRule> = all
            .map(|(group, resource, verbs)| rule(group, resource, verbs, None))
            .collect();
        rules.push(rule("", "pods/exec", &["create", "get"], Some("web")));
        rules
    }

    fn missing(rules: &[ResourceRule], more: &[Need]) -> Vec<String> {
        let here = Allowed {
            rules: rules.to_vec(),
            incomplete: false,
        };
        let target = target();
        let needed = Needed {
            target: &target,
            identity_namespace: None,
            more,
            optional: &[],
            rules: &[crate::plan::manifest::exec_rule("web")],
        };
        require(&here, None, &needed)
            .err()
            .and_then(|mut e| e.missing.remove("shop"))
            .unwrap_or_default()
    }

    #[test]
    fn an_administrator_may_do_everything() {
        assert!(missing(&[rule("*", "*", &["*"], None)], &[]).is_empty());
        assert!(missing(&enough(), &[]).is_empty());
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
        let mut rules = enough();
        for job in rules
            .iter_mut()
            .filter(|r| r.resources == Some(vec!["jobs".into()]))
        {
            job.verbs = vec!["create".into(), "list".into(), "watch".into()];
        }
        assert_eq!(missing(&rules, &[]), ["delete on jobs.batch"]);
        let mut rules = enough();
        let secrets = rules
            .iter_mut()
            .find(|r| r.resources == Some(vec!["secrets".into()]));
        secrets.unwrap().resource_names = Some(vec!["one".into()]);
        assert_eq!(
            missing(&rules, &[]),
            ["create, delete, list, watch on secrets"]
        );
    }

    #[test]
    fn a_strategy_can_need_more_and_only_the_target_may_be_named() {
        let more = [Need::new("", "pods", &["create"])];
        let mut rules = enough();
        rules[0] = rule("", "pods", &["get", "create"], Some("web"));
        assert!(missing(&rules, &[]).is_empty());
        assert_eq!(missing(&rules, &more), ["create on pods"]);
        rules[0] = rule("", "pods", &["get", "create"], Some("other"));
        assert_eq!(missing(&rules, &[]), ["get on pods"]);
    }

    #[test]
    fn what_the_identity_gets_the_operator_must_have_or_be_free_to_give() {
        let exec = |rules: &mut Vec<ResourceRule>, verbs: &[&str], name: Option<&str>| {
            rules.pop();
            rules.push(rule("", "pods/exec", verbs, name));
        };
        for (verbs, name) in [
            (&["create"][..], None),
            (&["get"], None),
            (&["create", "get"], Some("other")),
        ] {
            let mut rules = enough();
            exec(&mut rules, verbs, name);
            let missing = missing(&rules, &[]);
            assert_eq!(missing.len(), 1, "{verbs:?} {name:?}");
            assert!(missing[0].contains("pods/exec"), "{missing:?}");
        }
        let mut rules = enough();
        exec(&mut rules, &["*"], None);
        assert!(missing(&rules, &[]).is_empty());
        let mut rules = enough();
        rules.pop();
        rules.push(rule("", "*/exec", &["create", "get"], None));
        assert!(missing(&rules, &[]).is_empty());
        rules.pop();
        rules.push(rule(RBAC, "roles", &["escalate"], None));
        assert_eq!(
            missing(&rules, &[]).len(),
            1,
            "the binding would be refused"
        );
        rules.push(rule(RBAC, "roles", &["bind"], None));
        assert!(missing(&rules, &[]).is_empty());
    }

    #[test]
    fn an_identity_apart_needs_its_rights_where_it_lives() {
        let of = |all: &[(&str, &str, &[&str])]| {
            let rules = all.iter();
            let rules = rules.map(|(group, resource, verbs)| rule(group, resource, verbs, None));
            Allowed {
                rules: rules.collect(),
                incomplete: false,
            }
        };
        let (mut here, there) = (of(&HERE), of(&FOR_THE_IDENTITY));
        here.rules
            .push(rule("", "pods/exec", &["create", "get"], None));
        let (target, namespace) = (target(), "scans".parse().unwrap());
        let needed = Needed {
            target: &target,
            identity_namespace: Some(&namespace),
            more: &[],
            optional: &[],
            rules: &[crate::plan::manifest::exec_rule("web")],
        };
        assert_eq!(require(&here, Some(&there), &needed), Ok(()));
        let token = "create on serviceaccounts/token";
        let refused = require(&here, Some(&Allowed::default()), &needed).unwrap_err();
        assert_eq!(refused.missing.keys().collect::<Vec<_>>(), ["scans"]);
        assert!(refused.missing["scans"].contains(&token.into()));
        let neither = require(&Allowed::default(), Some(&Allowed::default()), &needed).unwrap_err();
        let words = neither.to_string();
        for words_of_each in [
            "create, delete, list on roles.rbac.authorization.k8s.io, in namespace shop",
            &format!("{token}, in namespace scans"),
        ] {
            assert!(words.contains(words_of_each), "{words}");
        }
    }
}
