//! Seam: what a strategy contributes to the plan of a scan, and to the scan itself.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use scanner_core::{
    ScanReport, ScanStrategy, SecurityControl, Target,
    inventory::InventoryRequest,
    plan::{PlannedCommand, PlannedObject, PlannedRule},
};

use crate::plan::limits;
use crate::plan::request::Strategy;
use crate::{
    api::client::OperatorClient,
    controls,
    plan::{preflight::Need, resolve::ResolveError},
    run::session::Session,
    strategies::{
        agent::Lacks, attached::AttachedReach, container::ContainerReach,
        distroless::DistrolessReach, sidecar::SidecarReach,
    },
};

/// What is settled about a scan before its strategy contributes to the plan.
pub(crate) struct Settled<'a> {
    pub(crate) target: &'a Target,
    /// Name of every object of the scan.
    pub(crate) name: &'a str,
    pub(crate) request: &'a InventoryRequest,
    pub(crate) lease_seconds: u32,
}

impl Settled<'_> {
    /// An object of this scan, for its plan.
    pub(crate) fn object(
        &self,
        api_version: &str,
        kind: &str,
        name: &str,
        purpose: &str,
    ) -> PlannedObject {
        PlannedObject {
            api_version: api_version.into(),
            kind: kind.into(),
            namespace: self.target.namespace.to_string(),
            name: name.into(),
            purpose: purpose.into(),
            spec: None,
        }
    }
}

/// Models one way to reach a target, decided. Everything but [`Reach::refine`] is called before
/// anything is written.
pub(crate) trait Reach: Send + Sync {
    /// Stable name of the strategy.
    fn name(&self) -> &'static str;

    /// What the operator does beyond what every scan needs.
    fn needs(&self) -> &'static [Need] {
        &[]
    }

    /// Objects beyond the lease and the identity, in order of creation.
    fn objects(&self, _: &Settled<'_>) -> Vec<PlannedObject> {
        Vec::new()
    }

    /// What the scan's identity may do, and nothing else.
    fn rules(&self, scan: &Settled<'_>) -> Vec<PlannedRule>;

    /// What would run.
    fn commands(&self, scan: &Settled<'_>) -> Vec<PlannedCommand>;

    /// Limits for the admission guard, where the operator may give them.
    fn limits(&self, scan: &Settled<'_>, commands: &[PlannedCommand]) -> Vec<PlannedRule> {
        commands
            .iter()
            .map(|command| limits::may_run(scan.target, command))
            .collect()
    }

    /// In what the thing that is looked at is not the target.
    fn differences(&self) -> Vec<String> {
        Vec::new()
    }

    /// Controls, in order of enforcement.
    fn controls(&self, session: &Arc<Session>) -> Vec<Box<dyn SecurityControl>> {
        controls::all(session)
    }

    /// The strategy for one scan.
    fn strategy(&self, session: &Arc<Session>) -> Box<dyn ScanStrategy>;

    /// What the strategy needs and the target turned out not to have.
    fn lacks(&self) -> Option<&Lacks> {
        None
    }

    /// Adds to the report what only the scan could learn.
    fn refine(&self, _: &mut ScanReport) {}
}

/// Decides how `target` is reached; `pod` is absent for an image that runs nowhere.
pub(crate) async fn decide(
    operator: &OperatorClient,
    target: &Target,
    pod: Option<&Pod>,
    strategy: Strategy,
) -> Result<Box<dyn Reach>, ResolveError> {
    Ok(match (strategy, pod) {
        (Strategy::Sidecar(options), _) => {
            Box::new(SidecarReach::new(operator, target, pod, options).await?)
        }
        (_, None) => return Err(ResolveError::NotRunnable(target.image.clone())),
        (Strategy::Container | Strategy::Auto { .. }, _) => Box::new(ContainerReach::default()),
        (Strategy::Attached { image }, Some(pod)) => {
            Box::new(AttachedReach::new(pod, image.as_deref())?)
        }
        (Strategy::Distroless { image }, Some(pod)) => {
            Box::new(DistrolessReach::new(operator, target, pod, image).await?)
        }
    })
}
