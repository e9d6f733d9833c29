//! Scans of containers in a cluster: one call, or a template that is prepared for many targets.

use std::{sync::Arc, time::Duration};

use scanner_core::{
    ProbeResources, ScanEngine, ScanPlan, ScanReport, SecurityControl, engines::EngineHost,
    event::Observer, finding::Severity, target::InvalidName,
};
use scanner_k8s::{AgentLimits, Cluster, ScanRequest, Segment, Strategy, scan::PrepareError};

use crate::{
    host::ThreadHost, policy::ScanPolicy, prepared::PreparedScan, strategy,
    target_selector::TargetSelector,
};

/// Time after which the cluster itself removes everything that a scan created, by default.
pub const DEFAULT_LEASE: Duration = Duration::from_mins(5);

/// Scans one container with one engine, and everything else as [`Scan::template`] has it.
///
/// Dropping the future, as a timeout does, stops the scan, which then releases what it made in the background.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use secure_scan::{Cluster, Profile, TargetSelector};
///
/// let cluster = Cluster::in_cluster()?;
/// let report = secure_scan::scan(&cluster, TargetSelector::pod("shop", "web-0"), Profile::shipped("container-baseline")?).await?;
/// println!("{}: {} failed", report.verdict, report.failed().count());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// Fails when the scan cannot be prepared; nothing was created then. What fails later is in the report.
pub async fn scan(
    cluster: &Cluster,
    target: TargetSelector,
    engine: impl ScanEngine + 'static,
) -> Result<ScanReport, PrepareError> {
    let scan = Scan::template().engine(engine);
    Ok(scan.prepare(cluster, target).await?.run().await)
}

/// How to scan, but not what: engines, policy, strategy and controls. Cheap to clone; keep it for any number of
/// targets and clusters.
///
/// ```no_run
/// # async fn example(cluster: &secure_scan::Cluster, pod: &secure_scan::k8s_openapi::api::core::v1::Pod)
/// # -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// use secure_scan::{Level, Policy, Profile, Scan, TargetSelector, strategy};
///
/// let template = Scan::template()
///     .engine(Profile::shipped("container-baseline")?)
///     .policy(Policy::shipped(Level::Hardened)?)
///     .strategy(strategy::auto().probe_image("registry.example/probe@sha256:1f…"))
///     .lease(Duration::from_secs(120));
/// for target in TargetSelector::of(pod).each_container() {
///     let report = template.prepare(cluster, target).await?.run().await;
///     println!("{}: {}", report.plan.target, report.verdict);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct Scan {
    engines: Vec<Arc<dyn ScanEngine>>,
    controls: Vec<Arc<dyn SecurityControl>>,
    policy: Option<ScanPolicy>,
    strategy: Strategy,
    host: Arc<dyn EngineHost>,
    observer: Option<Arc<dyn Observer>>,
    lease: Duration,
    identity_namespace: Option<String>,
    labels: Vec<(String, String)>,
    annotations: Vec<(String, String)>,
    probe_resources: ProbeResources,
    prove_everywhere: bool,
    identify: bool,
    limits: AgentLimits,
    threshold: Option<Severity>,
    expected_digest: Option<String>,
}

impl Scan {
    /// A scan without an engine yet: strategy [`strategy::auto`] without an image of the probe, a lease of five minutes,
    /// no idle timeout, no policy, and every failed check from [`Severity::FAIL_ON`] on is a finding.
    pub fn template() -> Self {
        Self {
            engines: Vec::new(),
            controls: Vec::new(),
            policy: None,
            strategy: strategy::auto().into(),
            host: Arc::new(ThreadHost::default()),
            observer: None,
            lease: DEFAULT_LEASE,
            identity_namespace: None,
            labels: Vec::new(),
            annotations: Vec::new(),
            probe_resources: ProbeResources::default(),
            prove_everywhere: false,
            identify: false,
            limits: AgentLimits::default(),
            threshold: None,
            expected_digest: None,
        }
    }

    /// Adds an engine: a profile, or one of your own. An `Arc`, a `Box` and a `&'static` of one are engines too. The data
    /// of all is collected once; their results stay apart, and engines of one name are an error of
    /// [`Scan::prepare`].
    pub fn engine(mut self, engine: impl ScanEngine + 'static) -> Self {
        self.engines.push(Arc::new(engine));
        self
    }

    /// Lets a policy decide whether a target may be touched, what must hold meanwhile, and which findings count. Its
    /// waivers and thresholds apply to the first engine; for others see [`WithPolicy`](crate::WithPolicy).
    pub fn policy(mut self, policy: impl Into<ScanPolicy>) -> Self {
        self.policy = Some(policy.into());
        self
    }

