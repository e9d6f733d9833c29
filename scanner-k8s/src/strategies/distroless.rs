//! Strategy `distroless`: an ephemeral container with a probe, as weak as can still see the target.

mod probe_ends;
mod spec;

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Pod;
use scanner_core::{
    EnforcedControls, ScanPlan, ScanStrategy, SecurityControl, StrategyError, Target, TargetAccess,
    inventory::InventoryRequest,
    plan::{PlannedCommand, PlannedObject, PlannedRule},
};
use uuid::Uuid;

use crate::{
    api::client::OperatorClient,
    controls,
    plan::resolve::ResolveError,
    run::session::Session,
    strategies::{
        agent::{Agent, AgentStream},
        approach::{Reach, Settled},
    },
};
use spec::by_tag;

use crate::plan::limits;
use crate::pod::access_planner;
use crate::pod::access_planner::ProbeContext;
use crate::pod::security_context;
use crate::pod::security_context::PodSecurity;
use crate::strategies::probe_command;
pub(crate) use spec::container;

/// Adds one hardened ephemeral container to the target's pod and asks it over one exec.
pub struct Distroless {
    pub(crate) session: Arc<Session>,
    pub(crate) image: String,
    pub(crate) context: ProbeContext,
    pub(crate) nonce: String,
}

impl Distroless {
    pub(crate) fn new(
        session: &Arc<Session>,
        image: &str,
        context: &ProbeContext,
        nonce: &str,
    ) -> Self {
        Self {
            session: Arc::clone(session),
            image: image.to_owned(),
            context: context.clone(),
            nonce: nonce.to_owned(),
        }
    }
}

/// Strategy `distroless` as part of a scan.
pub(crate) struct DistrolessReach {
    image: String,
    context: ProbeContext,
    /// Part of the probe's arguments, and so of the plan.
    nonce: String,
}

impl DistrolessReach {
    /// Plans the probe's access to `target`.
    ///
    /// # Errors
    ///
    /// Fails when no probe may look at it.
    pub(crate) async fn new(
        operator: &OperatorClient,
        target: &Target,
        pod: &Pod,
        image: String,
    ) -> Result<Self, ResolveError> {
        let of_target = security_context::of(pod, target);
        let level = if access_planner::depends_on_level(&of_target) {
            security_context::level(operator, target.namespace.as_str()).await
        } else {
            PodSecurity::default()
        };
        let context = access_planner::plan(&of_target, level)?;
        Ok(Self {
            image,
            context,
            nonce: Uuid::new_v4().simple().to_string(),
        })
    }
}

impl Reach for DistrolessReach {
    fn name(&self) -> &'static str {
        "distroless"
    }

    fn objects(&self, scan: &Settled<'_>) -> Vec<PlannedObject> {
        let seconds = scan.lease_seconds;
        let spec = container(scan.name, scan.target, &self.image, &self.context, seconds);
        let (pod, why) = (&scan.target.pod, self.context.why);
        let purpose = format!("added to pod {pod}; {why}{}", by_tag(&self.image));
        let added = scan.object("v1", "ephemeral container", scan.name, &purpose);
        vec![PlannedObject {
            spec: Some(spec),
            ..added
        }]
    }

    fn rules(&self, scan: &Settled<'_>) -> Vec<PlannedRule> {
        probe_command::rules(scan.target.pod.as_str())
    }

    fn commands(&self, scan: &Settled<'_>) -> Vec<PlannedCommand> {
        let seconds = scan.lease_seconds;
        probe_command::commands(scan.name, scan.target, scan.request, &self.nonce, seconds)
    }

    fn limits(&self, scan: &Settled<'_>, commands: &[PlannedCommand]) -> Vec<PlannedRule> {
        let seconds = scan.lease_seconds;
        let spec = container(scan.name, scan.target, &self.image, &self.context, seconds);
        let run = commands.iter().map(|c| limits::may_run(scan.target, c));
        run.chain([limits::may_add(scan.target, &spec)]).collect()
    }

    fn controls(&self, session: &Arc<Session>) -> Vec<Box<dyn SecurityControl>> {
        let mut all = controls::all(session);
        all.push(Box::new(probe_ends::ProbeEnds(Arc::clone(session))));
        all
    }

    fn strategy(&self, session: &Arc<Session>) -> Box<dyn ScanStrategy> {
        Box::new(Distroless::new(
            session,
            &self.image,
            &self.context,
            &self.nonce,
        ))
    }
}

#[async_trait]
impl ScanStrategy for Distroless {
    fn name(&self) -> &'static str {
        "distroless"
    }

    fn trust(&self) -> &'static str {
        "a probe of our own reads the target; an intruder with its user's rights can still hide from /proc"
    }

    fn commands(&self, target: &Target, request: &InventoryRequest) -> Vec<PlannedCommand> {
        let seconds = self.session.plan().lease_seconds;
        probe_command::commands(&self.session.name(), target, request, &self.nonce, seconds)
    }

    async fn open(
        &self,
        plan: &ScanPlan,
        _: &EnforcedControls,
        _: &InventoryRequest,
    ) -> Result<Box<dyn TargetAccess>, StrategyError> {
        let name = self.session.name();
        let client = self
            .session
            .scan_client()
            .map_err(|e| failed("no credential", Box::new(e)))?;
        let spec = container(
            &name,
            &plan.target,
            &self.image,
            &self.context,
            plan.lease_seconds,
        );
        // Before the call: an interrupt while it is under way must not forget the container.
        self.session.probe_attempted();
        let added = client.add_ephemeral_container(&plan.target, &spec).await;
        let added = added.map_err(|error| {
            if matches!(error.code(), Some(400 | 401 | 403 | 404 | 422)) {
                self.session.probe_refused();
            }
            StrategyError {
                hint: error.hint(),
                ..failed("the probe was not admitted", Box::new(error))
            }
        })?;
        probe_ends::running(&self.session, added).await?;
        let mut beside = plan.target.clone();
        beside.container = name
            .parse()
            .map_err(|e| failed("not a name", Box::new(e)))?;
        let argv = probe_command::argv(&plan.target, &self.nonce, plan.lease_seconds);
        let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
        let opened = client.exec(&beside, &argv).await;
        let stream = opened.map_err(|error| StrategyError {
            hint: error.hint(),
            ..failed("cannot exec into the probe", Box::new(error))
        })?;
        let seconds = plan.lease_seconds;
        let stream = AgentStream::new(stream, Agent::Probe, &self.nonce, seconds);
        Ok(Box::new(stream.comparing(&self.session)))
    }
}

pub(crate) fn failed(
    message: &str,
    source: Box<dyn std::error::Error + Send + Sync>,
) -> StrategyError {
    StrategyError {
        message: message.into(),
        hint: None,
        source: Some(source),
    }
}
