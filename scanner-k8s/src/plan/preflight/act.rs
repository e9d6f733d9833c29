//! One thing that an operator does, and whether the server lets them.

use std::collections::BTreeSet;

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, ResourceRule, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::api::PostParams;
use scanner_core::plan::{Need, PlannedRule};

use crate::api::{
    call::{CallError, call},
    client::OperatorClient,
};

pub(super) const RBAC: &str = "rbac.authorization.k8s.io";

/// One verb on one resource, of one name or of any.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Act {
    pub(super) group: String,
    pub(super) resource: String,
    pub(super) verb: String,
    /// Without a name, only a rule for all objects allows it.
    pub(super) name: Option<String>,
}

impl Act {
    /// Verbs on roles with which somebody gives what they do not have.
    pub(super) const FREE: [&str; 2] = ["escalate", "bind"];

    /// A verb on all roles.
    pub(super) fn on_roles(verb: &str) -> Self {
        Self {
            group: RBAC.into(),
            resource: "roles".into(),
            verb: verb.into(),
            name: None,
        }
    }

    /// The acts of these needs; those on the target are on `pod`, where one is named.
    pub(super) fn of_needs(needs: &[Need], pod: &str) -> BTreeSet<Self> {
        let each = needs.iter().flat_map(|need| {
            let name = (need.is_of_target() && !pod.is_empty()).then(|| pod.to_owned());
            need.verbs.iter().map(move |verb| Self {
                group: need.group.clone(),
                resource: need.resource.clone(),
                verb: verb.clone(),
                name: name.clone(),
            })
        });
        each.collect()
    }

    /// The rights that the operator must have, or must be free to give, so that the identity can get these rules.
    pub(super) fn of_grants(rules: &[PlannedRule]) -> BTreeSet<Self> {
        let mut all: BTreeSet<Self> = rules.iter().flat_map(Self::of_rule).collect();
        if !all.is_empty() {
            all.extend(Self::FREE.map(Self::on_roles));
        }
        all
    }

    /// All that a rule allows.
    pub(super) fn of_rule(rule: &PlannedRule) -> BTreeSet<Self> {
        let names: Vec<Option<String>> = match rule.resource_names.as_slice() {
            [] => vec![None],
            names => names.iter().cloned().map(Some).collect(),
        };
        let mut all = BTreeSet::new();
        for group in &rule.api_groups {
            for resource in &rule.resources {
                for verb in &rule.verbs {
                    all.extend(names.iter().map(|name| Self {
                        group: group.clone(),
                        resource: resource.clone(),
                        verb: verb.clone(),
                        name: name.clone(),
                    }));
                }
            }
        }
        all
    }

    /// A rule that allows this and nothing else.
    pub(super) fn as_rule(&self) -> ResourceRule {
        ResourceRule {
            api_groups: Some(vec![self.group.clone()]),
            resources: Some(vec![self.resource.clone()]),
            resource_names: self.name.clone().map(|name| vec![name]),
            verbs: vec![self.verb.clone()],
        }
    }

    /// Asks whether the operator may do it in a namespace. One call.
    pub(super) async fn may(
        &self,
        operator: &OperatorClient,
        namespace: &str,
    ) -> Result<bool, CallError> {
        let (resource, sub) = match self.resource.split_once('/') {
            Some((resource, sub)) => (resource, Some(sub.to_owned())),
            None => (self.resource.as_str(), None),
        };
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(ResourceAttributes {
                    namespace: Some(namespace.to_owned()),
                    group: Some(self.group.clone()),
                    resource: Some(resource.to_owned()),
                    subresource: sub,
                    verb: Some(self.verb.clone()),
                    name: self.name.clone(),
                    ..ResourceAttributes::default()
                }),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        };
        let api = operator.everywhere();
        let what = format!(
            "review whether the operator may {} {}",
            self.verb, self.resource
        );
        let answer = call(what, api.create(&PostParams::default(), &review)).await?;
        Ok(answer.status.is_some_and(|status| status.allowed))
    }
}
