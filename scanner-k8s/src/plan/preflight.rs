//! Asks the server, before anything is created, whether the operator may do all that a scan needs:
//! someone who may create but not delete would leave things behind.

mod act;

use std::collections::{BTreeMap, BTreeSet};

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
use crate::names::{GUARD_GROUP, GUARD_MARKERS};
use act::{Act, RBAC};

/// What every scan does as the operator in the target's namespace, beside [`of_the_target`].
pub(crate) const HERE: [(&str, &str, &[&str]); 3] = [
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
    /// Whether the list is incomplete: authorizers other than RBAC may not be able to list what they allow.
    incomplete: bool,
    /// Whether the server was asked for each right that a scan needs and that its list does not have.
    asked: bool,
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
        asked: false,
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
    /// The part of `more` that only the trial of the probe's image needs.
    pub(crate) optional: &'a [Need],
    /// What it gives to its identity: the API server lets nobody give what they do not have themselves, unless they may
    /// `escalate` and `bind`.
    pub(crate) rules: &'a [PlannedRule],
}

impl Needed<'_> {
    /// What the operator does in the target's namespace, and in that of the identity where it is another one.
    fn needs(&self) -> (Vec<Need>, Option<Vec<Need>>) {
        let mut here: Vec<Need> = [vec![of_the_target()], HERE.map(need).into()].concat();
        here.extend_from_slice(self.more);
        let identity: Vec<Need> = FOR_THE_IDENTITY.map(need).into();
        if self.identity_namespace.is_some() {
            return (here, Some(identity));
        }
        here.extend(identity);
        (here, None)
    }
}

/// What every scan does with the target itself.
pub(crate) fn of_the_target() -> Need {
    Need::new("", "pods", &["get"]).of_target()
}

/// Asks the server for each thing that is needed and that its list does not have, where it calls the list incomplete.
///
/// # Errors
///
/// Fails when the server does not answer a review.
pub(crate) async fn settle(
    operator: &OperatorClient,
    here: &mut Allowed,
    there: Option<&mut Allowed>,
    needed: &Needed<'_>,
) -> Result<(), CallError> {
    let target = needed.target;
    let (needs, identity) = needed.needs();
    let mut acts = Act::of_needs(&needs, target.pod.as_str());
    acts.extend(Act::of_grants(needed.rules));
    let here = here.settle(operator, target.namespace.as_str(), acts);
    let (Some(there), Some(namespace)) = (there, needed.identity_namespace) else {
        return here.await;
    };
    let acts = Act::of_needs(&identity.unwrap_or_default(), "");
    let there = there.settle(operator, namespace.as_str(), acts);
    tokio::try_join!(here, there).map(|_| ())
}

