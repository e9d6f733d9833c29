//! The life of the scan's own pod as a control: created after its isolation, gone before it.

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use scanner_core::{ControlError, Evidence, SecurityControl, plan::PlannedControl};

use super::{confinement, own::OwnPod};
use crate::{error::call, session::not_held};

pub(super) struct Life(pub(super) Arc<OwnPod>);

#[async_trait]
impl SecurityControl for Life {
    fn id(&self) -> &'static str {
        "pod"
    }

    fn plan(&self) -> PlannedControl {
        let name = self.0.session.name();
        PlannedControl {
            id: self.id().into(),
            title: "A pod of the scan's own, held at a gate".into(),
            planned: vec![
                format!("pod {name}: nothing of the image starts before every control is verified"),
                "no service account token, no labels of the target, ends by itself before the lease"
                    .into(),
            ],
        }
    }

    async fn enforce(&self) -> Result<Evidence, ControlError> {
        let uid = self.0.create().await?;
        Ok(Evidence::of(format!(
            "Pod created (uid {uid}), read back with the planned containers only"
        )))
    }

    async fn verify(&self) -> Result<Evidence, ControlError> {
        self.0.at_the_gate().await?;
        let told = self.0.who().await?;
        let confined = confinement::judge(&told, &self.0.parts.context)?;
        Ok(Evidence(vec![
            "only the gate of the pod runs".into(),
            confined,
        ]))
    }

    async fn release(&self) -> Result<Evidence, ControlError> {
        let deleted = self.0.session.delete::<Pod>().await?;
        if self.0.session.may_exist("Pod") && !self.0.ended().await {
            return Err(not_held("the scan's pod did not end within 30 s"));
        }
        Ok(Evidence::of(deleted))
    }

    async fn verify_release(&self) -> Result<Evidence, ControlError> {
        let session = &self.0.session;
        if !session.may_exist("Pod") {
            return Ok(Evidence::of("Pod was never created"));
        }
        let name = session.name();
        let uid = session.uid_of("Pod", &name);
        let is_gone = Evidence(vec![
            session.gone::<Pod>().await?,
            format!(
                "pod {name} (uid {}) is gone",
                uid.as_deref().unwrap_or("never told")
            ),
        ]);
        // The watch of the pod saw its end.
        if self.0.seen_gone().await {
            return Ok(is_gone);
        }
        let api = session.operator_api::<Pod>();
        match call("get the scan's pod", api.get_metadata(&name)).await {
            Err(error) if error.code() == Some(404) => Ok(is_gone),
            Ok(other) if uid.is_some() && other.uid() != uid => {
                Ok(Evidence::of("the pod is gone; another took its name"))
            }
            Ok(_) => Err(ControlError {
                hint: Some(format!(
                    "the lease removes it; check with: kubectl get pod {name} -n {}",
                    session.namespace()
                )),
                ..not_held(format!("pod {name} still exists"))
            }),
            Err(error) => Err(error.of_control()),
        }
    }
}
