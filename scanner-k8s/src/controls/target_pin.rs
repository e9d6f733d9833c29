//! Target pin: what was looked at is still the container that was resolved.

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Pod;
use scanner_core::{
    ControlError, Evidence, SecurityControl, control::ControlEffect, plan::PlannedControl,
    report::AuditCheck,
};

use crate::{
    api::call::{CallError, CallErrorKind, call_with_retry},
    plan::resolve,
    pod::snapshot::PodSnapshot,
    post_scan,
    run::session::Session,
};

pub(super) struct TargetPin(pub(super) Arc<Session>);

#[async_trait]
impl SecurityControl for TargetPin {
    fn id(&self) -> &'static str {
        "target-pin"
    }

    fn plan(&self) -> PlannedControl {
        let target = &self.0.plan.target;
        PlannedControl {
            id: self.id().into(),
            title: "The same container before and after".into(),
            planned: vec![format!(
                "pod uid {}, container {}, {} restarts",
                target.pod_uid, target.container_id, target.restarts
            )],
        }
    }

    async fn enforce(&self) -> Result<Evidence, ControlError> {
        Ok(Evidence::of(format!(
            "pinned pod uid {}",
            self.0.plan.target.pod_uid
        )))
    }

    async fn verify(&self) -> Result<Evidence, ControlError> {
        Ok(Evidence::of("compared after the scan"))
    }

    async fn release(&self) -> Result<Evidence, ControlError> {
        Ok(Evidence::none())
    }

    async fn verify_release(&self) -> Result<Evidence, ControlError> {
        let target = &self.0.plan.target;
        let api = self.0.operator_api::<Pod>();
        let now = match call_with_retry("get the target again".into(), || {
            api.get(target.pod.as_str())
        })
        .await
        {
            Ok(pod) => {
                let _ = self.0.after.set(PodSnapshot::of(&pod));
                resolve::target_of(&pod, Some(&target.container)).ok()
            }
            Err(error) if error.kind() == CallErrorKind::NotFound => None,
            Err(error) => {
                return Err(ControlError {
                    effect: ControlEffect::EvidenceInvalid,
                    ..CallError::of_control(error)
                });
            }
        };
        if now.as_ref() == Some(target) {
            return Ok(Evidence::of(
                "same pod uid, container id and restarts after the scan",
            ));
        }
        Err(ControlError {
            message: "the target was replaced or restarted during the scan".into(),
            hint: Some("scan again when it is stable".into()),
            effect: ControlEffect::EvidenceInvalid,
            source: None,
        })
    }

    fn aftermath(&self) -> Vec<AuditCheck> {
        post_scan::side_effects(&self.0)
    }
}
