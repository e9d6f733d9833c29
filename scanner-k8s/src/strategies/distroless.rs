//! Strategy `distroless`: an ephemeral container with a probe, with the weakest security context that can still see the
//! target.

mod image_trial;
mod probe_ends;
mod spec;

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Pod;
use scanner_core::{
    EnforcedControls, FailureKind, OpenContext, PreparedControls, ProbeResources, Remedy,
    ScanStrategy, StrategyError, Target, TargetAccess,
    alert::SecurityAlert,
    plan::{EvidenceSource, Need, PlannedCommand, PlannedObject, PlannedRule},
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    api::{image_memory::TriedImage, segment::Segment},
    controls,
    plan::{manifest, probe_image::ProbeImage},
    pod::{
        access_planner::{self, ProbeContext, Refusal},
        agreement::{Agreement, Witness},
        containers,
        security_context::{self, PodSecurity},
        stated::Stated,
        strength,
    },
    run::{ledger::Ledger, scope::ScanScope},
    strategies::{
        agent::{Agent, AgentStream},
        approach::{Approach, PlanScope, Started},
        failed, probe_command,
    },
};
use image_trial::{Trial, TrialPod};
use spec::by_tag;

pub(crate) use spec::container;

/// Strategy `distroless` as part of a scan.
pub(crate) struct DistrolessApproach {
    image: String,
    trial: Trial,
    context: ProbeContext,
    evidence: EvidenceSource,
    stated: Stated,
    /// Part of the probe's arguments, and so of the plan.
    nonce: String,
}

/// What the operator does beside what every scan does, to add a probe; and to try its image first.
pub(crate) fn needs(image: &ProbeImage) -> Vec<Need> {
    let mut all = added();
    if image.is_tried() {
        all.extend(image_trial::needs());
    }
    all
}

/// What the operator does to add a probe.
fn added() -> Vec<Need> {
    vec![
        Need::new("", "pods/ephemeralcontainers", &["patch"]).of_target(),
        Need::new("", "pods", &["watch"]).of_target(),
    ]
}

impl DistrolessApproach {
    /// Plans the probe's access to `target`.
    ///
    /// # Errors
    ///
    /// Fails when no probe may look at it.
    pub(crate) async fn new(
        segment: &Segment,
        target: &Target,
        pod: &Pod,
        image: &ProbeImage,
        resources: &ProbeResources,
    ) -> Result<Self, Refusal> {
        if containers::is_ephemeral(pod, target.container.as_str()) {
            return Err(Refusal::Ephemeral);
        }
        let of_target = security_context::of(pod, target);
        let level = if access_planner::depends_on_level(&of_target) {
            security_context::level(segment.operator(), target.namespace.as_str()).await
        } else {
            PodSecurity::default()
        };
        let context = access_planner::plan(&of_target, level)?;
        let tried = TrialPod::new(image.name(), target, pod, resources);
        Ok(Self {
            image: image.name().to_owned(),
            trial: Trial::of(segment, target, image, tried),
            evidence: strength::of_probe(pod, target, &context),
            stated: Stated::of(pod, target),
            context,
            nonce: Uuid::new_v4().simple().to_string(),
        })
    }
}

impl Approach for DistrolessApproach {
    fn name(&self) -> &'static str {
        "distroless"
    }

    /// The operator adds the probe: no identity of a scan can ever add a container.
    fn needs(&self) -> Vec<Need> {
        let mut all = added();
        all.extend(self.trial.needs());
        all
    }

    fn optional_needs(&self) -> Vec<Need> {
        self.trial.needs()
    }

    fn objects(&self, scope: &PlanScope<'_>) -> Vec<PlannedObject> {
        let seconds = scope.lease_seconds;
        let spec = container(
            scope.name,
            scope.target,
            &self.image,
            &self.context,
            seconds,
        );
        let (pod, why) = (&scope.target.pod, self.context.why);
        let notes = [by_tag(&self.image), self.trial.note()].concat();
        let purpose = format!("added to pod {pod}; {why}{notes}");
        let added = scope.object("v1", "ephemeral container", scope.name, &purpose);
        let tried = self.trial.object(scope).into_iter();
        tried.chain([added.with_spec(spec)]).collect()
    }

    fn rules(&self, scope: &PlanScope<'_>) -> Vec<PlannedRule> {
        vec![manifest::exec_rule(scope.target.pod.as_str())]
    }

    fn commands(&self, scope: &PlanScope<'_>) -> Vec<PlannedCommand> {
        let seconds = scope.lease_seconds;
        probe_command::commands(
            scope.name,
            scope.target,
            scope.request,
            &self.nonce,
            seconds,
        )
    }

    fn evidence(&self) -> Option<EvidenceSource> {
        Some(self.evidence.clone())
    }

    fn start(mut self: Box<Self>, scope: &Arc<ScanScope>) -> Started {
        let agreement = Agreement::new(Witness::Probe, self.stated.clone());
        let mut all = controls::all(scope);
        let trial = std::mem::replace(&mut self.trial, Trial::Skipped);
        let known = trial.known().cloned();
        all.extend(trial.control(scope));
        all.push(Box::new(probe_ends::ProbeEnds(Arc::clone(scope))));
        all.push(controls::target_agrees(&agreement));
        let strategy = Distroless {
            scope: Arc::clone(scope),
            agreement,
            trust: probe_command::trust(
                "a probe of our own reads the target; an intruder with its user's rights can still hide from /proc",
                &self.evidence,
            ),
            known,
            approach: *self,
        };
        Started::new(all, Box::new(strategy))
    }
}

