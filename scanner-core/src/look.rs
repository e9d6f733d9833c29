//! A look into a target, the work of a scan: a strategy, engines, and what the cluster says of the pod.

use std::sync::Arc;

use async_trait::async_trait;
use scanner_inventory::{Collected, Inventory, InventoryRequest, PodFacts};

use crate::{
    cause::chain,
    engine::{Evaluation, ScanEngine},
    engines::{EngineHost, Engines},
    event::{Observer, Silent},
    failure::Failure,
    plan::ScanPlan,
    report::Packages,
    stage::Stage,
    strategy::{AccessError, OpenContext, ScanStrategy, StrategyError, TargetAccess},
    subject::Subject,
    witness::{EnforcedControls, PreparedControls},
    work::{Outcome, Progress, Work},
};

/// Looks into one target with one strategy, and lets every engine evaluate what was found.
pub struct Look<'o> {
    subject: Subject,
    strategy: Box<dyn ScanStrategy>,
    engines: Vec<Arc<dyn ScanEngine>>,
    host: Arc<dyn EngineHost>,
    evaluation: Evaluation,
    request: InventoryRequest,
    pod: Collected<PodFacts>,
    access: Option<Box<dyn TargetAccess>>,
    observer: &'o dyn Observer,
}

impl<'o> Look<'o> {
    /// A look at `subject`. What the cluster says of a pod is not collected unless [`Look::with_pod`] gives it: a
    /// default is never evidence.
    pub fn new(
        subject: Subject,
        strategy: Box<dyn ScanStrategy>,
        engines: Vec<Arc<dyn ScanEngine>>,
        host: Arc<dyn EngineHost>,
        evaluation: Evaluation,
    ) -> Self {
        let evaluation = evaluation.without(strategy.absent());
        Self {
            request: request_of(&engines),
            subject,
            strategy,
            engines,
            host,
            evaluation,
            pod: Collected::Unavailable {
                reason: "there is no pod here".into(),
            },
            access: None,
            observer: &Silent,
        }
    }

    /// The same with what the cluster says of the pod.
    #[must_use]
    pub fn with_pod(mut self, pod: Collected<PodFacts>) -> Self {
        self.pod = pod;
        self
    }

    /// The same for an observer, which gets what the strategy waits for.
    #[must_use]
    pub fn observed_by(mut self, observer: &'o dyn Observer) -> Self {
        self.observer = observer;
        self
    }

    /// What is looked at.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Names and versions of the engines, for a reader.
    pub fn engine_names(&self) -> String {
        let all: Vec<String> = self
            .engines
            .iter()
            .map(|engine| engine.reference().to_string())
            .collect();
        all.join(", ")
    }

    fn context<'a>(&'a self, plan: Option<&'a ScanPlan>) -> OpenContext<'a> {
        OpenContext::new(&self.subject, plan, &self.request).observed_by(self.observer)
    }

    /// Opens the target without a cluster.
    pub(crate) async fn open_local(&mut self) -> Result<(), Failure> {
        let (prepared, enforced) = (PreparedControls::local(), EnforcedControls::local());
        let context = self.context(None);
        let prepare = self.strategy.prepare(&context, &prepared).await;
        prepare.map_err(|error| unreachable_target(Stage::Prepare, error))?;
        let opened = self.strategy.open(&context, &enforced).await;
        self.access = Some(opened.map_err(|error| unreachable_target(Stage::Open, error))?);
        Ok(())
    }

    /// Collects and evaluates through the open access.
    pub(crate) async fn collect(
        &mut self,
        progress: &mut dyn Progress,
    ) -> Result<Outcome, Failure> {
        // It stays in `self`, where close() finds it if this future is dropped.
        let Some(access) = self.access.as_mut() else {
            let error = AccessError::new(crate::FailureKind::Internal, "the target is not open");
            return Err(unusable(error));
        };
        let host = self.host.as_ref();
        let engines = Engines::start(&self.engines, host, &self.evaluation, &self.pod).await;
        let mut engines = engines.without_env(self.strategy.unseen_env());
        let collected = access.stream(&self.request, &mut engines).await;
        collected.map_err(unusable)?;
        progress.evaluating();
        let mut outcome = Outcome::default();
        let (findings, inventory) = engines.finish().await;
        outcome.findings = findings;
        self.describe(&inventory, &mut outcome);
        Ok(outcome)
    }

    fn describe(&self, inventory: &Inventory, outcome: &mut Outcome) {
        outcome.coverage = inventory.coverage();
        let absent = self.strategy.absent();
        outcome
            .coverage
            .retain(|section, _| !absent.contains(section));
        outcome.agent = Some(inventory.agent.clone());
        outcome.packages = Packages::of(inventory);
    }
}

/// Everything that the engines will read.
pub fn request_of(engines: &[Arc<dyn ScanEngine>]) -> InventoryRequest {
    let mut request = InventoryRequest::default();
    for engine in engines {
        request.merge(&engine.request());
    }
    request
}

#[async_trait]
impl Work for Look<'_> {
    fn trust(&self) -> String {
        self.strategy.trust().to_owned()
    }

    async fn prepare(
        &mut self,
        plan: &ScanPlan,
        controls: &PreparedControls,
    ) -> Result<(), Failure> {
        let context = self.context(Some(plan));
        let prepared = self.strategy.prepare(&context, controls).await;
        prepared.map_err(|error| unreachable_target(Stage::Prepare, error))
    }

    async fn open(&mut self, plan: &ScanPlan, controls: &EnforcedControls) -> Result<(), Failure> {
        let context = self.context(Some(plan));
        let opened = self.strategy.open(&context, controls).await;
        self.access = Some(opened.map_err(|error| unreachable_target(Stage::Open, error))?);
        Ok(())
    }

    async fn look(
        &mut self,
        _: &ScanPlan,
        progress: &mut dyn Progress,
    ) -> Result<Outcome, Failure> {
        let looked = self.collect(progress).await;
        self.close().await;
        looked
    }

    async fn close(&mut self) {
        if let Some(access) = self.access.take() {
            access.close().await;
        }
    }
}

fn unreachable_target(stage: Stage, error: StrategyError) -> Failure {
    Failure::new(stage, error.kind.clone(), chain(&error)).with_remedy(error.remedy)
}

fn unusable(error: AccessError) -> Failure {
    Failure::new(Stage::Collect, error.kind.clone(), chain(&error)).with_remedy(error.remedy)
}