/// Refuses a scan that would fail midway; `there` is what the operator may do in the identity's namespace.
///
/// # Errors
///
/// Fails when the server says that something is missing; not where it calls its own answer incomplete and was not asked
/// more.
pub(crate) fn require(
    here: &Allowed,
    there: Option<&Allowed>,
    needed: &Needed<'_>,
) -> Result<(), MissingRights> {
    let target = needed.target;
    let (needs, identity) = needed.needs();
    let mut missing = here.missing(&needs, target.pod.as_str());
    missing.extend(here.missing_grants(needed.rules));
    let mut all = BTreeMap::from([(target.namespace.to_string(), missing)]);
    if let (Some(there), Some(namespace)) = (there, needed.identity_namespace) {
        let missing = there.missing(&identity.unwrap_or_default(), "");
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
    /// the server says that its own answer is incomplete and was not asked more.
    fn missing(&self, needs: &[Need], pod: &str) -> Vec<String> {
        if !self.is_complete() {
            return Vec::new();
        }
        let mut missing: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for act in Act::of_needs(needs, pod) {
            if !self.shows(&act) {
                let (group, resource) = (&act.group, &act.resource);
                let dot = if group.is_empty() { "" } else { "." };
                let all = missing
                    .entry(format!("{resource}{dot}{group}"))
                    .or_default();
                if !all.contains(&act.verb) {
                    all.push(act.verb);
                }
            }
        }
        missing
            .into_iter()
            .map(|(resource, mut verbs)| {
                verbs.sort();
                format!("{} on {resource}", verbs.join(", "))
            })
            .collect()
    }

    /// The rights in these rules that the operator does not have. The operator only needs exec to give it to the scan's
    /// identity: whoever may `escalate` and `bind` does not need it.
    pub(crate) fn missing_rules(&self, rules: &[PlannedRule]) -> Vec<String> {
        let (given, own) = given_and_own(rules);
        let mut missing = self.missing(&own, "");
        missing.extend(self.missing_grants(&given));
        missing
    }

    /// Asks the server for each of these rights that its list does not have, where it calls the list incomplete.
    ///
    /// # Errors
    ///
    /// Fails when the server does not answer a review.
    pub(crate) async fn settle_rules(
        &mut self,
        operator: &OperatorClient,
        namespace: &str,
        rules: &[PlannedRule],
    ) -> Result<(), CallError> {
        let (given, own) = given_and_own(rules);
        let mut acts = Act::of_needs(&own, "");
        acts.extend(Act::of_grants(&given));
        self.settle(operator, namespace, acts).await
    }

    /// Asks for each of these that the list does not have, at once.
    async fn settle(
        &mut self,
        operator: &OperatorClient,
        namespace: &str,
        acts: BTreeSet<Act>,
    ) -> Result<(), CallError> {
        if self.is_complete() {
            return Ok(());
        }
        let unseen = acts.into_iter().filter(|act| !self.shows(act));
        let unseen: Vec<Act> = unseen.collect();
        let answers = unseen.iter().map(|act| act.may(operator, namespace));
        let answers = futures_util::future::try_join_all(answers).await?;
        let allowed = unseen.into_iter().zip(answers);
        let allowed = allowed.filter_map(|(act, may)| may.then(|| act.as_rule()));
        self.rules.extend(allowed);
        self.asked = true;
        Ok(())
    }

    /// Whether a right that is not in the list is certainly missing: the server lists all rights of the operator, or was
    /// asked for those that it does not list.
    pub(crate) const fn is_complete(&self) -> bool {
        !self.incomplete || self.asked
    }

    /// Whether a rule allows it.
    fn shows(&self, act: &Act) -> bool {
        let mut rules = self.rules.iter();
        rules.any(|rule| {
            covers(rule, &act.group, &act.resource, &act.verb) && takes(rule, act.name.as_ref())
        })
    }

    /// What the operator cannot give to the identity.
    fn missing_grants(&self, rules: &[PlannedRule]) -> Vec<String> {
        if !self.is_complete()
            || Act::FREE
                .into_iter()
                .all(|verb| self.shows(&Act::on_roles(verb)))
        {
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
        Act::of_rule(rule).iter().all(|act| self.shows(act))
    }
}

/// Splits the rules into those that the scan's identity gets and those that the operator needs.
fn given_and_own(rules: &[PlannedRule]) -> (Vec<PlannedRule>, Vec<Need>) {
    let exec = |rule: &&PlannedRule| rule.resources.iter().any(|r| r == "pods/exec");
    let (given, own): (Vec<&PlannedRule>, Vec<&PlannedRule>) = rules.iter().partition(exec);
    let own = own
        .into_iter()
        .flat_map(|rule| rule.resources.iter().map(move |resource| (rule, resource)))
        .map(|(rule, resource)| {
            let verbs: Vec<&str> = rule.verbs.iter().map(String::as_str).collect();
            let group = rule.api_groups.first().map_or("", String::as_str);
            Need::new(group, resource, &verbs)
        });
    (given.into_iter().cloned().collect(), own.collect())
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
mod tests;
