//! A running container against its own image: files added, changed and removed.

mod engine;

use std::{sync::Arc, time::Duration};

use scanner_core::{ProbeResources, ScanPlan, event::Observer};
use scanner_k8s::{
    Cluster, ProbeImage, Segment, plan::sidecar_options::ReadAs, scan::PrepareError,
};
use scanner_policy::drift::Depth;

use crate::{
    pair::{Pair, PreparedPair, image_reader},
    policy::ScanPolicy,
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

/// A comparison that was planned and has written nothing yet.
pub type PreparedDrift = PreparedPair;

/// Compares containers with their own images. Cheap to clone, and kept for any number of targets.
///
/// First the image that the node runs is read, without running any of it. The container is read only after everything that
/// this created is shown to be gone. The checks are those of drift; it takes no engine.
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
    probe_image: ProbeImage,
    via: Via,
    reads_as: ReadAs,
    full: bool,
    template: Scan,
    policy: Option<ScanPolicy>,
    observer: Option<Arc<dyn Observer>>,
    helper_namespace: Option<String>,
}

impl DriftScan {
    /// A comparison with this image of the probe, best named by digest.
    pub fn new(probe_image: impl Into<ProbeImage>) -> Self {
        Self {
            probe_image: probe_image.into(),
            via: Via::default(),
            reads_as: ReadAs::RootIfAllowed,
            full: false,
            template: Scan::template().lease(DEFAULT_LEASE),
            policy: None,
            observer: None,
            helper_namespace: None,
        }
    }

    /// Reads the running container that way.
    pub fn via(mut self, via: Via) -> Self {
        self.via = via;
        self
    }

    /// Reads the image as root (`true`), which fails in a namespace that does not allow that, or as a user of no account
    /// (`false`). Without this call, the image is read as root if the namespace allows that, and otherwise as a user of no
    /// account.
    pub fn as_root(mut self, as_root: bool) -> Self {
        self.reads_as = if as_root {
            ReadAs::Root
        } else {
            ReadAs::Nobody
        };
        self
    }

    /// Compares the digest of every file, including data. Otherwise files with an execute bit, files that are named like a
    /// library or a script, and files below `/etc` are compared by digest, and others by size, mode, owner and time.
    pub fn full(mut self, full: bool) -> Self {
        self.full = full;
        self
    }

    /// Applies a policy to both scans; its waivers and thresholds apply to the comparison.
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

    /// Namespace in which the image is read, as [`CompletedScan::helper_namespace`](crate::CompletedScan::helper_namespace).
    pub fn helper_namespace(mut self, namespace: impl Into<String>) -> Self {
        self.helper_namespace = Some(namespace.into());
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

    /// Requests and limits for the containers of the scans' own pods, as [`Scan::probe_resources`].
    pub fn probe_resources(mut self, resources: ProbeResources) -> Self {
        self.template = self.template.probe_resources(resources);
        self
    }

    /// Whether the API server is asked for its version and the operator's name, as [`Scan::identify`].
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

    /// Plans both scans before anything is created, because the container may not be reachable this way. Reads only.
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
        // On the heap: two scans are large.
        Box::pin(self.pair().prepare_in(segment, target)).await
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
        // On the heap: two scans are large.
        Box::pin(self.pair().plan_in(segment, target)).await
    }

    /// The scan of the image, the scan of the container, and the engine that compares them.
    fn pair(&self) -> Pair {
        let image = image_reader(self.probe_image.name()).reads_as(self.reads_as);
        let container = match self.via {
            Via::Distroless => strategy::distroless(self.probe_image.clone()),
            Via::Attached => strategy::attached().into(),
            Via::Container => strategy::container(),
        };
        let of_policy = || self.policy.as_ref()?.helper_namespace();
        let helper = self.helper_namespace.clone().or_else(of_policy);
        let image = image.maybe_helper_namespace(helper);
        let engine = Arc::new(LateDrift::new(Depth {
            full: self.full,
            capabilities: self.via != Via::Container,
        }));
        let mut first = self.template.clone().engine(engine.image_reader());
        let mut second = self.template.clone().engine(Arc::clone(&engine));
        if let Some(policy) = &self.policy {
            // Waivers and thresholds apply to the comparison.
            first = first.policy(policy.without_finding_rules());
            second = second.policy(policy.clone());
        }
        Pair {
            image: first.strategy(image),
            container: second.strategy(container),
            link: engine,
            observer: self.observer.clone(),
        }
    }
}
