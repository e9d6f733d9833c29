//! Strategy `attached`: one exec into the sidecar that was deployed with the pod; nothing is added.

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Pod;
use scanner_core::{
    EnforcedControls, OpenContext, ScanStrategy, StrategyError, Target, TargetAccess,
    escape::visible,
    plan::{EvidenceSource, PlannedCommand, PlannedRule},
};
use uuid::Uuid;

use crate::{
    controls,
    plan::manifest,
    pod::{
        agreement::{Agreement, Witness},
        beside::{Beside, SaidBy},
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

/// Why evidence is not independent if nobody named the sidecar's image.
const UNNAMED: &str = "whoever deployed the pod chose the program that answers, since no image of the probe was named";
/// Why evidence is not independent if only the pod's specification names the sidecar's image.
const UNSEEN: &str = "the node does not say by digest or name which image the sidecar runs; the pod's specification does, and \
                      whoever may patch the pod can change it there while another program runs on";

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
        let (sidecar, said) = found(pod, wanted)?;
        let context = injected::as_written(pod, target).map_err(|why| none(pod, &why))?;
        let evidence = match said {
            Some(SaidBy::Node) => strength::of_probe(pod, target, &context),
            Some(SaidBy::Specification) => EvidenceSource::dependent(UNSEEN),
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
        let name = self.sidecar.name.as_str();
        let mut all = probe_command::commands(name, target, request, &self.nonce, seconds);
        for command in &mut all {
            command.stdin = format!(
                "the inventory request, in the sidecar that was deployed with the pod: image {}",
                self.sidecar.words()
            );
        }
        all
    }

    fn evidence(&self) -> Option<EvidenceSource> {
        Some(self.evidence.clone())
    }

    fn start(self: Box<Self>, scope: &Arc<ScanScope>) -> Started {
        let agreement = Agreement::new(Witness::Probe, self.stated);
        scope.target().pin_sidecar(self.sidecar.clone());
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

/// The sidecar of a pod, where it is of the image that is wanted, and who says that it is.
fn found(pod: &Pod, wanted: Option<&str>) -> Result<(Beside, Option<SaidBy>), NoSidecar> {
    let sidecar = Beside::of(pod).map_err(|why| none(pod, &why))?;
    let Some(wanted) = wanted else {
        return Ok((sidecar, None));
    };
    match sidecar.is_of(wanted) {
        Some(said) => Ok((sidecar, Some(said))),
        None => Err(none(
            pod,
            &format!(
                "its sidecar is of {}, not of {}, which was named",
                sidecar.words(),
                visible(wanted, 300)
            ),
        )),
    }
}

fn none(pod: &Pod, why: &str) -> NoSidecar {
    let name = pod.metadata.name.clone().unwrap_or_default();
    NoSidecar {
        pod: name,
        why: why.to_owned(),
    }
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
    use crate::names::SIDECAR_CONTAINER;

    fn pod(spec: &str, id: &str) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": "web"},
            "spec": {
                "shareProcessNamespace": true,
                "containers": [{"name": SIDECAR_CONTAINER, "image": spec}],
            },
            "status": {"containerStatuses": [{
                "name": SIDECAR_CONTAINER, "image": "r.example/probe:1", "ready": true, "restartCount": 0,
                "imageID": id, "state": {"running": {}},
            }]},
        }))
        .unwrap()
    }

    #[test]
    fn the_sidecar_is_of_the_image_that_was_named_or_refused() {
        let [a, b] = ["a", "b"].map(|digit| format!("r.example/probe@sha256:{}", digit.repeat(64)));
        let of = |spec: &str, wanted: Option<&str>| {
            let found = found(&pod(spec, &a), wanted).map_err(|e| e.to_string());
            found.map(|(_, said)| said)
        };
        let tag = "r.example/probe:1";
        assert_eq!(of(tag, None), Ok(None));
        for good in [tag, &a] {
            assert_eq!(of(tag, Some(good)), Ok(Some(SaidBy::Node)), "{good:?}");
        }
        // The specification can be changed to the image that is wanted while another runs on.
        for (spec, bad) in [(tag, "r.example/probe:2"), (tag, &b), (&b, &b)] {
            let error = of(spec, Some(bad)).unwrap_err();
            assert!(error.contains("not of") && error.contains(&a), "{error}");
        }
    }
}
