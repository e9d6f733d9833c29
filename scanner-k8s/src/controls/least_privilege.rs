//! Least privilege: an identity of this scan alone, which may exec into one pod and nothing else.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use k8s_openapi::api::{
    core::v1::ServiceAccount,
    rbac::v1::{Role, RoleBinding},
};
use scanner_core::{
    ControlError, Evidence, Remedy, SecurityControl,
    control::{ControlScope, Phase, ReleaseError, VerifyError},
    plan::{PlannedControl, PlannedRule},
};

use crate::{api::call::CallError, plan::manifest, run::scope::ScanScope};

pub(super) struct LeastPrivilege {
    pub(super) scope: Arc<ScanScope>,
    /// Whether the identity must be able to do the planned and nothing else; a trial of the guard gives it more.
    pub(super) exactly: bool,
}

/// What Kubernetes' own default roles let every service account do: review itself, and read the
/// cluster's public trust bundles (`system:basic-user`, `system:cluster-trust-bundle-discovery`).
const DEFAULTS: [(&str, &[&str]); 4] = [
    ("selfsubjectaccessreviews", &["create"]),
    ("selfsubjectrulesreviews", &["create"]),
    ("selfsubjectreviews", &["create"]),
    ("clustertrustbundles", &["get", "list", "watch"]),
];

#[async_trait]
impl SecurityControl for LeastPrivilege {
    fn id(&self) -> &'static str {
        "least-privilege"
    }

    fn phase(&self) -> Phase {
        Phase::Identity
    }

    fn verifies_access(&self) -> bool {
        true
    }

    fn plan(&self) -> PlannedControl {
        let plan = PlannedControl::new(self.id(), "An identity that may do nothing else");
        let rules = self.scope.plan().rules.iter();
        rules.fold(plan, |plan, rule| plan.planning(rule.to_string()))
    }

    async fn enforce(&self, _: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        let (plan, namespace) = (self.scope.plan(), self.scope.namespace());
        let owner = &self.scope.lease_uid()?;
        let id = &plan.scan_id;
        let (account, role) = tokio::join!(
            self.scope
                .create::<ServiceAccount>(manifest::service_account(id, namespace, owner)),
            self.scope
                .create::<Role>(manifest::role(id, namespace, owner, &plan.rules)),
        );
        let (account, role) = (account?, role?);
        Ok(Evidence(vec![
            format!("ServiceAccount created (uid {account})"),
            format!("Role created (uid {role})"),
        ]))
    }

    /// The last object that is made, and the first that is deleted: until now the identity may do nothing. Whoever may
    /// not `bind` at will is held to the rules of a Role that must be there.
    async fn grant(&self, _: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        let owner = self.scope.lease_uid()?;
        let id = &self.scope.plan().scan_id;
        let binding = manifest::role_binding(id, self.scope.namespace(), &owner);
        let binding = self.scope.create::<RoleBinding>(binding).await?;
        Ok(Evidence::of(format!("RoleBinding created (uid {binding})")))
    }

    async fn verify(&self, _: &ControlScope<'_>) -> Result<Evidence, VerifyError> {
        if !self.exactly {
            return Ok(Evidence::of(
                "not compared: the test of the guard gives the identity extra rights and tries them",
            ));
        }
        // The authorizer learns of a new binding a moment after it was written; a busy one takes seconds.
        let mut extra = Vec::new();
        for pause in (100..).step_by(100).map(|ms| ms.min(500)).take(24) {
            let (seen, incomplete) = self.rules().await?;
            extra = seen
                .iter()
                .filter(|r| !self.scope.plan().rules.contains(r))
                .cloned()
                .collect();
            let complete = self
                .scope
                .plan()
                .rules
                .iter()
                .all(|rule| seen.contains(rule));
            if complete && extra.is_empty() {
                let mut evidence = vec![format!(
                    "{}: {}",
                    listed(incomplete),
                    self.plan().planned.join("; ")
                )];
                evidence.push(self.forbidden().await?);
                return Ok(Evidence(evidence));
            }
            if !extra.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        let extra: Vec<String> = extra.iter().map(ToString::to_string).collect();
        Err(ControlError::new(if extra.is_empty() {
            "the scan identity did not get the planned permissions".to_owned()
        } else {
            format!(
                "the scan identity may do more than planned: {}",
                extra.join("; ")
            )
        })
        .with_remedy(Remedy::advice(
            "a role is bound to all service accounts or all users of the cluster; unbind it",
        ))
        .into())
    }

    async fn revoke(&self, _: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        Ok(Evidence::of(self.scope.delete::<RoleBinding>().await?))
    }

    async fn release(&self, _: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        let (binding, role, account) = tokio::join!(
            self.scope.delete::<RoleBinding>(),
            self.scope.delete::<Role>(),
            self.scope.delete::<ServiceAccount>(),
        );
        Ok(Evidence(vec![binding?, role?, account?]))
    }

    async fn verify_release(&self, _: &ControlScope<'_>) -> Result<Evidence, ReleaseError> {
        let (binding, role, account) = tokio::join!(
            self.scope.gone::<RoleBinding>(),
            self.scope.gone::<Role>(),
            self.scope.gone::<ServiceAccount>(),
        );
        Ok(Evidence(vec![binding?, role?, account?]))
    }
}

