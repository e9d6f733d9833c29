//! Everyone's rights: before the scan identity gets its own rights, this control asks which rights every account of the
//! cluster has here.
//!
//! Some distributions bind roles to all service accounts of a namespace: `OpenShift` lets `system:serviceaccounts:NS` pull
//! images. The scan cannot take such rights from its identity, and they are not its own.

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::ListParams;
use scanner_core::{
    ControlError, Evidence, Remedy, SecurityControl,
    control::{ControlScope, VerifyError},
    plan::{PlannedControl, PlannedRule},
};

use super::rights;
use crate::{
    api::call::{CallError, call_with_retry},
    run::scope::ScanScope,
};

pub(super) struct EveryonesRights(pub(super) Arc<ScanScope>);

#[async_trait]
impl SecurityControl for EveryonesRights {
    fn id(&self) -> &'static str {
        "everyones-rights"
    }

    fn plan(&self) -> PlannedControl {
        PlannedControl::new(self.id(), "What every account may do here is known")
            .planning("the scan identity asks what it may do before it has any rights of its own")
            .planning(
                "reading is excused and reported, unless it reads credentials or reaches into pods; writing is excused only where a \
                 distribution gives it to all and it reaches nothing of others",
            )
    }

    async fn verify(&self, _: &ControlScope<'_>) -> Result<Evidence, VerifyError> {
        let scope = &self.0;
        let (namespace, identity) = (scope.namespace(), scope.identity_namespace());
        let here = rights::seen(scope, namespace);
        let evidence = if identity == namespace {
            vec![self.excuse(namespace, here.await?).await?]
        } else {
            let (here, there) = tokio::join!(here, rights::seen(scope, identity));
            let here = self.excuse(namespace, here?).await?;
            vec![here, self.excuse(identity, there?).await?]
        };
        Ok(Evidence(evidence))
    }
}

impl EveryonesRights {
    /// Excuses what every account may do in a namespace, and says so.
    async fn excuse(
        &self,
        namespace: &str,
        (rules, is_incomplete): (Vec<PlannedRule>, bool),
    ) -> Result<String, ControlError> {
        let mut asked = String::new();
        if is_incomplete {
            let denied = rights::denied(&self.0, namespace).await?;
            asked = format!(
                "; the server calls its list incomplete, since another authorizer than RBAC does not say what it allows. Asked \
                 for each by itself, it denies: {denied}"
            );
        }
        if rules.is_empty() {
            return Ok(format!(
                "in namespace {namespace} every account has only the default rights of Kubernetes{asked}"
            ));
        }
        let list = |rules: &[&PlannedRule]| {
            let rules: Vec<String> = rules.iter().map(ToString::to_string).collect();
            rules.join("; ")
        };
        let never: Vec<&PlannedRule> = rules.iter().filter(|r| !rights::is_excusable(r)).collect();
        if !never.is_empty() {
            return Err(ControlError::new(format!(
                "every account may do this in namespace {namespace}, and so would the scan identity: {}",
                list(&never)
            ))
            .with_remedy(Remedy::advice(
                "a role is bound to all service accounts or all users; bind it to those who need it, or scan with an \
                 identity in another namespace",
            )));
        }
        self.named_by_nobody(namespace).await?;
        let text = format!(
            "every account may do this in namespace {namespace}, and it is excused: {}{asked}",
            list(&rules.iter().collect::<Vec<_>>())
        );
        self.0.everyone().note(namespace, rules);
        Ok(text)
    }

    /// Rights are excused only where nobody gave them to this account by its name.
    async fn named_by_nobody(&self, namespace: &str) -> Result<(), ControlError> {
        let scope = &self.0;
        let api = scope.segment().operator().api::<RoleBinding>(namespace);
        let params = ListParams::default();
        let all = call_with_retry("list RoleBindings".into(), || api.list(&params)).await;
        let all = all.map_err(CallError::of_control)?.items;
        let (name, user) = (scope.name(), scope.account());
        let ours = |binding: &&RoleBinding| {
            let mut subjects = binding.subjects.iter().flatten();
            subjects.any(|subject| subject.name == name || subject.name == user)
        };
        match all.iter().find(ours) {
            None => Ok(()),
            Some(binding) => Err(ControlError::new(format!(
                "RoleBinding {} gives rights to the scan identity, and this scan did not make it",
                binding.metadata.name.as_deref().unwrap_or_default()
            ))),
        }
    }
}
