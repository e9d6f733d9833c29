//! Strategy `container`: one exec into the running container, with the shell collector on stdin.

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Pod;
use scanner_core::{
    EnforcedControls, OpenContext, ScanStrategy, StrategyError, Target, TargetAccess,
    inventory::collector,
    plan::{EvidenceSource, PlannedCommand, PlannedRule},
};
use uuid::Uuid;

use crate::{
    controls,
    plan::manifest,
    pod::{
        agreement::{Agreement, Witness},
        stated::Stated,
    },
    run::scope::ScanScope,
    strategies::{
        agent::{Agent, AgentStream},
        approach::{Approach, PlanScope, Started},
        failed,
    },
};

/// What the evidence of a shell rests on.
const OWN_TOOLS: &str =
    "the target's own shell and tools answer, and whoever has the target has them too";

/// Strategy `container` as part of a scan.
#[derive(Debug, Clone)]
pub(crate) struct ContainerApproach {
    strict: bool,
    stated: Stated,
}

impl ContainerApproach {
    /// Plans an exec into `target`. With `strict`, an answer without a list of files is refused, since another strategy
    /// could be taken instead.
    pub(crate) fn new(pod: &Pod, target: &Target, strict: bool) -> Self {
        Self {
            strict,
            stated: Stated::of(pod, target),
        }
    }
}

impl Approach for ContainerApproach {
    fn name(&self) -> &'static str {
        "container"
    }

    fn rules(&self, scope: &PlanScope<'_>) -> Vec<PlannedRule> {
        vec![manifest::exec_rule(scope.target.pod.as_str())]
    }

    fn commands(&self, scope: &PlanScope<'_>) -> Vec<PlannedCommand> {
        let nonce = "0".repeat(32);
        let request = Witness::Exec.asked(scope.request);
        let script = collector::script_held(&request, &nonce, scope.lease_seconds);
        vec![PlannedCommand::new(
            scope.target.container.as_str(),
            collector::COMMAND.map(str::to_owned).to_vec(),
            "the collector script, which only reads",
            script.len(),
        )]
    }

    fn evidence(&self) -> Option<EvidenceSource> {
        Some(EvidenceSource::dependent(OWN_TOOLS))
    }

    fn start(self: Box<Self>, scope: &Arc<ScanScope>) -> Started {
        let agreement = Agreement::new(Witness::Exec, self.stated);
        let mut all = controls::all(scope);
        all.push(controls::target_agrees(&agreement));
        let strategy = ContainerExec {
            scope: Arc::clone(scope),
            agreement,
            nonce: Uuid::new_v4().simple().to_string(),
            strict: self.strict,
        };
        Started::new(all, Box::new(strategy))
    }
}

/// Execs into the target with the scan's own identity.
struct ContainerExec {
    scope: Arc<ScanScope>,
    agreement: Arc<Agreement>,
    nonce: String,
    strict: bool,
}

#[async_trait]
impl ScanStrategy for ContainerExec {
    fn name(&self) -> &'static str {
        "container"
    }

    fn trust(&self) -> &'static str {
        "the target's own shell and tools answer: an intruder in it can lie, so this evidence is not independent of the target"
    }

    async fn open(
        &self,
        _: &OpenContext<'_>,
        controls: &EnforcedControls,
    ) -> Result<Box<dyn TargetAccess>, StrategyError> {
        let plan = self.scope.plan();
        let client = self.scope.credential().scan_client(controls);
        let client = client.map_err(|error| failed("no credential", error))?;
        let opened = client.exec(&plan.target, &collector::COMMAND).await;
        let stream = opened.map_err(|error| {
            let (kind, remedy) = (error.failure_kind(), error.remedy());
            StrategyError::new(kind, format!("cannot exec into {}", plan.target))
                .with_remedy(remedy)
                .with_source(error)
        })?;
        let agent = Agent::Collector {
            strict: self.strict,
        };
        let stream = AgentStream::new(stream, agent, &self.nonce, &self.scope);
        Ok(Box::new(stream.comparing(&self.scope, &self.agreement)))
    }
}