impl LeastPrivilege {
    /// What the server says that the scan identity may do, beyond reviewing itself, and whether it calls
    /// that incomplete.
    async fn rules(&self) -> Result<(Vec<PlannedRule>, bool), ControlError> {
        let review = self.scope.credential().review()?;
        let status = review.review_rules(self.scope.namespace()).await;
        let status = status.map_err(CallError::of_control)?;
        self.scope.credential().note_accepted();
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
        let rules = rules.filter(|rule| !is_default(rule)).collect();
        Ok((rules, incomplete))
    }

    /// Really tries what must be refused.
    async fn forbidden(&self) -> Result<String, ControlError> {
        let review = self.scope.credential().review()?;
        let list = review.try_list_secrets(self.scope.namespace()).await;
        match list.err().and_then(|error| error.code()) {
            Some(403) => Ok("tried and refused with 403: list secrets".into()),
            _ => Err(ControlError::new("was not refused: list secrets")),
        }
    }
}

/// How far the server's list goes: it calls itself incomplete where an authorizer beside RBAC, such as a
/// webhook, does not list what it allows (`SubjectRulesReviewStatus`).
fn listed(incomplete: bool) -> &'static str {
    if incomplete {
        "the server calls its list incomplete, since another authorizer than RBAC does not say what it allows; \
         RBAC allows the scan identity exactly"
    } else {
        "the server says that the scan identity may do exactly"
    }
}

fn is_default(rule: &PlannedRule) -> bool {
    rule.resources.iter().all(|resource| {
        DEFAULTS.iter().any(|(name, verbs)| {
            name == resource && rule.verbs.iter().all(|v| verbs.contains(&v.as_str()))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_the_server_calls_incomplete_is_not_called_all() {
        assert!(listed(true).contains("incomplete") && listed(true).contains("RBAC allows"));
        assert!(!listed(false).contains("incomplete"));
    }

    #[test]
    fn only_what_kubernetes_gives_to_all_is_a_default() {
        let rule = |resource: &str, verbs: &[&str]| {
            PlannedRule::of(
                vec![],
                vec![resource.into()],
                vec![],
                verbs.iter().map(ToString::to_string).collect(),
            )
        };
        assert!(is_default(&rule("clustertrustbundles", &["get", "list"])));
        assert!(!is_default(&rule("clustertrustbundles", &["create"])));
        assert!(!is_default(&rule("selfsubjectreviews", &["*"])));
        assert!(!is_default(&rule("secrets", &["get"])));
        assert!(!is_default(&manifest::exec_rule("web")));
    }
}
