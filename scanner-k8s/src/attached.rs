//! Strategy `attached`: one exec into the sidecar that was deployed with the pod; nothing is added.

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use scanner_core::{
    EnforcedControls, ScanPlan, ScanStrategy, StrategyError, Target, TargetAccess,
    inventory::InventoryRequest,
    plan::{PlannedCommand, PlannedRule},
    target::ContainerName,
};
use uuid::Uuid;

use crate::{
    Session,
    access::{Agent, AgentStream},
    distroless,
    inject::CONTAINER,
    manifest,
    resolve::ResolveError,
    scan::reach::{Reach, Settled},
};

/// Asks the sidecar that [`crate::inject`] added.
pub struct Attached {
    session: Arc<Session>,
    sidecar: ContainerName,
    nonce: String,
}

/// Strategy `attached` as part of a scan.
pub(crate) struct AttachedReach {
    sidecar: ContainerName,
    /// Part of the probe's arguments, and so of the plan.
    nonce: String,
}

impl AttachedReach {
    /// Finds the sidecar of a pod.
    ///
    /// # Errors
    ///
    /// Fails when the pod has none that runs and could see the other containers.
    pub(crate) fn new(pod: &Pod) -> Result<Self, ResolveError> {
        Ok(Self {
            sidecar: sidecar_of(pod)?,
            nonce: Uuid::new_v4().simple().to_string(),
        })
    }
}

impl Reach for AttachedReach {
    fn name(&self) -> &'static str {
        "attached"
    }

    fn rules(&self, scan: &Settled<'_>) -> Vec<PlannedRule> {
        vec![manifest::exec_rule(scan.target.pod.as_str())]
    }

    fn commands(&self, scan: &Settled<'_>) -> Vec<PlannedCommand> {
        let (name, seconds) = (self.sidecar.as_str(), scan.lease_seconds);
        distroless::commands(name, scan.target, scan.request, &self.nonce, seconds)
    }

    fn strategy(&self, session: &Arc<Session>) -> Box<dyn ScanStrategy> {
        Box::new(Attached {
            session: Arc::clone(session),
            sidecar: self.sidecar.clone(),
            nonce: self.nonce.clone(),
        })
    }
}

fn sidecar_of(pod: &Pod) -> Result<ContainerName, ResolveError> {
    let none = |why: &str| {
        let name = pod.metadata.name.clone().unwrap_or_default();
        ResolveError::NoSidecar(name, why.to_owned())
    };
    let spec = pod.spec.as_ref();
    if spec.and_then(|s| s.share_process_namespace) != Some(true) {
        return Err(none("its containers share no process namespace"));
    }
    let status = pod.status.clone().unwrap_or_default();
    let plain = status.container_statuses.unwrap_or_default();
    let native = status.init_container_statuses.unwrap_or_default();
    let runs = |s: &&ContainerStatus| s.state.as_ref().is_some_and(|s| s.running.is_some());
    let mut found = plain.iter().chain(&native).filter(|s| s.name == CONTAINER);
    if found.any(|status| runs(&status)) {
        CONTAINER
            .parse()
            .map_err(|_| ResolveError::Malformed("a name"))
    } else {
        Err(none(&format!("no container {CONTAINER} runs in it")))
    }
}

#[async_trait]
impl ScanStrategy for Attached {
    fn name(&self) -> &'static str {
        "attached"
    }

    fn trust(&self) -> &'static str {
        "the probe that was deployed beside the target reads it; an intruder with its user's rights can \
         still hide from /proc, and disturb the probe"
    }

    fn commands(&self, target: &Target, request: &InventoryRequest) -> Vec<PlannedCommand> {
        let seconds = self.session.plan().lease_seconds;
        let name = self.sidecar.as_str();
        distroless::commands(name, target, request, &self.nonce, seconds)
    }

    async fn open(
        &self,
        plan: &ScanPlan,
        _: &EnforcedControls,
        _: &InventoryRequest,
    ) -> Result<Box<dyn TargetAccess>, StrategyError> {
        let beside = Target {
            container: self.sidecar.clone(),
            ..plan.target.clone()
        };
        let argv = distroless::argv(&plan.target, &self.nonce, plan.lease_seconds);
        let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
        let opened = self.session.exec(&beside, &argv).await;
        let stream = opened.map_err(|error| StrategyError {
            message: format!("cannot exec into the sidecar of {}", plan.target),
            hint: error.hint.clone(),
            source: Some(Box::new(error)),
        })?;
        let stream = AgentStream::new(stream, Agent::Probe, &self.nonce, plan.lease_seconds);
        Ok(Box::new(stream.comparing(&self.session)))
    }
}
