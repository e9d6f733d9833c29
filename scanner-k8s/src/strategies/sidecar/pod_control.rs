//! The life of the scan's own pod as a control: created after its isolation, gone before it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Pod;
use scanner_core::{
    ControlError, Evidence, Remedy, SecurityControl,
    alert::SecurityAlert,
    control::{ControlScope, ReleaseError, VerifyError},
    plan::PlannedControl,
};

use super::{
    confinement,
    own::{Left, ScanPod},
};

/// How long a node may take to end a pod, and how long in all where something of it runs.
const NODE: Duration = Duration::from_secs(10);
const SLOW: Duration = Duration::from_secs(20);

pub(super) struct ScanPodControl(pub(super) Arc<ScanPod>);

#[async_trait]
impl SecurityControl for ScanPodControl {
    fn id(&self) -> &'static str {
        "pod"
    }

    fn plan(&self) -> PlannedControl {
        let name = self.0.scope.name();
        PlannedControl::new(self.id(), "A pod of the scan's own, held at a barrier").planning(format!("pod {name}: nothing of the image starts before every control is verified")).planning("no service account token, no labels of the target, ends by itself before the lease"
                    )
    }

    fn verifies_access(&self) -> bool {
        true
    }

    async fn verify(&self, _: &ControlScope<'_>) -> Result<Evidence, VerifyError> {
        self.0.at_the_barrier().await?;
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
        // Its isolation is owned by the lease, and must stay for as long as it may run.
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
        let left = self.0.left().await?;
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
            Left::Pod => {
                let remedy = Remedy::CheckObject {
                    resource: "pods".into(),
                    namespace: scope.namespace().to_owned(),
                    name: name.clone(),
                    lease_seconds: scope.plan().lease_seconds,
                };
                Err(ControlError::new(format!("pod {name} still exists"))
                    .with_remedy(remedy)
                    .into())
            }
        }
    }
}

impl ScanPodControl {
    /// Deletes the pod and waits until it has ended.
    async fn end(&self) -> Result<Evidence, ControlError> {
        let own = &self.0;
        own.give_up_barrier().await;
        let deleted = own.scope.delete::<Pod>().await?;
        if !own.scope.ledger().may_exist("Pod") || own.ended(NODE).await {
            return Ok(Evidence::of(deleted));
        }
        // A node that is busy with an image ends nothing before that.
        let deleted = if own.idle().await {
            own.scope.delete_at_once::<Pod>().await?
        } else {
            deleted
        };
        if own.ended(SLOW).await {
            return Ok(Evidence::of(deleted));
        }
        Err(ControlError::new(
            "the scan's pod did not end within 30 s; its isolation stays until the lease ends both",
        ))
    }
}
