//! Two scans as one: of the image that a container runs, then of the container.

use std::sync::Arc;

use scanner_core::{
    Failure, FailureKind, Remedy, ScanPlan, ScanReport, event::Observer, gate::GateResult,
    report::Verdict, stage::Stage,
};
use scanner_k8s::{Segment, scan::PrepareError};

use crate::{
    prepared::PreparedScan,
    running::{Interrupt, Running, Tap},
    scan::Scan,
    strategy::{self, Sidecar},
    target_selector::TargetSelector,
};

/// What the scan of the container takes from that of the image.
pub(crate) trait Link: Send + Sync {
    /// Takes what was read of the image; says whether there is anything.
    fn keep_image(&self) -> bool;

    /// Makes the report of the scan of the image, of which nothing was kept, one of checks that were not done.
    fn without_image(&self, report: &mut ScanReport);

    /// Completes the report of the container with what it took from the image.
    fn complete(&self, report: &mut ScanReport) {
        let _ = report;
    }
}

/// How the image of a running container is read, beside other things that the caller chooses: nothing of it runs.
pub(crate) fn image_reader(probe_image: &str) -> Sidecar {
    strategy::sidecar(probe_image)
        .inert(true)
        // The copy of another node may be for another kind of processor.
        .same_node(true)
}

/// The scan of an image, that of the container, and what the one takes from the other.
pub(crate) struct Pair {
    pub(crate) image: Scan,
    pub(crate) container: Scan,
    pub(crate) link: Arc<dyn Link>,
    pub(crate) observer: Option<Arc<dyn Observer>>,
}

impl Pair {
    pub(crate) async fn prepare_in(
        self,
        segment: Segment,
        target: TargetSelector,
    ) -> Result<PreparedPair, PrepareError> {
        let next = segment.next();
        let first = self.image.prepare_in(segment, target).await?;
        // The same container, whatever the name means by then.
        let target = TargetSelector::target(&first.plan().target);
        // The server is asked once who it and the operator are.
        let container = self.container.identify(false);
        let second = container.prepare_in(next, target).await?;
        Ok(PreparedPair {
            first,
            second,
            link: self.link,
            observer: self.observer,
        })
    }

    pub(crate) async fn plan_in(
        self,
        segment: Segment,
        target: TargetSelector,
    ) -> Result<[ScanPlan; 2], PrepareError> {
        let next = segment.next();
        let first = self.image.plan_in(segment, target).await?;
        let target = TargetSelector::target(&first.target);
        let second = self.container.identify(false).plan_in(next, target).await?;
        Ok([first, second])
    }
}

/// Two scans that were planned and have written nothing yet: of the image, then of the container.
pub struct PreparedPair {
    first: PreparedScan,
    second: PreparedScan,
    link: Arc<dyn Link>,
    observer: Option<Arc<dyn Observer>>,
}

impl PreparedPair {
    /// Both plans: of the scan of the image, then of the container.
    pub fn plans(&self) -> [&ScanPlan; 2] {
        [self.first.plan(), self.second.plan()]
    }

    /// The gates that refuse the target, if any does.
    pub fn refusal(&self) -> Option<Vec<&GateResult>> {
        self.first.refusal().or_else(|| self.second.refusal())
    }

    /// Starts both in one task of its own.
    pub fn spawn(self) -> Running {
        let plan = self.first.plan().clone();
        let (observer, log) = (self.observer.clone(), self.first.audit());
        Running::start(plan, observer, move |tap, interrupt| async move {
            let mut report = Box::pin(self.both(&tap, &interrupt)).await;
            log.bind(&mut report);
            report
        })
    }

    /// Runs both to their end. Dropping the future, as a timeout does, stops them.
    ///
    /// Does not fail: whatever happens is in the report, which has the scan of the image in
    /// [`ScanReport::image_scan`].
    pub async fn run(self) -> ScanReport {
        self.spawn().await
    }

    /// Reads the image, then the container. Nothing touches the container unless the image was read and all that this
    /// created is shown to be gone.
    async fn both(self, tap: &Tap, interrupt: &Interrupt) -> ScanReport {
        let (first, _) = self.first.into_parts();
        let mut image_scan = Box::pin(first.run(tap, interrupt.wait())).await;
        if image_scan.verdict != Verdict::Passed {
            return image_scan;
        }
        if !self.link.keep_image() {
            self.link.without_image(&mut image_scan);
            return image_scan;
        }
        let (second, _) = self.second.into_parts();
        if image_scan.plan.target != second.plan().target {
            let why = "the container was replaced while its image was read";
            let failure = Failure::new(Stage::Resolve, FailureKind::TargetReplaced, why);
            let again = Remedy::scan_again("when it is stable");
            image_scan.failure = Some(failure.with_remedy(again));
            image_scan.verdict = Verdict::Failed;
            return image_scan;
        }
        tap.scanning(second.plan());
        let mut report = Box::pin(second.run(tap, interrupt.wait())).await;
        report.api_calls.operator += image_scan.api_calls.operator;
        report.api_calls.scan += image_scan.api_calls.scan;
        report.seconds += image_scan.seconds;
        report.started.clone_from(&image_scan.started);
        report.origin.clone_from(&image_scan.origin);
        report.image_scan = Some(Box::new(image_scan));
        self.link.complete(&mut report);
        report
    }
}
