//! Identity exclusive: the scan identity lives in another namespace than the target.

use std::sync::Arc;

use async_trait::async_trait;
use scanner_core::{
    Evidence, SecurityControl,
    control::{ControlScope, Phase, VerifyError},
    plan::PlannedControl,
};

use crate::run::scope::ScanScope;

pub(super) struct IdentityExclusive(pub(super) Arc<ScanScope>);

#[async_trait]
impl SecurityControl for IdentityExclusive {
    fn id(&self) -> &'static str {
        "identity-exclusive"
    }

    fn phase(&self) -> Phase {
        Phase::BeforeIdentity
    }

    fn plan(&self) -> PlannedControl {
        let namespace = self.0.identity_namespace();
        PlannedControl::new(self.id(), "The identity lives in a namespace of its own")
            .planning(format!(
                "account, token and a lease of their own in namespace {namespace}; the Role and its binding in the target's"
            ))
            .planning(format!(
                "whoever may create Secrets, pods or tokens in namespace {namespace} could act as the scan identity: keep \
                 it to the operators of scans"
            ))
    }

    async fn verify(&self, _: &ControlScope<'_>) -> Result<Evidence, VerifyError> {
        Ok(Evidence::of(format!(
            "the identity is in namespace {}, the target in namespace {}; who has rights in the former was not examined",
            self.0.identity_namespace(),
            self.0.namespace()
        )))
    }
}
