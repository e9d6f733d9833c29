//! The life of the scan's own pod as a control: created after its isolation, gone before it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Pod;
use scanner_core::{ControlError, Evidence, SecurityControl, plan::PlannedControl};

use super::{
    confinement,
    own::{Left, OwnPod},
};
use crate::run::session::not_held;

/// How long a node may take to end a pod, and how long in all where something of it runs.
const NODE: Duration = Duration::from_secs(10);
const SLOW: Duration = Duration::from_secs(20);

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
            "Pod created (uid {uid}) and read back as planned: containers, volumes, mounts, environment, \
             security context; no service account token"
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
        let own = &self.0;
        let deleted = own.session.delete::<Pod>().await?;
        if !own.session.may_exist("Pod") || own.ended(NODE).await {
            return Ok(Evidence::of(deleted));
        }
        // A node that is busy with an image ends nothing before that.
        let deleted = if own.idle().await {
            own.session.delete_at_once::<Pod>().await?
        } else {
            deleted
        };
        if own.ended(SLOW).await {
            return Ok(Evidence::of(deleted));
        }
        // Its isolation is owned by the lease, and must stay for as long as it may run.
        own.session.keep_lease();
        Err(not_held(
            "the scan's pod did not end within 30 s; its isolation stays until the lease ends both",
        ))
    }

    async fn verify_release(&self) -> Result<Evidence, ControlError> {
        let session = &self.0.session;
        if !session.may_exist("Pod") {
            return Ok(Evidence::of("Pod was never created"));
        }
        let name = session.name();
        let uid = session.uid_of("Pod", &name);
        let is_gone = Evidence(vec![
            session.unlabelled::<Pod>().await?,
            format!(
                "pod {name} (uid {}) is gone",
                uid.as_deref().unwrap_or("never told")
            ),
        ]);
        let left = self.0.left().await?;
        if left != Left::Pod {
            session.shown().note_gone("Pod", &name);
        }
        match left {
            Left::Nothing => Ok(is_gone),
            Left::Another => Ok(Evidence::of("the pod is gone; another took its name")),
            Left::Pod => Err(ControlError {
                hint: Some(format!(
                    "the lease removes it; check with: kubectl get pod {name} -n {}",
                    session.namespace()
                )),
                ..not_held(format!("pod {name} still exists"))
            }),
        }
    }
}
