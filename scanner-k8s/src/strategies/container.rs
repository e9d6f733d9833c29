//! Strategy `container`: one exec into the running container, with the shell collector on stdin.

use std::sync::Arc;

use async_trait::async_trait;
use scanner_core::{
    EnforcedControls, OpenContext, ScanStrategy, StrategyError, TargetAccess,
    inventory::collector,
    plan::{PlannedCommand, PlannedRule},
};
use uuid::Uuid;

use crate::{
    controls,
    plan::manifest,
    run::scope::ScanScope,
    strategies::{
        agent::{Agent, AgentStream},
        approach::{Approach, PlanScope, Started},
        failed,
    },
};

/// Strategy `container` as part of a scan.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ContainerApproach {
    /// Whether an answer without a list of files is refused, since another strategy could be taken instead.
    pub strict: bool,
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
        let request = scope.request.comparing();
        let script = collector::script_held(&request, &nonce, scope.lease_seconds);
        vec![PlannedCommand::new(
            scope.target.container.as_str(),
            collector::COMMAND.map(str::to_owned).to_vec(),
            "the collector script, which only reads",
            script.len(),
        )]
    }

    fn start(self: Box<Self>, scope: &Arc<ScanScope>) -> Started {
        let strategy = ContainerExec {
            scope: Arc::clone(scope),
            nonce: Uuid::new_v4().simple().to_string(),
            strict: self.strict,
        };
        Started::new(controls::all(scope), Box::new(strategy))
    }
}

/// Execs into the target with the scan's own identity.
struct ContainerExec {
    scope: Arc<ScanScope>,
    nonce: String,
    strict: bool,
}

#[async_trait]
impl ScanStrategy for ContainerExec {
    fn name(&self) -> &'static str {
        "container"
    }

    fn trust(&self) -> &'static str {
        "the target's own shell and tools answer: an intruder in it can lie"
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
        Ok(Box::new(stream.comparing(&self.scope)))
    }
}
