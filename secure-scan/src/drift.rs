//! A running container against its own image: files added, changed and removed.

mod engine;

use std::{sync::Arc, time::Duration};

use scanner_core::{
    Failure, FailureKind, Remedy, ScanPlan, ScanReport, event::Observer, gate::GateResult,
    report::Verdict, stage::Stage,
};
use scanner_k8s::{Cluster, Segment, scan::PrepareError};
use scanner_policy::drift::Depth;

use crate::{
    policy::ScanPolicy,
    prepared::PreparedScan,
    running::{Interrupt, Running, Tap},
    scan::{DEFAULT_LEASE, Scan},
    strategy,
    target_selector::TargetSelector,
};
use engine::LateDrift;

/// How the running container is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Via {
    /// By a probe in an ephemeral container, whose entry stays in the pod's specification.
    #[default]
    Distroless,
    /// By the sidecar that was deployed with the pod; leaves nothing.
    Attached,
    /// By the container's own shell and `sha256sum`, which an intruder may have replaced; leaves nothing.
    Container,
}

/// Compares containers with their own images. Cheap to clone, and kept for any number of targets.
///
/// First the image that the node runs is read, and nothing of it runs. Only when all that this made is shown to be gone is
/// the container read. The checks are drift's own.
///
/// ```no_run
/// # async fn example(cluster: &secure_scan::Cluster) -> Result<(), Box<dyn std::error::Error>> {
/// use secure_scan::{DriftScan, TargetSelector};
///
/// let drift = DriftScan::new("registry.example/probe@sha256:1f…");
/// let report = drift.prepare(cluster, TargetSelector::pod("shop", "web-0")).await?.run().await;
/// for check in report.failed() {
///     println!("{}: {:?}", check.headline(), check.evidence);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct DriftScan {
    probe_image: String,
    via: Via,
    as_root: bool,
    full: bool,
    template: Scan,
    policy: Option<ScanPolicy>,
    observer: Option<Arc<dyn Observer>>,
}

impl DriftScan {
    /// With this image of the probe, best named by digest.
    pub fn new(probe_image: impl Into<String>) -> Self {
        Self {
            probe_image: probe_image.into(),
            via: Via::default(),
            as_root: false,
            full: false,
            template: Scan::template().lease(DEFAULT_LEASE),
            policy: None,
            observer: None,
        }
    }

    /// Reads the running container that way.
    pub fn via(mut self, via: Via) -> Self {
        self.via = via;
        self
    }

    /// Reads files of the image that only root may read, where the namespace allows it.
    pub fn as_root(mut self, as_root: bool) -> Self {
        self.as_root = as_root;
        self
    }

    /// Compares the digest of every file, also of data. Otherwise files with an execute bit, files that are named like a library
    /// or a script, and files below `/etc` are compared by digest, and others by size, mode, owner and time.
    pub fn full(mut self, full: bool) -> Self {
        self.full = full;
        self
    }

    /// Decides by a policy, for both scans; its waivers and thresholds are those of the comparison.
    pub fn policy(mut self, policy: impl Into<ScanPolicy>) -> Self {
        self.policy = Some(policy.into());
        self
    }

    /// Lease of each of the two scans, as [`Scan::lease`].
    pub fn lease(mut self, lease: Duration) -> Self {
        self.template = self.template.lease(lease);
        self
    }

    /// Namespace of the identity of each of the two scans, as [`Scan::identity_namespace`].
    pub fn identity_namespace(mut self, namespace: impl Into<String>) -> Self {
        self.template = self.template.identity_namespace(namespace);
        self
    }

