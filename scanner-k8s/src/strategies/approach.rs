//! Seam: what a strategy contributes to the plan of a scan, and to the scan itself.

use std::sync::Arc;

use scanner_core::{
    OpenContext, ScanReport, ScanStrategy, SecurityControl, Subject, Target,
    inventory::InventoryRequest,
    plan::{EvidenceSource, Need, PlannedCommand, PlannedObject, PlannedRule},
};

use crate::{controls, plan::limits, run::scope::ScanScope};

/// What a plan is made for.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct PlanScope<'a> {
    /// What is scanned.
    pub target: &'a Target,
    /// Name of every object of the scan.
    pub name: &'a str,
    /// Everything that the engines will read.
    pub request: &'a InventoryRequest,
    /// Seconds after which the cluster itself removes everything.
    pub lease_seconds: u32,
}

impl<'a> PlanScope<'a> {
    /// What a plan is made for.
    pub const fn new(
        target: &'a Target,
        name: &'a str,
        request: &'a InventoryRequest,
        lease_seconds: u32,
    ) -> Self {
        Self {
            target,
            name,
            request,
            lease_seconds,
        }
    }

    /// An object in the namespace of the target.
    pub fn object(
        &self,
        api_version: &str,
        kind: &str,
        name: &str,
        purpose: &str,
    ) -> PlannedObject {
        let namespace = self.target.namespace.as_str();
        PlannedObject::new(api_version, kind, namespace, name, purpose)
    }
}

/// Adds to the report what only the scan could learn.
pub type Refine = Box<dyn FnOnce(&mut ScanReport) + Send + Sync>;

/// What an approach gives a scan that begins.
#[non_exhaustive]
pub struct Started {
    /// The controls of the scan.
    pub controls: Vec<Box<dyn SecurityControl>>,
    /// How the target is reached.
    pub strategy: Box<dyn ScanStrategy>,
    /// What is added to the report at the end.
    pub refine: Option<Refine>,
    /// Identifiers of controls that are not shipped.
    pub(crate) brought: Vec<String>,
}

impl Started {
    /// Controls and a strategy.
    pub fn new(controls: Vec<Box<dyn SecurityControl>>, strategy: Box<dyn ScanStrategy>) -> Self {
        Self {
            controls,
            strategy,
            refine: None,
            brought: Vec::new(),
        }
    }

    /// The same, with a step that completes the report at the end.
    #[must_use]
    pub fn refining(
        mut self,
        refine: impl FnOnce(&mut ScanReport) + Send + Sync + 'static,
    ) -> Self {
        self.refine = Some(Box::new(refine));
        self
    }
}

/// Models one way to reach targets in a cluster: what it plans, and what it starts. Makes no calls itself: everything that
/// it must know about the cluster is given to it when it is made.
pub trait Approach: Send + Sync {
    /// Stable name of the strategy.
    fn name(&self) -> &str;

    /// What the operator does beyond what every scan needs.
    fn needs(&self) -> Vec<Need> {
        Vec::new()
    }

    /// Those of the needs that a caller can avoid by asking for less, such as the trial of the probe's image.
    fn optional_needs(&self) -> Vec<Need> {
        Vec::new()
    }

    /// Objects beyond the lease and the identity, in order of creation.
    fn objects(&self, scope: &PlanScope<'_>) -> Vec<PlannedObject> {
        let _ = scope;
        Vec::new()
    }

