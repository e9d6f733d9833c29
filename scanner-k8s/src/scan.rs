//! One scan from request to report: resolve, plan, run. This is what programs embed.

mod auto;
mod checks;
mod choice;
mod error;
mod fallback;
mod prepare;
mod prepared;
mod registry;
pub mod request;
mod rights;

use std::future::Future;

use futures_util::FutureExt as _;
use scanner_core::{ScanPlan, ScanReport, event::Observer, target::TargetForm};

use prepare::MissingRight;
use request::{ScanRequest, Strategy};

use crate::{
    api::{connect::Cluster, segment::Segment},
    plan::resolve::namespace_exists,
};

pub use error::{PrepareError, PrepareErrorKind};
pub use prepared::PreparedScan;

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
        Box::pin(prepare::prepare(segment, request, MissingRight::Refuses)).await
    }

    /// Plans a scan, with its fallback. Rights that the operator does not have are in the plan and are not an
    /// error. Makes a few calls that read, and writes nothing.
    ///
    /// # Errors
    ///
    /// As [`PreparedScan::new`], but not because the operator has too few rights for the scan itself.
    pub async fn plan_in_segment(
        segment: Segment,
        request: ScanRequest,
    ) -> Result<ScanPlan, PrepareError> {
        let prepared =
            Box::pin(prepare::prepare(segment, request, MissingRight::IsPlanned)).await?;
        Box::pin(prepared.named_namespaces_exist()).await?;
        Ok(Box::pin(prepared.whole_plan()).await)
    }

    /// Refuses a plan for a namespace that is named, that no call of the plan reads, and that does not exist. A scan finds it out
    /// with the first object that it makes, and spends no call on it.
    async fn named_namespaces_exist(&self) -> Result<(), PrepareError> {
        let image = self.plan.target.form == TargetForm::Image && self.plan.image_of.is_none();
        let home = image.then_some(&self.plan.target.namespace);
        let identity = self.plan.identity_namespace.as_ref();
        for namespace in home.into_iter().chain(identity) {
            namespace_exists(self.segment.operator(), namespace.as_str()).await?;
        }
        Ok(())
    }

    /// The same with its fallback, where the strategy was chosen automatically. A few calls
    /// that read; nothing is written.
    pub async fn whole_plan(&self) -> ScanPlan {
        let mut plan = self.plan.clone();
        if !self.fallback.is_empty() {
            let planned = auto::planned(&self.segment, &self.request, &self.fallback);
            plan.fallback = Some(Box::new(Box::pin(planned).await));
        } else if matches!(self.request.strategy, Strategy::Auto { image: None, .. }) {
            plan.fallback = Some(Box::new(auto::none()));
        }
        plan
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
        // On the heap: a scan's future is large.
        let report = Box::pin(self.run_once(observer, interrupt.clone())).await;
        // Only from a clean slate: everything that the first strategy made must be shown to be gone.
        if !auto || !auto::may_go_on(&report) {
            return report;
        }
        Box::pin(auto::next(
            &segment, report, &request, fallback, observer, interrupt,
        ))
        .await
    }
}