    /// Label for everything that the two scans create, as [`Scan::label`].
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.template = self.template.label(key, value);
        self
    }

    /// Annotation for everything that the two scans create, as [`Scan::annotation`].
    pub fn annotation(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.template = self.template.annotation(key, value);
        self
    }

    /// Whether the API server is asked who it and the operator are, as [`Scan::identify`].
    pub fn identify(mut self, identify: bool) -> Self {
        self.template = self.template.identify(identify);
        self
    }

    /// Longest silence of the agent in each of the two scans, as [`Scan::idle_timeout`].
    pub fn idle_timeout(mut self, idle_timeout: impl Into<Option<Duration>>) -> Self {
        self.template = self.template.idle_timeout(idle_timeout);
        self
    }

    /// Longest answer of the agent in each of the two scans, as [`Scan::answer_limit`].
    pub fn answer_limit(mut self, bytes: u64) -> Self {
        self.template = self.template.answer_limit(bytes);
        self
    }

    /// Digest that the node must run, as [`Scan::expected_digest`].
    pub fn expected_digest(mut self, digest: impl Into<String>) -> Self {
        self.template = self.template.expected_digest(digest);
        self
    }

    /// Also hands every event to `observer`, as [`Scan::observer`].
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Plans both scans before anything is created: the container may not be reachable this way. Reads only.
    ///
    /// # Errors
    ///
    /// Fails as [`Scan::prepare`] does, for either scan.
    pub async fn prepare(
        &self,
        cluster: &Cluster,
        target: TargetSelector,
    ) -> Result<PreparedDrift, PrepareError> {
        self.prepare_in(cluster.begin(), target).await
    }

    /// The same within a segment that the program began; both scans share its log.
    ///
    /// # Errors
    ///
    /// Fails as [`DriftScan::prepare`] does.
    pub async fn prepare_in(
        &self,
        segment: Segment,
        target: TargetSelector,
    ) -> Result<PreparedDrift, PrepareError> {
        let (first, second, engine) = self.templates();
        let next = segment.next();
        let first = first.prepare_in(segment, target).await?;
        // The same container, whatever the name means by then.
        let target = TargetSelector::target(&first.plan().target);
        let second = second.prepare_in(next, target).await?;
        Ok(PreparedDrift {
            first,
            second,
            engine,
            observer: self.observer.clone(),
        })
    }

    /// Plans both scans. Rights that the operator does not have are in
    /// [`ScanPlan::missing_rights`](crate::ScanPlan::missing_rights) and are no error. Makes a few calls that read, and
    /// writes nothing.
    ///
    /// # Errors
    ///
    /// Fails as [`Scan::plan_in`] does, for either scan.
    pub async fn plan_in(
        &self,
        segment: Segment,
        target: TargetSelector,
    ) -> Result<[ScanPlan; 2], PrepareError> {
        let (first, second, _) = self.templates();
        let next = segment.next();
        let first = first.plan_in(segment, target).await?;
        let target = TargetSelector::target(&first.target);
        let second = second.plan_in(next, target).await?;
        Ok([first, second])
    }

    /// The scan of the image, that of the container, and what compares them.
    fn templates(&self) -> (Scan, Scan, Arc<LateDrift>) {
        let image = strategy::sidecar(self.probe_image.clone())
            .inert(true)
            .as_root(self.as_root)
            // The copy of another node may be for another kind of processor.
            .same_node(true);
        let container = match self.via {
            Via::Distroless => strategy::distroless(self.probe_image.clone()),
            Via::Attached => strategy::attached().into(),
            Via::Container => strategy::container(),
        };
        let engine = Arc::new(LateDrift::new(Depth {
            full: self.full,
            capabilities: self.via != Via::Container,
        }));
        let mut first = self.template.clone().engine(engine.image_reader());
        let mut second = self.template.clone().engine(Arc::clone(&engine));
        if let Some(policy) = &self.policy {
            // Waivers and thresholds are of the comparison.
            first = first.policy(policy.without_finding_rules());
            second = second.policy(policy.clone());
        }
        (first.strategy(image), second.strategy(container), engine)
    }
}

/// A comparison that was planned and has written nothing yet.
pub struct PreparedDrift {
    first: PreparedScan,
    second: PreparedScan,
    engine: Arc<LateDrift>,
    observer: Option<Arc<dyn Observer>>,
}

impl PreparedDrift {
    /// Both plans: of the scan of the image, then of the container.
    pub fn plans(&self) -> [&ScanPlan; 2] {
        [self.first.plan(), self.second.plan()]
    }

    /// The gates that refuse the target, if any does.
    pub fn refusal(&self) -> Option<Vec<&GateResult>> {
        self.first.refusal().or_else(|| self.second.refusal())
    }

    /// Starts the comparison in a task of its own.
    pub fn spawn(self) -> Running {
        let plan = self.first.plan().clone();
        let (observer, log) = (self.observer.clone(), self.first.audit());
        Running::start(plan, observer, move |tap, interrupt| async move {
            let mut report = Box::pin(self.compare(&tap, &interrupt)).await;
            log.bind(&mut report);
            report
        })
    }

    /// Runs the comparison to its end. Dropping the future, as a timeout does, stops it.
    ///
    /// Does not fail: whatever happens is in the report, which has the scan of the image in
    /// [`ScanReport::image_scan`].
    pub async fn run(self) -> ScanReport {
        self.spawn().await
    }

    /// Reads the image, then the container. Nothing touches the container unless the image was read and all that this
    /// created is shown to be gone.
    async fn compare(self, tap: &Tap, interrupt: &Interrupt) -> ScanReport {
        let (first, _) = self.first.into_parts();
        let mut image_scan = Box::pin(first.run(tap, interrupt.wait())).await;
        if image_scan.verdict != Verdict::Passed {
            return image_scan;
        }
        if !self.engine.keep_image() {
            self.engine.without_image(&mut image_scan);
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
        report.image_scan = Some(Box::new(image_scan));
        report
    }
}
