//! Two scans as one: first of the image that a container runs, then of the container.

use std::sync::Arc;

use scanner_core::{
    Remedy, ScanPlan, ScanReport, Target,
    event::Observer,
    finding::{EngineRef, Findings, Severity},
    gate::GateResult,
    report::Verdict,
};
use scanner_k8s::{Segment, plan::resolve::ResolveError, scan::PrepareError};

use crate::{
    prepared::PreparedScan,
    running::{Interrupt, Running, Tap},
    scan::Scan,
    strategy::{self, Sidecar},
    target_selector::TargetSelector,
};

/// What the scan of the container takes from the scan of the image.
pub(crate) trait Link: Send + Sync {
    /// Takes the contents of the image that were read; returns whether there are any.
    fn keep_image(&self) -> bool;

    /// The engines of the container.
    fn references(&self) -> Vec<EngineRef>;

    /// The words for what was not done with the container if nothing was kept of its image.
    fn not_done(&self) -> &'static str;

    /// Completes the report of the container with what it took from the image.
    fn complete(&self, report: &mut ScanReport) {
        let _ = report;
    }
}

/// Turns the report of the scan of an image of which nothing was kept into one of checks that were not done.
pub(crate) fn without_image(link: &dyn Link, report: &mut ScanReport) {
    let why = format!(
        "the image was read and nothing of it was kept, so that {}",
        link.not_done()
    );
    let engines = link.references().into_iter();
    report.findings = engines
        .map(|engine| Findings::failed(engine, &why))
        .collect();
    report.verdict = Verdict::of(&report.findings, Severity::Info);
}

/// The container that was named: the target, or the one whose image is the target.
fn named(plan: &ScanPlan) -> &Target {
    plan.image_of.as_deref().unwrap_or(&plan.target)
}

/// Whether both plans are of one container: it may have been replaced between them.
fn same_target(first: &Target, second: &Target) -> Result<(), ResolveError> {
    if first == second {
        return Ok(());
    }
    Err(ResolveError::NotRunning {
        pod: first.pod.to_string(),
        container: first.container.to_string(),
        why: "the one that was found first was replaced while both scans were planned".into(),
        remedy: Remedy::scan_again("when it is stable"),
    })
}

/// The strategy that reads the image of a running container without running any of it, with the settings that every caller
/// shares.
pub(crate) fn image_reader(probe_image: &str) -> Sidecar {
    strategy::sidecar(probe_image)
        .inert(true)
        // Another node's copy may be for another kind of processor.
        .same_node(true)
}

/// The scan of an image, the scan of the container, and what the second takes from the first.
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
        // The same container, even if its name means another one by then.
        let target = TargetSelector::target(named(first.plan()));
        // The server is asked only once for its version and the operator's name.
        let container = self.container.identify(false);
        let second = container.prepare_in(next, target).await?;
        same_target(named(first.plan()), &second.plan().target)?;
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
        let target = TargetSelector::target(named(&first));
        let second = self.container.identify(false).plan_in(next, target).await?;
        same_target(named(&first), &second.target)?;
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
        if self.is_second_reported() {
            return self.second.refusal();
        }
        self.first.refusal()
    }

    /// Starts both in one task of its own.
    pub fn spawn(self) -> Running {
        let begins = if self.is_second_reported() {
            &self.second
        } else {
            &self.first
        };
        let plan = begins.plan().clone();
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

    /// Whether the gates of the container's scan refuse it while those of the scan of its image do not, or are about an
    /// image in another namespace.
    fn is_second_reported(&self) -> bool {
        let of_container = self.first.refusal().is_none() || self.first.plan().image_of.is_some();
        of_container && self.second.refusal().is_some()
    }

    /// Reads the image, then the container. Nothing is created if the gates of either scan refuse it. Nothing touches the
    /// container unless the image was read and everything that this created is shown to be gone.
    async fn both(self, tap: &Tap, interrupt: &Interrupt) -> ScanReport {
        if self.is_second_reported() {
            // Its report is about the gates.
            let (second, _) = self.second.into_parts();
            return Box::pin(second.run(tap, interrupt.wait())).await;
        }
        let (first, _) = self.first.into_parts();
        let mut image_scan = Box::pin(first.run(tap, interrupt.wait())).await;
        if image_scan.verdict != Verdict::Passed {
            return image_scan;
        }
        if !self.link.keep_image() {
            without_image(self.link.as_ref(), &mut image_scan);
            return image_scan;
        }
        let (second, _) = self.second.into_parts();
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