    /// What the scan's identity may do, and nothing else.
    fn rules(&self, scope: &PlanScope<'_>) -> Vec<PlannedRule>;

    /// What would run.
    fn commands(&self, scope: &PlanScope<'_>) -> Vec<PlannedCommand>;

    /// Limits for the admission guard, where the operator may give them.
    fn limits(&self, scope: &PlanScope<'_>, commands: &[PlannedCommand]) -> Vec<PlannedRule> {
        commands
            .iter()
            .map(|command| limits::may_run(scope.target, command))
            .collect()
    }

    /// How the scanned copy differs from the target, where a copy is scanned.
    fn differences(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether the evidence can be forged from within the target. By default nothing is known about it, which counts as
    /// forgeable: a policy may allow the strategy by name.
    fn evidence(&self) -> Option<EvidenceSource> {
        None
    }

    /// The controls and the strategy of one scan. Called once; writes nothing. Of an approach of another crate these are
    /// controls beside the shipped ones, which surround every scan.
    fn start(self: Box<Self>, scope: &Arc<ScanScope>) -> Started;
}

impl Approach for Box<dyn Approach> {
    fn name(&self) -> &str {
        (**self).name()
    }
    fn needs(&self) -> Vec<Need> {
        (**self).needs()
    }
    fn optional_needs(&self) -> Vec<Need> {
        (**self).optional_needs()
    }
    fn objects(&self, scope: &PlanScope<'_>) -> Vec<PlannedObject> {
        (**self).objects(scope)
    }
    fn rules(&self, scope: &PlanScope<'_>) -> Vec<PlannedRule> {
        (**self).rules(scope)
    }
    fn commands(&self, scope: &PlanScope<'_>) -> Vec<PlannedCommand> {
        (**self).commands(scope)
    }
    fn limits(&self, scope: &PlanScope<'_>, commands: &[PlannedCommand]) -> Vec<PlannedRule> {
        (**self).limits(scope, commands)
    }
    fn differences(&self) -> Vec<String> {
        (**self).differences()
    }
    fn evidence(&self) -> Option<EvidenceSource> {
        (**self).evidence()
    }
    fn start(self: Box<Self>, scope: &Arc<ScanScope>) -> Started {
        (*self).start(scope)
    }
}

/// A strategy of a third party that needs nothing of the cluster but the target's name: the usual controls, and an
/// identity that may do nothing.
pub struct Foreign(pub Arc<dyn ScanStrategy>);

impl Approach for Foreign {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn rules(&self, _: &PlanScope<'_>) -> Vec<PlannedRule> {
        Vec::new()
    }

    fn commands(&self, scope: &PlanScope<'_>) -> Vec<PlannedCommand> {
        let subject = Subject::container(scope.target.clone());
        self.0
            .commands(&OpenContext::new(&subject, None, scope.request))
    }

    fn limits(&self, _: &PlanScope<'_>, _: &[PlannedCommand]) -> Vec<PlannedRule> {
        Vec::new()
    }

    fn start(self: Box<Self>, scope: &Arc<ScanScope>) -> Started {
        Started::new(controls::all(scope), Box::new(self.0))
    }
}

/// An approach of another crate: the shipped controls surround it too.
pub(crate) struct Brought(pub(crate) Box<dyn Approach>);

impl Approach for Brought {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn needs(&self) -> Vec<Need> {
        self.0.needs()
    }

    fn optional_needs(&self) -> Vec<Need> {
        self.0.optional_needs()
    }

    fn objects(&self, scope: &PlanScope<'_>) -> Vec<PlannedObject> {
        self.0.objects(scope)
    }

    fn rules(&self, scope: &PlanScope<'_>) -> Vec<PlannedRule> {
        self.0.rules(scope)
    }

    fn commands(&self, scope: &PlanScope<'_>) -> Vec<PlannedCommand> {
        self.0.commands(scope)
    }

    fn limits(&self, scope: &PlanScope<'_>, commands: &[PlannedCommand]) -> Vec<PlannedRule> {
        self.0.limits(scope, commands)
    }

    fn differences(&self) -> Vec<String> {
        self.0.differences()
    }
    fn evidence(&self) -> Option<EvidenceSource> {
        self.0.evidence()
    }

    fn start(self: Box<Self>, scope: &Arc<ScanScope>) -> Started {
        let mut started = self.0.start(scope);
        let brought = started
            .controls
            .iter()
            .map(|control| control.id().to_owned());
        started.brought = brought.collect();
        let mut controls = controls::all(scope);
        controls.append(&mut started.controls);
        started.controls = controls;
        started
    }
}
