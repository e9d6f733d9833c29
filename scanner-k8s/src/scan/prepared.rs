//! A scan that was planned, and one run of its strategy.

use std::{future::Future, sync::Arc};

use scanner_core::{
    ScanPlan, ScanReport, Subject, Verdict,
    audit::AuditLog,
    control::ScopeObjects,
    event::Observer,
    gate::{Gate, GateResult},
    guarded::{Setup, guarded},
    inventory::{Collected, PodFacts},
    look::Look,
    report::{ApiCalls, AuditSummary, Origin},
};

use super::request::{ScanRequest, Strategy};
use crate::{
    api::segment::Segment,
    plan::preflight::Allowed,
    run::{alert, logged::LoggedScan, scope::ScanScope},
    strategies::approach::Started,
};

/// A scan that was planned and has written nothing yet.
pub struct PreparedScan {
    pub(super) segment: Segment,
    pub(super) scope: Arc<ScanScope>,
    pub(super) objects: Arc<dyn ScopeObjects>,
    pub(super) plan: ScanPlan,
    pub(super) pod: Collected<PodFacts>,
    pub(super) origin: Origin,
    pub(super) unused: Vec<String>,
    pub(super) required: Vec<String>,
    pub(super) allowed: Allowed,
    pub(super) started: Started,
    pub(super) request: ScanRequest,
    /// What to do when the target does not have what the strategy needs, where the strategy was chosen automatically.
    pub(super) fallback: Vec<Strategy>,
}

impl PreparedScan {
    /// Everything that [`PreparedScan::run`] would create, grant and run.
    pub fn plan(&self) -> &ScanPlan {
        &self.plan
    }

    /// The gates that refuse the target, if any does: the scan would then not touch it.
    pub fn refusal(&self) -> Option<Vec<&GateResult>> {
        self.plan.refusal()
    }

    /// The log of what this scan decides and does. It is still open: [`AuditLog::close`] it after the scan.
    pub fn audit(&self) -> Arc<AuditLog> {
        Arc::clone(self.segment.audit())
    }

    /// The segment in which the scan is counted and logged.
    pub fn segment(&self) -> &Segment {
        &self.segment
    }

    /// Runs one strategy.
    pub(super) async fn run_once(
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
            ..
        } = self.started;
        let mut work = Look::new(
            subject,
            strategy,
            self.request.engines,
            self.request.host,
            self.request.evaluation,
        )
        .with_pod(self.pod)
        .observed_by(observer);
        let mut setup = Setup::new(self.plan, controls, observer);
        setup.gates = gates;
        setup.required = self.required;
        setup.objects = Some(self.objects);
        setup.alerts = self.scope.alerts().clone();
        setup.threshold = self.request.threshold;
        let mut report = guarded(setup, &mut work, interrupt).await;
        report.unused_allowances = self.unused;
        report.origin = Some(self.origin);
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
