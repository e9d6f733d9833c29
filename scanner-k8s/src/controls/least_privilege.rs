//! Least privilege: an identity of this scan alone, which may exec into one pod and nothing else.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use k8s_openapi::api::{
    core::v1::{Secret, ServiceAccount},
    rbac::v1::{Role, RoleBinding},
};
use scanner_core::{
    ControlError, Evidence, Remedy, SecurityControl,
    control::{ControlScope, Phase, ReleaseError, VerifyError},
    plan::{PlannedControl, PlannedRule},
};

use super::rights;
use crate::{plan::manifest, run::scope::ScanScope};

/// Pauses between looks at the rights of the identity, in milliseconds.
const PAUSES: [u64; 24] = [
    5, 10, 20, 40, 80, 150, 300, 500, 500, 500, 500, 500, 500, 500, 500, 500, 500, 500, 500, 500,
    500, 500, 500, 500,
];

pub(super) struct LeastPrivilege {
    pub(super) scope: Arc<ScanScope>,
    /// Whether the identity must be able to do the planned and nothing else; a trial of the guard gives it more.
    pub(super) exactly: bool,
}

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
        let identity = self.scope.identity_namespace();
        let apart = plan.identity_namespace.is_some();
        let (owner, theirs) = (&self.scope.lease_uid()?, &self.scope.identity_lease_uid()?);
        let id = &plan.scan_id;
        // All at once; the Secret too, to which the credential control binds the token.
        let (account, role, secret) = tokio::join!(
            self.scope
                .create::<ServiceAccount>(manifest::service_account(id, identity, theirs, apart)),
            self.scope
                .create::<Role>(manifest::role(id, namespace, owner, &plan.rules)),
            self.scope
                .create::<Secret>(manifest::anchor(id, identity, theirs, apart)),
        );
        let (account, role, secret) = (account?, role?, secret?);
        Ok(Evidence(vec![
            format!("ServiceAccount created (uid {account})"),
            format!("Role created (uid {role})"),
            format!("Secret created (uid {secret})"),
        ]))
    }

    /// The last object that is made, and the first that is deleted: until now the identity may do nothing. Without the
    /// right to `bind`, the server compares the operator's rights with the rules of the Role, which must therefore exist.
    async fn grant(&self, _: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        let owner = self.scope.lease_uid()?;
        let id = &self.scope.plan().scan_id;
        let identity = self.scope.identity_namespace();
        let binding = manifest::role_binding(id, self.scope.namespace(), &owner, identity);
        let binding = self.scope.create::<RoleBinding>(binding).await?;
        Ok(Evidence::of(format!("RoleBinding created (uid {binding})")))
    }

    async fn verify(&self, _: &ControlScope<'_>) -> Result<Evidence, VerifyError> {
        if !self.exactly {
            // Shows that the server accepts the token in another spelling, which later proves its end.
            rights::seen(&self.scope, self.scope.namespace()).await?;
            return Ok(Evidence::of(
                "not compared: the test of the guard gives the identity extra rights and tries them",
            ));
        }
        let planned = &self.scope.plan().rules;
        // The authorizer learns of a new binding a moment after it was written; a busy one takes seconds.
        let mut extra = Vec::new();
        for (nth, pause) in PAUSES.into_iter().enumerate() {
            let asked = self.own_rules();
            // A refusal before the server learns of the binding proves nothing: the call is tried again afterwards.
            let (asked, tried) = if nth == 0 {
                let (asked, tried) = tokio::join!(asked, self.forbidden());
                (asked, Some(tried))
            } else {
                (asked.await, None)
            };
            let (seen, incomplete) = asked?;
            extra = seen
                .iter()
                .filter(|rule| !planned.contains(rule))
                .cloned()
                .collect();
            let complete = planned.iter().all(|rule| seen.contains(rule));
            if complete && extra.is_empty() {
                let planned = self.plan().planned.join("; ");
                return Ok(Evidence(vec![
                    format!("{}: {planned}", listed(incomplete)),
                    match tried {
                        Some(tried) => tried?,
                        None => self.forbidden().await?,
                    },
                ]));
            }
            if !extra.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        let extra: Vec<String> = extra.iter().map(ToString::to_string).collect();
        if extra.is_empty() {
            let message = "the scan identity did not get the planned permissions";
            return Err(ControlError::new(message).into());
        }
        Err(ControlError::new(format!(
            "the scan identity may do more than planned, and not because every account may: {}",
            extra.join("; ")
        ))
        .with_remedy(Remedy::advice(
            "somebody gave rights to this scan's account while it ran; find out who",
        ))
        .into())
    }

    async fn revoke(&self, _: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        Ok(Evidence::of(self.scope.revoke::<RoleBinding>().await?))
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
    /// What the scan identity may do beyond what every account may, in both of its namespaces, and whether the server
    /// calls that incomplete.
    async fn own_rules(&self) -> Result<(Vec<PlannedRule>, bool), ControlError> {
        let scope = &self.scope;
        let (here, there) = (scope.namespace(), scope.identity_namespace());
        let own = |namespace: &str, rules: Vec<PlannedRule>| -> Vec<PlannedRule> {
            let everyone = scope.everyone();
            let rules = rules
                .into_iter()
                .filter(|rule| !everyone.may(namespace, rule));
            rules.collect()
        };
        if here == there {
            let (rules, incomplete) = rights::seen(scope, here).await?;
            return Ok((own(here, rules), incomplete));
        }
        let (first, second) = tokio::join!(rights::seen(scope, here), rights::seen(scope, there));
        let ((first, incomplete), (second, _)) = (first?, second?);
        let mut rules = own(here, first);
        rules.extend(own(there, second));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_the_server_calls_incomplete_is_not_called_all() {
        assert!(listed(true).contains("incomplete") && listed(true).contains("RBAC allows"));
        assert!(!listed(false).contains("incomplete"));
    }
}