/// Adds one hardened ephemeral container to the target's pod and asks it over one exec.
struct Distroless {
    scope: Arc<ScanScope>,
    agreement: Arc<Agreement>,
    trust: String,
    /// What was not tried, because it started on the node before.
    known: Option<TriedImage>,
    approach: DistrolessApproach,
}

impl Distroless {
    /// Compares the container that the server added with the planned one, field by field: whatever else it mounts, runs or
    /// is given could make another program answer.
    fn as_planned(&self, planned: &Value, pod: &Pod) -> Result<(), StrategyError> {
        let differences = spec::differences(planned, pod);
        if differences.is_empty() {
            return Ok(());
        }
        let name = self.scope.name();
        let message = format!(
            "ephemeral container {name} is not as the scan asked for: {}",
            differences.join(", ")
        );
        let status = pod.status.iter();
        let mut statuses =
            status.flat_map(|status| status.ephemeral_container_statuses.iter().flatten());
        if statuses.any(|status| status.name == name) {
            // A node has seen it already: it was there before the scan asked for it.
            let alert = SecurityAlert::new("unplanned-container", message.clone());
            self.scope.alerts().raise(alert);
        }
        Err(StrategyError::new(FailureKind::Unknown, message).with_remedy(Remedy::advice(
            "an admission webhook changes containers, or somebody added one of that name first; exempt what secure-scan adds",
        )))
    }
}

#[async_trait]
impl ScanStrategy for Distroless {
    fn name(&self) -> &'static str {
        "distroless"
    }

    fn trust(&self) -> &str {
        &self.trust
    }

    async fn prepare(
        &self,
        context: &OpenContext<'_>,
        controls: &PreparedControls,
    ) -> Result<(), StrategyError> {
        let plan = self.scope.plan();
        let (name, ledger) = (self.scope.name(), self.scope.ledger());
        let (image, security) = (&self.approach.image, &self.approach.context);
        let spec = container(&name, &plan.target, image, security, plan.lease_seconds);
        // Before the call, and in a task of its own: an interrupt while it is under way must not forget the container,
        // and release waits for what the server makes of it.
        let under_way = Ledger::attempt_probe(ledger, &name);
        let operator = self.scope.segment().operator();
        let adding = operator.add_ephemeral_container(controls, &plan.scan_id, &plan.target, &spec);
        let added = tokio::spawn(async move {
            let added = adding.await;
            under_way.end_of_part(added.as_ref());
            added
        });
        let added = added.await.map_err(|source| {
            StrategyError::new(FailureKind::Internal, "adding the probe ended unexpectedly")
                .with_source(source)
        })?;
        let added = added.map_err(|error| {
            let (kind, remedy) = (error.failure_kind(), error.remedy());
            StrategyError::new(kind, "the probe was not admitted")
                .with_remedy(remedy)
                .with_source(error)
        })?;
        self.as_planned(&spec, &added)?;
        let runs = probe_ends::running(&self.scope, added, context).await;
        if let (Some(known), Err(error)) = (&self.known, &runs)
            && error.kind == FailureKind::NotStarted
        {
            self.scope.segment().images().forget(known);
        }
        runs
    }

    async fn open(
        &self,
        _: &OpenContext<'_>,
        controls: &EnforcedControls,
    ) -> Result<Box<dyn TargetAccess>, StrategyError> {
        let plan = self.scope.plan();
        let client = self.scope.credential().scan_client(controls);
        let client = client.map_err(|error| failed("no credential", error))?;
        let mut beside = plan.target.clone();
        beside.container = self.scope.name().parse().map_err(|error| {
            StrategyError::new(FailureKind::Internal, "not a name of a container")
                .with_source(error)
        })?;
        let (nonce, seconds) = (&self.approach.nonce, plan.lease_seconds);
        let argv = probe_command::argv(&plan.target, nonce, seconds);
        let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
        let opened = client.exec(&beside, &argv).await;
        let stream = opened.map_err(|error| {
            let (kind, remedy) = (error.failure_kind(), error.remedy());
            StrategyError::new(kind, "cannot exec into the probe")
                .with_remedy(remedy)
                .with_source(error)
        })?;
        let stream = AgentStream::new(stream, Agent::Probe, nonce, &self.scope);
        Ok(Box::new(stream.comparing(&self.scope, &self.agreement)))
    }
}
