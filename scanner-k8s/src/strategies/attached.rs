//! Strategy `attached`: one exec into the sidecar that was deployed with the pod; nothing is added.

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use scanner_core::{
    EnforcedControls, OpenContext, ScanStrategy, StrategyError, Target, TargetAccess,
    escape::visible,
    inventory::InventoryRequest,
    plan::{EvidenceSource, PlannedCommand, PlannedRule},
    target::{ContainerName, image_digest},
};
use uuid::Uuid;

use crate::{
    controls,
    names::SIDECAR_CONTAINER,
    plan::manifest,
    pod::{
        agreement::{Agreement, Witness},
        injected,
        stated::Stated,
        strength,
    },
    run::scope::ScanScope,
    strategies::{
        agent::{Agent, AgentStream},
        approach::{Approach, PlanScope, Started},
        failed, probe_command,
    },
};

/// What a sidecar is worth whose image nobody named.
const UNNAMED: &str = "whoever deployed the pod chose the program that answers, since no image of the probe was named";

/// Asks the sidecar that [`crate::inject`] added.
struct Attached {
    scope: Arc<ScanScope>,
    agreement: Arc<Agreement>,
    trust: String,
    sidecar: Beside,
    nonce: String,
}

/// The pod was not deployed with a sidecar that can look.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("pod {pod} has no sidecar of secure-scan: {why}")]
#[non_exhaustive]
pub struct NoSidecar {
    /// The pod.
    pub pod: String,
    /// What is missing.
    pub why: String,
}

/// The sidecar of a pod, and its image.
#[derive(Debug, Clone)]
struct Beside {
    name: ContainerName,
    /// As the pod's specification names it.
    image: String,
    /// As the node reports it.
    image_id: String,
}

impl Beside {
    /// Whether it is of that image: by digest where one is named, else by the name.
    fn is_of(&self, wanted: &str) -> bool {
        match image_digest(wanted) {
            Some(digest) => {
                image_digest(&self.image_id) == Some(digest)
                    || image_digest(&self.image) == Some(digest)
            }
            None => self.image == wanted,
        }
    }

    fn commands(
        &self,
        target: &Target,
        request: &InventoryRequest,
        nonce: &str,
        seconds: u32,
    ) -> Vec<PlannedCommand> {
        let mut all = probe_command::commands(self.name.as_str(), target, request, nonce, seconds);
        for command in &mut all {
            command.stdin = format!(
                "the inventory request, in the sidecar that was deployed with the pod: image {}, as the node \
                 has it {}",
                visible(&self.image, 300),
                visible(&self.image_id, 300)
            );
        }
        all
    }
}

/// Strategy `attached` as part of a scan.
pub(crate) struct AttachedApproach {
    sidecar: Beside,
    evidence: EvidenceSource,
    stated: Stated,
    /// Part of the probe's arguments, and so of the plan.
    nonce: String,
}

impl AttachedApproach {
    /// Finds the sidecar of a pod.
    ///
    /// # Errors
    ///
    /// Fails when the pod has none that runs and could see the other containers, or one of another image
    /// than is wanted.
    pub(crate) fn new(pod: &Pod, target: &Target, wanted: Option<&str>) -> Result<Self, NoSidecar> {
        let sidecar = found(pod, wanted)?;
        let context = injected::as_written(pod, target).map_err(|why| none(pod, &why))?;
        let evidence = match wanted {
            Some(_) => strength::of_probe(pod, target, &context),
            None => EvidenceSource::dependent(UNNAMED),
        };
        Ok(Self {
            sidecar,
            evidence,
            stated: Stated::of(pod, target),
            nonce: Uuid::new_v4().simple().to_string(),
        })
    }
}

impl Approach for AttachedApproach {
    fn name(&self) -> &'static str {
        "attached"
    }

    fn rules(&self, scope: &PlanScope<'_>) -> Vec<PlannedRule> {
        vec![manifest::exec_rule(scope.target.pod.as_str())]
    }

    fn commands(&self, scope: &PlanScope<'_>) -> Vec<PlannedCommand> {
        let seconds = scope.lease_seconds;
        let (target, request) = (scope.target, scope.request);
        self.sidecar.commands(target, request, &self.nonce, seconds)
    }

    fn evidence(&self) -> Option<EvidenceSource> {
        Some(self.evidence.clone())
    }

    fn start(self: Box<Self>, scope: &Arc<ScanScope>) -> Started {
        let agreement = Agreement::new(Witness::Probe, self.stated);
        let mut all = controls::all(scope);
        all.push(controls::target_agrees(&agreement));
        let strategy = Attached {
            scope: Arc::clone(scope),
            agreement,
            trust: probe_command::trust(
                "the probe that was deployed beside the target reads it; an intruder with its user's rights can still \
                 hide from /proc, and disturb the probe",
                &self.evidence,
            ),
            sidecar: self.sidecar,
            nonce: self.nonce,
        };
        Started::new(all, Box::new(strategy))
    }
}

