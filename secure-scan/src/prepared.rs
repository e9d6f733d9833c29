//! A scan that was planned and has written nothing yet.

use std::sync::Arc;

use scanner_core::{ScanPlan, ScanReport, audit::AuditLog, event::Observer, gate::GateResult};

use crate::running::Running;

/// A scan that was planned and has written nothing yet. It does exactly what its plan shows.
pub struct PreparedScan {
    /// On the heap, because the scan is large.
    inner: Box<scanner_k8s::PreparedScan>,
    observer: Option<Arc<dyn Observer>>,
}

impl PreparedScan {
    pub(crate) fn new(
        inner: scanner_k8s::PreparedScan,
        observer: Option<Arc<dyn Observer>>,
    ) -> Self {
        Self {
            inner: Box::new(inner),
            observer,
        }
    }

    /// Every object, permission and command that the scan would create, grant and run.
    pub fn plan(&self) -> &ScanPlan {
        self.inner.plan()
    }

    /// The same, with what would be done instead if the strategy is chosen automatically. Makes a few calls
    /// that read.
    pub async fn whole_plan(&self) -> ScanPlan {
        Box::pin(self.inner.whole_plan()).await
    }

    /// The gates that refuse the target, if any does. The scan would then not touch it; running it raises the alert of
    /// the gate in the cluster and gives the report.
    pub fn refusal(&self) -> Option<Vec<&GateResult>> {
        self.inner.refusal()
    }

    /// The log of what this scan decides and does, which grows while it runs and is bound to the report at its
    /// end. It is still open: [`AuditLog::close`] it once you have the report. If you change the report before,
    /// bind it again: [`AuditLog::bind`].
    pub fn audit(&self) -> Arc<AuditLog> {
        self.inner.audit()
    }

    /// Starts the scan in a task of its own.
    ///
    /// Outside of a tokio runtime it gives the report of a scan that failed, at once.
    pub fn spawn(self) -> Running {
        let (plan, log) = (self.plan().clone(), self.audit());
        Running::start(plan, self.observer, move |tap, interrupt| async move {
            let mut report = Box::pin(self.inner.run(tap.as_ref(), interrupt.wait())).await;
            log.bind(&mut report);
            report
        })
    }

    /// Runs the scan to its end. Dropping the future, as a timeout does, stops it.
    ///
    /// Does not fail: whatever happens is in the report.
    pub async fn run(self) -> ScanReport {
        self.spawn().await
    }

    pub(crate) fn into_parts(self) -> (scanner_k8s::PreparedScan, Option<Arc<dyn Observer>>) {
        (*self.inner, self.observer)
    }
}

impl std::fmt::Debug for PreparedScan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PreparedScan")
            .field("plan", self.plan())
            .finish_non_exhaustive()
    }
}
