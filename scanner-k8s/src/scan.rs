//! One scan from request to report: resolve, plan, run. This is what programs embed.

mod auto;

use std::{future::Future, sync::Arc};

use futures_util::FutureExt;
use scanner_core::{
    Pipeline, ScanEngine, ScanPlan, ScanReport,
    audit::AuditLog,
    event::Observer,
    finding::Severity,
    gate::{ExpectedDigest, Gate, GateDecision, GateFacts, GateResult},
    inventory::PodFacts,
    report::{ApiCalls, AuditSummary, Verdict},
    target::PodSelection,
};

use crate::names::object_name;
use crate::plan::request::MAX_LEASE;
use crate::plan::request::MIN_LEASE;
use crate::plan::request::ScanRequest;
use crate::plan::scan_id::scan_id;
use crate::run::logged::LoggedScan;
use crate::strategies::approach::{self, Reach, Settled};
use crate::{
    api::{connect::Cluster, segment::Segment},
    plan::{
        gate_facts, manifest,
        preflight::{self, Allowed},
        resolve::{ResolveError, resolve},
    },
    pod::{facts, snapshot::PodSnapshot},
    run::{alert, session::Session},
    strategies::{agent::Lacks, sidecar},
};

/// A scan that was planned and has written nothing yet.
pub struct PreparedScan {
    segment: Segment,
    plan: ScanPlan,
    pod: PodFacts,
    before: PodSnapshot,
    unused: Vec<String>,
    required: Vec<String>,
    allowed: Allowed,
    threshold: Severity,
    reach: Box<dyn Reach>,
    /// What to do when the target lacks what the strategy needs, where the strategy was left to choose.
    otherwise: Option<ScanRequest>,
}

impl PreparedScan {
    /// Resolves the target, asks whether the operator may do all that a scan needs, and plans it.
    /// Two or three calls that read; nothing is written.
    ///
    /// # Errors
    ///
    /// Fails when there is no such running container, or more than one, or a permission is missing.
    pub async fn new(
        cluster: &Cluster,
        engine: &dyn ScanEngine,
        request: ScanRequest,
    ) -> Result<Self, ResolveError> {
        Self::within(cluster.begin(), engine, request).await
    }

    /// The same in a segment that was begun before, such as one whose log is written to a file already, or
    /// is that of an earlier scan ([`Segment::next`]).
    ///
    /// # Errors
    ///
    /// Fails as [`PreparedScan::new`] does.
    pub async fn within(
        segment: Segment,
        engine: &dyn ScanEngine,
        request: ScanRequest,
    ) -> Result<Self, ResolveError> {
        let operator = segment.operator();
        let otherwise = request.otherwise();
        let scan_id = scan_id().map_err(|_| ResolveError::Malformed("a scan id"))?;
        let name = object_name(&scan_id);
        let (target, pod) = match &request.target.pod {
            PodSelection::Image(image) => {
                let namespace = request.target.namespace.clone();
                (sidecar::image_target(namespace, &name, image)?, None)
            }
            PodSelection::Name(_) | PodSelection::Labels(_) => {
                let (target, pod) = resolve(operator, &request.target).await?;
                (target, Some(pod))
            }
        };
        let reach =
            approach::decide(operator, &target, pod.as_ref(), request.strategy.clone()).await?;
        let namespace = target.namespace.as_str();
        let allowed = preflight::ask(operator, namespace).await?;
        let missing = allowed.missing(reach.needs());
        if !missing.is_empty() {
            return Err(ResolveError::Forbidden(namespace.to_owned(), missing));
        }
        let settled = Settled {
            target: &target,
            name: &name,
            request: &engine.request(),
            lease_seconds: request.lease_seconds.clamp(MIN_LEASE, MAX_LEASE),
        };
        let mut objects = manifest::planned(
            &settled.target.namespace,
            settled.name,
            "the scan's own identity",
        );
        objects.extend(reach.objects(&settled));
        let (mut rules, commands) = (reach.rules(&settled), reach.commands(&settled));
        if allowed.limits() {
            rules.extend(reach.limits(&settled, &commands));
        }
        let mut plan = ScanPlan {
            objects,
            rules,
            commands,
            differences: reach.differences(),
            controls: vec![],
            scan_id,
            strategy: reach.name().into(),
            reason: otherwise.as_ref().map(|_| auto::FIRST.into()),
            profile: request.profile.clone(),
            policy: request.policy.as_ref().map(|p| p.reference()),
            gates: vec![],
            lease_seconds: settled.lease_seconds,
            target: target.clone(),
            otherwise: None,
        };
        let session = Session::new(segment.clone(), plan.clone());
        let controls = reach.controls(&session);
        plan.controls = controls.iter().map(|c| c.plan()).collect();
        let before = pod.as_ref().map(PodSnapshot::of).unwrap_or_default();
        let pod_facts = pod.as_ref().map(|pod| facts::of(pod, &target));
        let pod_facts = pod_facts.unwrap_or_else(|| PodFacts {
            image: target.image.clone(),
            ..PodFacts::default()
        });
        let known = match &request.policy {
            Some(policy) => {
                let (facts, needs) = (pod_facts.clone(), policy.needs());
                let pod = pod.unwrap_or_default();
                let asked = gate_facts::collect(operator, &pod, &target, facts, needs, &allowed);
                Some(Box::pin(asked).await)
            }
            None => None,
        };
        let (gates, unused) = judged(&request, known.as_ref(), &plan);
        plan.gates = gates;
        Ok(Self {
            before,
            pod: pod_facts,
            unused,
            required: request
                .policy
                .iter()
                .flat_map(|p| p.required_controls())
                .collect(),
            allowed,
            segment,
            plan,
            threshold: request.threshold,
            reach,
            otherwise,
        })
    }