/// The sidecar of a pod, where it is of the image that is wanted.
fn found(pod: &Pod, wanted: Option<&str>) -> Result<Beside, NoSidecar> {
    let sidecar = sidecar_of(pod)?;
    if let Some(wanted) = wanted.filter(|wanted| !sidecar.is_of(wanted)) {
        return Err(none(
            pod,
            &format!(
                "its sidecar is of {} ({}), not of {wanted}, which was named",
                visible(&sidecar.image, 300),
                visible(&sidecar.image_id, 300)
            ),
        ));
    }
    Ok(sidecar)
}

fn none(pod: &Pod, why: &str) -> NoSidecar {
    let name = pod.metadata.name.clone().unwrap_or_default();
    NoSidecar {
        pod: name,
        why: why.to_owned(),
    }
}

fn sidecar_of(pod: &Pod) -> Result<Beside, NoSidecar> {
    let spec = pod.spec.clone().unwrap_or_default();
    if spec.share_process_namespace != Some(true) {
        return Err(none(pod, "its containers share no process namespace"));
    }
    let status = pod.status.clone().unwrap_or_default();
    let plain = status.container_statuses.unwrap_or_default();
    let native = status.init_container_statuses.unwrap_or_default();
    let runs = |s: &&ContainerStatus| s.state.as_ref().is_some_and(|s| s.running.is_some());
    let mut found = plain
        .iter()
        .chain(&native)
        .filter(|s| s.name == SIDECAR_CONTAINER);
    let Some(status) = found.find(runs) else {
        return Err(none(
            pod,
            &format!("no container {SIDECAR_CONTAINER} runs in it"),
        ));
    };
    let native = spec.init_containers.unwrap_or_default();
    let mut named = spec.containers.iter().chain(&native);
    let named = named.find(|c| c.name == SIDECAR_CONTAINER);
    Ok(Beside {
        name: SIDECAR_CONTAINER
            .parse()
            .map_err(|_| none(pod, "its name is not valid"))?,
        image: named.and_then(|c| c.image.clone()).unwrap_or_default(),
        image_id: status.image_id.clone(),
    })
}

#[async_trait]
impl ScanStrategy for Attached {
    fn name(&self) -> &'static str {
        "attached"
    }

    fn trust(&self) -> &str {
        &self.trust
    }

    async fn open(
        &self,
        _: &OpenContext<'_>,
        controls: &EnforcedControls,
    ) -> Result<Box<dyn TargetAccess>, StrategyError> {
        let plan = self.scope.plan();
        let beside = Target {
            container: self.sidecar.name.clone(),
            ..plan.target.clone()
        };
        let argv = probe_command::argv(&plan.target, &self.nonce, plan.lease_seconds);
        let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
        let client = self.scope.credential().scan_client(controls);
        let client = client.map_err(|error| failed("no credential", error))?;
        let opened = client.exec(&beside, &argv).await;
        let stream = opened.map_err(|error| {
            let message = format!("cannot exec into the sidecar of {}", plan.target);
            let (kind, remedy) = (error.failure_kind(), error.remedy());
            StrategyError::new(kind, message)
                .with_remedy(remedy)
                .with_source(error)
        })?;
        let stream = AgentStream::new(stream, Agent::Probe, &self.nonce, &self.scope);
        Ok(Box::new(stream.comparing(&self.scope, &self.agreement)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_sidecar_is_of_the_image_that_was_named_or_refused() {
        let (a, b) = (
            format!("sha256:{}", "a".repeat(64)),
            format!("sha256:{}", "b".repeat(64)),
        );
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "web"},
            "spec": {
                "shareProcessNamespace": true,
                "containers": [{"name": SIDECAR_CONTAINER, "image": "r.example/probe:1"}],
            },
            "status": {"containerStatuses": [{
                "name": SIDECAR_CONTAINER, "image": "r.example/probe:1", "ready": true, "restartCount": 0,
                "imageID": format!("r.example/probe@{a}"),
                "state": {"running": {}},
            }]},
        }))
        .unwrap();
        let of = |wanted: Option<&str>| found(&pod, wanted).map_err(|e| e.to_string());
        for good in [
            None,
            Some("r.example/probe:1"),
            Some(format!("mirror.example/probe@{a}").as_str()),
        ] {
            let found = of(good).map(|sidecar| sidecar.image_id);
            assert_eq!(found, Ok(format!("r.example/probe@{a}")), "{good:?}");
        }
        for bad in ["r.example/probe:2", &format!("r.example/probe@{b}")] {
            let error = of(Some(bad)).map(|_| ()).unwrap_err();
            assert!(error.contains("not of") && error.contains(&a), "{error}");
        }
    }
}
