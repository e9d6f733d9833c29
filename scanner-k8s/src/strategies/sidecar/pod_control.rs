//! The life of the scan's own pod as a control: created after its isolation, gone before it.

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Pod;
use scanner_core::{
    ControlError, Evidence, SecurityControl,
    alert::SecurityAlert,
    control::{ControlScope, ReleaseError, VerifyError},
    plan::PlannedControl,
};

use super::{confinement, own::ScanPod};
use crate::strategies::own_pod::{self, Left};

/// Identifier of [`ScanPodControl`].
pub(super) const CONTROL: &str = "pod";

pub(super) struct ScanPodControl(pub(super) Arc<ScanPod>);

#[async_trait]
impl SecurityControl for ScanPodControl {
    fn id(&self) -> &'static str {
        CONTROL
    }

    fn plan(&self) -> PlannedControl {
        let name = self.0.scope.name();
        PlannedControl::new(self.id(), "A pod of the scan's own, held at a barrier").planning(format!("pod {name}: nothing of the image starts before every control is verified")).planning("no service account token, no labels of the target, ends by itself before the lease"
                    )
    }

    fn verifies_access(&self) -> bool {
        true
    }

    async fn verify(&self, scope: &ControlScope<'_>) -> Result<Evidence, VerifyError> {
        let waits = |waited, what| scope.waits(self.id(), waited, what);
        self.0.at_the_barrier(waits).await?;
        let answer = self.0.who().await?;
        let confined = confinement::evaluate(&answer, &self.0.parts.context)?;
        let name = self.0.scope.name();
        let uid = self.0.scope.ledger().uid_of("Pod", &name);
        Ok(Evidence(vec![
            format!(
                "Pod created (uid {}) and read back as planned: containers, volumes, mounts, environment, security \
                 context; no service account token",
                uid.unwrap_or_default()
            ),
            "only the barrier of the pod runs".into(),
            confined,
        ]))
    }

    async fn release(&self, _: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        let ledger = self.0.scope.ledger();
        let released = self.end().await;
        // The lease owns the pod's isolation, which must stay for as long as the pod may run.
        if released.is_err() && ledger.may_exist("Pod") {
            ledger.keep_lease();
        }
        released
    }

    async fn verify_release(&self, _: &ControlScope<'_>) -> Result<Evidence, ReleaseError> {
        let scope = &self.0.scope;
        if !scope.ledger().may_exist("Pod") {
            return Ok(Evidence::of("Pod was never created"));
        }
        let name = scope.name();
        let uid = scope.ledger().uid_of("Pod", &name);
        let is_gone = Evidence(vec![
            scope.unlabelled::<Pod>().await?,
            format!(
                "pod {name} (uid {}) is gone",
                uid.as_deref().unwrap_or("never known")
            ),
        ]);
        let left = own_pod::left(scope, &self.0.watch).await?;
        if left != Left::Pod {
            scope.ledger().note_gone("Pod", &name);
        }
        if let Some(places) = self.0.tampered().await {
            let message =
                format!("somebody changed pod {name} of this scan while it ran: {places}");
            let alert = SecurityAlert::new("scan-pod-changed", message.clone());
            scope.alerts().raise(alert);
            if left == Left::Nothing {
                return Err(ReleaseError::EvidenceInvalid(ControlError::new(message)));
            }
        }
        match left {
            Left::Nothing => Ok(is_gone),
            Left::Another => Ok(Evidence::of("the pod is gone; another took its name")),
            Left::Pod => Err(own_pod::still_there(scope).into()),
        }
    }
}

impl ScanPodControl {
    /// Deletes the pod and waits until it has ended.
    async fn end(&self) -> Result<Evidence, ControlError> {
        let own = &self.0;
        own.give_up_barrier().await;
        let ended = own_pod::end(&own.scope, &own.watch, own.idle()).await?;
        ended.map(Evidence::of).ok_or_else(|| {
            ControlError::new(
                "the scan's pod did not end within 30 s; its isolation stays until the lease ends both",
            )
        })
    }
}
