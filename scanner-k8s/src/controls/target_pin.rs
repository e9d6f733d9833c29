//! Target pin: what was looked at is still the container that was resolved.

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Pod;
use scanner_core::{
    ControlError, Evidence, Remedy, SecurityControl,
    alert::SecurityAlert,
    control::{ControlScope, ReleaseError, VerifyError},
    plan::PlannedControl,
    report::AuditCheck,
};

use crate::{
    api::call::{CallError, CallErrorKind, call_with_retry},
    plan::resolve,
    pod::snapshot::PodSnapshot,
    post_scan,
    run::scope::ScanScope,
};

pub(super) struct TargetPin(pub(super) Arc<ScanScope>);

#[async_trait]
impl SecurityControl for TargetPin {
    fn id(&self) -> &'static str {
        "target-pin"
    }

    fn plan(&self) -> PlannedControl {
        let target = &self.0.plan().target;
        PlannedControl::new(self.id(), "The same container before and after")
            .planning(format!(
                "pod uid {}, container {}, {} restarts",
                target.pod_uid, target.container_id, target.restarts
            ))
            .planning(
                "an ephemeral container that somebody else adds meanwhile is a security alert",
            )
    }

    async fn enforce(&self, _: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        Ok(Evidence::of(format!(
            "pinned pod uid {}",
            self.0.plan().target.pod_uid
        )))
    }

    async fn verify(&self, _: &ControlScope<'_>) -> Result<Evidence, VerifyError> {
        Ok(Evidence::of("compared after the scan"))
    }

    async fn verify_release(&self, _: &ControlScope<'_>) -> Result<Evidence, ReleaseError> {
        let target = &self.0.plan().target;
        let api = self.0.operator_api::<Pod>();
        let now = match call_with_retry("get the target again".into(), || {
            api.get(target.pod.as_str())
        })
        .await
        {
            Ok(pod) => {
                let after = PodSnapshot::of(&pod);
                self.alert_of_strangers(&after);
                self.0.target().note_after(after);
                resolve::target_of(&pod, Some(&target.container)).ok()
            }
            Err(error) if error.kind() == CallErrorKind::NotFound => None,
            Err(error) => {
                return Err(ReleaseError::EvidenceInvalid(CallError::of_control(error)));
            }
        };
        if now.as_ref() == Some(target) {
            return Ok(Evidence::of(
                "same pod uid, container id and restarts after the scan",
            ));
        }
        Err(ReleaseError::EvidenceInvalid(
            ControlError::new("the target was replaced or restarted during the scan")
                .with_remedy(Remedy::advice("scan again when it is stable")),
        ))
    }

    fn post_scan(&self) -> Vec<AuditCheck> {
        post_scan::side_effects(&self.0)
    }
}

impl TargetPin {
    /// An ephemeral container that somebody else added while the scan ran can be stronger than the target and read
    /// everything in the pod, the scan's own probe too. Its entry can never be taken back, so none is missed.
    fn alert_of_strangers(&self, after: &PodSnapshot) {
        let Some(before) = self.0.target().before() else {
            return;
        };
        // The name is known to whoever sees the lease: it is the scan's own only where the server may have taken it from the
        // scan.
        let own = self.0.name();
        let planned = self.0.ledger().probe_may_exist();
        for name in before.added(after).filter(|name| !planned || **name != own) {
            let pod = &self.0.plan().target.pod;
            let message = format!(
                "somebody added ephemeral container {name} to pod {pod} while the scan ran, and this scan did not plan it"
            );
            self.0
                .alerts()
                .raise(SecurityAlert::new("unplanned-container", message));
        }
    }
}