    /// Everything that [`PreparedScan::run`] would create, grant and run.
    pub fn plan(&self) -> &ScanPlan {
        &self.plan
    }

    /// The same with what would be done instead, where the strategy was left to choose. A few calls
    /// that read; nothing is written.
    pub async fn whole_plan(&self, engine: &dyn ScanEngine) -> ScanPlan {
        let mut plan = self.plan.clone();
        if let Some(request) = self.otherwise.clone() {
            let planned = Box::pin(auto::planned(self.segment.next(), engine, request));
            plan.otherwise = Some(Box::new(planned.await));
        }
        plan
    }

    /// Whether a gate refuses the target; the scan would then not touch it.
    pub fn refused(&self) -> bool {
        let aborts = |gate: &GateResult| matches!(gate.decision, GateDecision::Abort { .. });
        self.plan.gates.iter().any(aborts)
    }

    /// The log of what this scan decides and does, and of every call that it makes. It is still open:
    /// [`AuditLog::close`] it after the scan, or after the last one that shares it.
    pub fn audit(&self) -> Arc<AuditLog> {
        Arc::clone(self.segment.audit())
    }

    /// Runs the scan. When `interrupt` resolves, with its reason, what was made is released first.
    ///
    /// Does not fail: whatever happens is in the report.
    pub async fn run(
        mut self,
        engine: &dyn ScanEngine,
        observer: &dyn Observer,
        interrupt: impl Future<Output = String>,
    ) -> ScanReport {
        let interrupt = interrupt.shared();
        let (segment, otherwise) = (self.segment.clone(), self.otherwise.take());
        // On the heap: whoever embeds this need not care how large a scan's future is.
        let first = Box::pin(self.run_once(engine, observer, interrupt.clone()));
        let (report, lacks) = first.await;
        // Only from a clean slate: what the first strategy made is shown to be gone.
        let clean = !matches!(
            report.verdict,
            Verdict::CleanupUnverified | Verdict::GateAborted
        );
        match (otherwise, lacks) {
            (Some(next), Some(lacks)) if clean => {
                Box::pin(auto::second(
                    segment.next(),
                    report,
                    &lacks,
                    next,
                    engine,
                    observer,
                    interrupt,
                ))
                .await
            }
            _ => report,
        }
    }

    /// Runs one strategy, and tells what it needs and the target turned out not to have.
    async fn run_once(
        self,
        engine: &dyn ScanEngine,
        observer: &dyn Observer,
        interrupt: impl Future<Output = String>,
    ) -> (ScanReport, Option<Lacks>) {
        let session = Session::new(self.segment.clone(), self.plan.clone());
        let _ = session.before.set(self.before);
        let observer = &LoggedScan::new(&session, observer);
        let gates = self.plan.gates.iter().cloned();
        let gates = gates.map(|gate| Box::new(gate) as Box<dyn Gate>).collect();
        let pipeline = Pipeline {
            plan: self.plan,
            gates,
            required: self.required,
            controls: self.reach.controls(&session),
            strategy: self.reach.strategy(&session),
            engine,
            pod: self.pod,
            threshold: self.threshold,
            observer,
        };
        let mut report = pipeline.run(interrupt).await;
        report.unused_allowances = self.unused;
        if report.verdict == Verdict::GateAborted {
            report.alert =
                Some(alert::raise(self.segment.operator(), &report, &self.allowed).await);
        }
        let (operator, scan) = self.segment.calls();
        report.api_calls = ApiCalls { operator, scan };
        report.audit = Some(AuditSummary::of(self.segment.audit()));
        self.reach.refine(&mut report);
        (report, self.reach.lacks().cloned())
    }
}

/// What every gate says, and what the policy allows for nothing.
fn judged(
    request: &ScanRequest,
    known: Option<&GateFacts>,
    plan: &ScanPlan,
) -> (Vec<GateResult>, Vec<String>) {
    let digest = request.expected_digest.clone().map(ExpectedDigest);
    let digest = digest.iter().map(|gate| GateResult {
        id: gate.id().into(),
        decision: gate.judge(plan),
    });
    let mut gates: Vec<GateResult> = digest.collect();
    let mut unused = Vec::new();
    if let (Some(policy), Some(known)) = (&request.policy, known) {
        gates.extend(policy.judge(known, plan));
        unused = policy.unused(known);
    }
    (gates, unused)
}