    /// Reaches the target that way: see [`mod@strategy`].
    pub fn strategy(mut self, strategy: impl Into<Strategy>) -> Self {
        self.strategy = strategy.into();
        self
    }

    /// Adds a control to the shipped ones. If it has the identifier of a shipped control or of another one,
    /// that is an error of [`Scan::prepare`].
    pub fn control(mut self, control: impl SecurityControl + 'static) -> Self {
        self.controls.push(Arc::new(control));
        self
    }

    /// Time after which the cluster itself removes everything that the scan created, even if this process dies:
    /// 30 s to an hour. A value outside of this range is an error of [`Scan::prepare`].
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Namespace in which the scan's account and its token live, with a lease of their own; replaces the
    /// policy's. Without one they live in the target's namespace, where anyone who may create Secrets or pods
    /// could act as the scan while it runs. The target's own namespace is an error of [`Scan::prepare`].
    pub fn identity_namespace(mut self, namespace: impl Into<String>) -> Self {
        self.identity_namespace = Some(namespace.into());
        self
    }

    /// Label for everything that the scan creates, such as one that the cluster's admission policies demand;
    /// replaces the policy's label of the same key. It does not change what the scan does. A label that
    /// Kubernetes does not accept, or whose key the scan, a controller or Kubernetes sets, is an error of
    /// [`Scan::prepare`].
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.push((key.into(), value.into()));
        self
    }

    /// Annotation for everything that the scan creates, as [`Scan::label`].
    pub fn annotation(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.annotations.push((key.into(), value.into()));
        self
    }

    /// Requests and limits for the containers of the scan's own pods, for a namespace whose `LimitRange`
    /// demands others than a scan's defaults; replaces the policy's value of the same resource. A clone has
    /// those of its target.
    ///
    /// ```
    /// use secure_scan::Scan;
    ///
    /// let scan = Scan::template().probe_resources("cpu=100m:500m,memory=256Mi".parse()?);
    /// # Ok::<(), secure_scan::InvalidResources>(())
    /// ```
    pub fn probe_resources(mut self, resources: ProbeResources) -> Self {
        self.probe_resources = resources;
        self
    }

    /// Whether the scan proves its end for every API server and every namespace: it waits until no server can remember its
    /// token, ten seconds after its last use, and looks for what it made in all namespaces. A policy can demand it too.
    pub fn prove_everywhere(mut self, prove: bool) -> Self {
        self.prove_everywhere = prove;
        self
    }

    /// Whether to ask the API server for its version and for the name by which it knows the operator, for the head of the
    /// report; this takes two more calls, which run beside others. Without it, the report has what is known without a call:
    /// host and CA of the server, and the name that the configuration has for the operator.
    pub fn identify(mut self, identify: bool) -> Self {
        self.identify = identify;
        self
    }

    /// How long the agent in the target may send nothing before the scan gives up; the time of engines does not
    /// count. By default only the lease limits it. Zero is an error of [`Scan::prepare`].
    pub fn idle_timeout(mut self, idle_timeout: impl Into<Option<Duration>>) -> Self {
        self.limits.idle_timeout = idle_timeout.into();
        self
    }

    /// Longest answer of the agent in bytes; 1 GiB by default. The number of files is not limited: a scan keeps
    /// no files, except for an engine that needs a list.
    pub fn answer_limit(mut self, bytes: u64) -> Self {
        self.limits.answer = bytes;
        self
    }

    /// Lowest severity at which a failed check makes the verdict `findings`; replaces the policy's.
    pub fn threshold(mut self, severity: Severity) -> Self {
        self.threshold = Some(severity);
        self
    }

    /// Digest (`sha256:…`) that the node must run; if it runs another, the scan aborts before it touches the
    /// target.
    pub fn expected_digest(mut self, digest: impl Into<String>) -> Self {
        self.expected_digest = Some(digest.into());
        self
    }

    /// Also passes every event to `observer`, in the scan's own task: it must return at once.
    /// [`Running::split`](crate::Running::split) has the same events as a stream.
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Runs engines on `host` instead of in threads of their own.
    pub fn host(mut self, host: impl EngineHost + 'static) -> Self {
        self.host = Arc::new(host);
        self
    }

    pub(crate) fn engines(&self) -> &[Arc<dyn ScanEngine>] {
        &self.engines
    }

    pub(crate) fn with_engines(mut self, engines: Vec<Arc<dyn ScanEngine>>) -> Self {
        self.engines = engines;
        self
    }

    pub(crate) fn own_policy(&self) -> Option<&ScanPolicy> {
        self.policy.as_ref()
    }

    pub(crate) fn own_observer(&self) -> Option<Arc<dyn Observer>> {
        self.observer.clone()
    }

    /// The same without waivers and thresholds, which apply to the findings of another scan.
    pub(crate) fn without_finding_rules(mut self) -> Self {
        self.policy = self.policy.map(|policy| policy.without_finding_rules());
        self
    }

    /// Finds the target, checks that the operator has all rights that the scan needs, plans the scan and asks the gates.
    /// Makes a few calls that read, and writes nothing.
    ///
    /// # Errors
    ///
    /// Fails when there is no such running container, a right is missing, or what was asked for contradicts itself;
    /// [`PrepareError::kind`] says which. A gate that refuses the target is not an error:
    /// [`PreparedScan::refusal`].
    pub async fn prepare(
        &self,
        cluster: &Cluster,
        target: TargetSelector,
    ) -> Result<PreparedScan, PrepareError> {
        self.prepare_in(cluster.begin(), target).await
    }

    /// The same within a segment that the program began, such as one whose log it writes to a file.
    ///
    /// # Errors
    ///
    /// Fails as [`Scan::prepare`] does.
    pub async fn prepare_in(
        &self,
        segment: Segment,
        target: TargetSelector,
    ) -> Result<PreparedScan, PrepareError> {
        let request = self.request(&target, segment.default_namespace())?;
        let inner = scanner_k8s::PreparedScan::in_segment(segment, request);
        // On the heap, because a scan's future is large.
        let inner = Box::pin(inner).await?;
        Ok(PreparedScan::new(inner, self.observer.clone()))
    }

    /// Plans such a scan, with the strategy that it would fall back to. Rights that the operator does not have
    /// are in [`ScanPlan::missing_rights`](crate::ScanPlan::missing_rights) and are not an error. Makes a few
    /// calls that read, and writes nothing.
    ///
    /// # Errors
    ///
    /// Fails as [`Scan::prepare`] does, but not because the operator has too few rights for the scan itself. It still needs
    /// the rights to read what it plans: the pod, and what names it.
    pub async fn plan_in(
        &self,
        segment: Segment,
        target: TargetSelector,
    ) -> Result<ScanPlan, PrepareError> {
        let request = self.request(&target, segment.default_namespace())?;
        Box::pin(scanner_k8s::PreparedScan::plan_in_segment(segment, request)).await
    }

    fn request(
        &self,
        target: &TargetSelector,
        default_namespace: &str,
    ) -> Result<ScanRequest, PrepareError> {
        let target = target
            .request(default_namespace)
            .map_err(|error: InvalidName| PrepareError::Name(error))?;
        let mut engines = self.engines.clone();
        let first = engines.first_mut().ok_or(PrepareError::NoEngine)?;
        if let Some(policy) = &self.policy {
            *first = policy.over(Arc::clone(first));
        }
        let mut request = ScanRequest::new(target, Arc::clone(first));
        request.engines = engines;
        request.strategy = self.strategy.clone();
        if let (Strategy::Sidecar(options), Some(policy)) = (&mut request.strategy, &self.policy) {
            options.require_isolation |= policy.requires_isolation();
        }
        request.controls.clone_from(&self.controls);
        request.host = Arc::clone(&self.host);
        // A part of a second counts as a whole one; a lease that is too long to be counted is refused as too long.
        let parts = u64::from(self.lease.subsec_nanos() > 0);
        let seconds = self.lease.as_secs().saturating_add(parts);
        request.lease_seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        if let Some(namespace) = &self.identity_namespace {
            request.identity_namespace = Some(namespace.parse()?);
        }
        for (key, value) in &self.labels {
            request.object_metadata.label(key, value)?;
        }
        for (key, value) in &self.annotations {
            request.object_metadata.annotation(key, value)?;
        }
        request.probe_resources.clone_from(&self.probe_resources);
        request.prove_everywhere = self.prove_everywhere;
        request.identify = self.identify;
        request.limits = self.limits;
        request.expected_digest.clone_from(&self.expected_digest);
        let of_policy = self.policy.as_ref().map(ScanPolicy::threshold);
        request.threshold = self.threshold.or(of_policy).unwrap_or(Severity::FAIL_ON);
        request.policy = self.policy.as_ref().map(ScanPolicy::gates);
        Ok(request)
    }
}

#[cfg(test)]
mod tests;
