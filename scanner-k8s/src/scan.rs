//! One scan from request to report: resolve, plan, run. This is what programs embed.

mod auto;
mod error;
mod prepare;
mod registry;

use std::{future::Future, sync::Arc};

use futures_util::FutureExt as _;
use scanner_core::{
    ScanPlan, ScanReport, Subject, Verdict,
    audit::AuditLog,
    control::ScopeObjects,
    event::Observer,
    gate::{Gate, GateDecision, GateResult},
    guarded::{Setup, guarded},
    inventory::{Collected, PodFacts},
    look::Look,
    report::{ApiCalls, AuditSummary},
};

use crate::{
    api::{connect::Cluster, segment::Segment},
    plan::{
        preflight::Allowed,
        request::{ScanRequest, Strategy},
    },
    run::{alert, logged::LoggedScan, scope::ScanScope},
    strategies::approach::Started,
};

pub use error::{PrepareError, PrepareErrorKind};
pub use prepare::SHIPPED_CONTROLS;

/// A scan that was planned and has written nothing yet.
pub struct PreparedScan {
    segment: Segment,
    scope: Arc<ScanScope>,
    objects: Arc<dyn ScopeObjects>,
    plan: ScanPlan,
    pod: Collected<PodFacts>,
    unused: Vec<String>,
    required: Vec<String>,
    allowed: Allowed,
    started: Started,
    request: ScanRequest,
    /// What to do when the target does not have what the strategy needs, where the strategy was chosen automatically.
    fallback: Vec<Strategy>,
}

impl PreparedScan {
    /// Resolves the target, asks whether the operator may do all that a scan needs, and plans it.
    /// Two or three calls that read; nothing is written.
    ///
    /// # Errors
    ///
    /// Fails when there is no such running container, or more than one, a permission is missing, or the request
    /// contradicts itself.
    pub async fn new(cluster: &Cluster, request: ScanRequest) -> Result<Self, PrepareError> {
        Self::in_segment(cluster.begin(), request).await
    }

    /// The same within a segment that the program made, so that several scans of one command share a log.
    ///
    /// # Errors
    ///
    /// As [`PreparedScan::new`].
    pub async fn in_segment(segment: Segment, request: ScanRequest) -> Result<Self, PrepareError> {
        prepare::prepare(segment, request).await
    }

    /// Everything that [`PreparedScan::run`] would create, grant and run.
    pub fn plan(&self) -> &ScanPlan {
        &self.plan
    }

    /// The same with what would be done instead, where the strategy was chosen automatically. A few calls
    /// that read; nothing is written.
    pub async fn whole_plan(&self) -> ScanPlan {
        let mut plan = self.plan.clone();
        if let Some((next, _)) = self.fallback.split_first() {
            let request = auto::with(&self.request, next.clone());
            let planned = Box::pin(auto::planned(&self.segment, request));
            plan.fallback = Some(Box::new(planned.await));
        } else if matches!(self.request.strategy, Strategy::Auto { .. }) {
            plan.fallback = Some(Box::new(auto::none()));
        }
        plan
    }

    /// The gates that refuse the target, if any does: the scan would then not touch it.
    pub fn refusal(&self) -> Option<Vec<&GateResult>> {
        let aborts = |gate: &&GateResult| matches!(gate.decision, GateDecision::Abort { .. });
        let refusing: Vec<&GateResult> = self.plan.gates.iter().filter(aborts).collect();
        (!refusing.is_empty()).then_some(refusing)
    }

    /// The log of what this scan decides and does. It is still open: [`AuditLog::close`] it after the scan.
    pub fn audit(&self) -> Arc<AuditLog> {
        Arc::clone(self.segment.audit())
    }

    /// The segment in which the scan is counted and logged.
    pub fn segment(&self) -> &Segment {
        &self.segment
    }

    /// Runs the scan. When `interrupt` resolves, with its reason, what was made is released first.
    ///
    /// Does not fail: whatever happens is in the report.
    pub async fn run(
        mut self,
        observer: &dyn Observer,
        interrupt: impl Future<Output = String>,
    ) -> ScanReport {
        let interrupt = interrupt.shared();
        let (segment, request) = (self.segment.clone(), self.request.clone());
        let fallback = std::mem::take(&mut self.fallback);
        let auto = matches!(request.strategy, Strategy::Auto { .. });
        // On the heap: whoever embeds this need not care how large a scan's future is.
        let report = Box::pin(self.run_once(observer, interrupt.clone())).await;
        // Only from a clean slate: what the first strategy made is shown to be gone.
        if !auto || !auto::may_go_on(&report) {
            return report;
        }
        Box::pin(auto::next(
            &segment, report, &request, fallback, observer, interrupt,
        ))
        .await
    }

    /// Runs one strategy.
    async fn run_once(
        self,
        observer: &dyn Observer,
        interrupt: impl Future<Output = String>,
    ) -> ScanReport {
        let observer = &LoggedScan::new(&self.scope, &self.plan, observer);
        let gates = self.plan.gates.iter().cloned();
        let gates = gates.map(|gate| Box::new(gate) as Box<dyn Gate>).collect();
        let subject = Subject::container(self.plan.target.clone());
        let Started {
            controls,
            strategy,
            refine,
        } = self.started;
        let mut work = Look::new(
            subject,
            strategy,
            self.request.engines,
            self.request.host,
            self.request.evaluation,
        )
        .with_pod(self.pod);
        let mut setup = Setup::new(self.plan, controls, observer);
        setup.gates = gates;
        setup.required = self.required;
        setup.objects = Some(self.objects);
        setup.threshold = self.request.threshold;
        let mut report = guarded(setup, &mut work, interrupt).await;
        report.unused_allowances = self.unused;
        if report.verdict == Verdict::GateAborted {
            let operator = self.segment.operator();
            report.gate_alert = Some(alert::raise(operator, &report, &self.allowed).await);
        }
        let (operator, scan) = self.segment.calls();
        report.api_calls = ApiCalls::new(operator, scan);
        report.audit = Some(AuditSummary::of(self.segment.audit()));
        if let Some(refine) = refine {
            refine(&mut report);
        }
        report
    }
}
