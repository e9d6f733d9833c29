//! Strategy `container`: one exec into the running container, with the shell collector on stdin.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use scanner_core::{
    EnforcedControls, ScanPlan, ScanStrategy, StrategyError, Target, TargetAccess,
    inventory::{InventoryRequest, collector},
    plan::{PlannedCommand, PlannedRule},
};
use uuid::Uuid;

use crate::{
    plan::manifest,
    run::session::Session,
    strategies::{
        agent::{Agent, AgentStream, Lacks},
        approach::{Reach, Settled},
    },
};

/// Execs into the target with the scan's own identity.
pub struct ContainerExec {
    session: Arc<Session>,
    nonce: String,
    lacks: Arc<OnceLock<Lacks>>,
}

impl ContainerExec {
    /// A strategy for one scan.
    pub fn new(session: &Arc<Session>) -> Self {
        Self {
            session: Arc::clone(session),
            nonce: Uuid::new_v4().simple().to_string(),
            lacks: Arc::default(),
        }
    }
}

/// Strategy `container` as part of a scan.
#[derive(Default)]
pub(crate) struct ContainerReach {
    lacks: Arc<OnceLock<Lacks>>,
}

impl Reach for ContainerReach {
    fn name(&self) -> &'static str {
        "container"
    }

    fn rules(&self, scan: &Settled<'_>) -> Vec<PlannedRule> {
        vec![manifest::exec_rule(scan.target.pod.as_str())]
    }

    fn commands(&self, scan: &Settled<'_>) -> Vec<PlannedCommand> {
        commands(scan.target, scan.request)
    }

    fn strategy(&self, session: &Arc<Session>) -> Box<dyn ScanStrategy> {
        Box::new(ContainerExec {
            lacks: Arc::clone(&self.lacks),
            ..ContainerExec::new(session)
        })
    }

    fn lacks(&self) -> Option<&Lacks> {
        self.lacks.get()
    }
}

/// What would run in `target` to answer `request`.
pub fn commands(target: &Target, request: &InventoryRequest) -> Vec<PlannedCommand> {
    let script = collector::script(&request.comparing(), &"0".repeat(32));
    vec![PlannedCommand {
        container: target.container.to_string(),
        argv: collector::COMMAND.map(str::to_owned).to_vec(),
        stdin: "the collector script, which only reads".into(),
        stdin_bytes: script.len(),
    }]
}

#[async_trait]
impl ScanStrategy for ContainerExec {
    fn name(&self) -> &'static str {
        "container"
    }

    fn trust(&self) -> &'static str {
        "the target's own shell and tools answer: an intruder in it can lie"
    }

    fn commands(&self, target: &Target, request: &InventoryRequest) -> Vec<PlannedCommand> {
        commands(target, request)
    }

    async fn open(
        &self,
        plan: &ScanPlan,
        _: &EnforcedControls,
        _: &InventoryRequest,
    ) -> Result<Box<dyn TargetAccess>, StrategyError> {
        let opened = self.session.exec(&plan.target, &collector::COMMAND).await;
        let stream = opened.map_err(|error| StrategyError {
            message: format!("cannot exec into {}", plan.target),
            hint: error.hint.clone(),
            source: Some(Box::new(error)),
        })?;
        let agent = Agent::Collector(Arc::clone(&self.lacks));
        let stream = AgentStream::new(stream, agent, &self.nonce, plan.lease_seconds);
        Ok(Box::new(stream.comparing(&self.session)))
    }
}
