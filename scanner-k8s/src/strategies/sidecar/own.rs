//! The scan's own pod while it lives, shared by its controls and its strategy.

mod labels;
mod wait;

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use scanner_core::{
    ControlError, PreparedControls, Remedy, Target, escape::visible, target::TargetForm,
};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::{
    canary::{ANSWER, TRY_MS},
    diagnosis,
    pod_watch::PodWatch,
    readback,
    spec::{PROGRAM, Parts, barrier_name, resolver_name},
};
use crate::{
    api::exec::{ExecError, ExecStream},
    plan::manifest::metadata,
    run::scope::ScanScope,
    strategies::own_pod,
};
use labels::Labels;

/// Seconds of the lease that are kept for the release.
const RELEASE: u64 = 15;

/// Changes of the pod that are shown at most.
const SHOWN: usize = 6;

pub(super) struct ScanPod {
    pub(super) scope: Arc<ScanScope>,
    pub(super) parts: Parts,
    /// Addresses that the canary tries, beside the API server's service.
    pub(super) canaries: Vec<SocketAddr>,
    /// What the node resolved the image to, where only it can know.
    pub(super) resolved: Arc<OnceLock<String>>,
    pub(super) watch: Mutex<Option<PodWatch>>,
    barrier: Mutex<Option<ExecStream>>,
    /// Whether the barrier may have been opened.
    opened: AtomicBool,
}

impl ScanPod {
    pub(super) fn new(
        scope: &Arc<ScanScope>,
        parts: &Parts,
        canaries: &[SocketAddr],
        resolved: &Arc<OnceLock<String>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            scope: Arc::clone(scope),
            parts: parts.clone(),
            canaries: canaries.to_vec(),
            resolved: Arc::clone(resolved),
            watch: Mutex::new(None),
            barrier: Mutex::new(None),
            opened: AtomicBool::new(false),
        })
    }

    fn elapsed(&self) -> u64 {
        self.scope.started().elapsed().as_secs()
    }

    /// How long the pod may take for its next step: the rest of the lease, less [`RELEASE`], at least five seconds.
    fn patience(&self) -> Duration {
        let lease = u64::from(self.scope.plan().lease_seconds);
        Duration::from_secs(lease.saturating_sub(self.elapsed() + RELEASE).max(5))
    }

    /// Creates the pod; it stops at its barrier. It takes the witness that every control of this scan that can be verified
    /// before access was verified.
    pub(super) async fn create(&self, controls: &PreparedControls) -> Result<(), ControlError> {
        let scope = &self.scope;
        if !controls.is_of(&scope.plan().scan_id) {
            return Err(ControlError::new(
                "these controls do not surround this scan",
            ));
        }
        let (name, lease) = (scope.name(), scope.plan().lease_seconds);
        let metadata = metadata(
            &scope.plan().scan_id,
            scope.namespace(),
            Some(&scope.lease_uid()?),
        );
        let spec = self
            .parts
            .spec(&name, lease, u32::try_from(self.elapsed()).unwrap_or(lease));
        let manifest =
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": &spec});
        let made = scope.create_object::<Pod>(manifest).await;
        let pod =
            made.map_err(
                |error| match diagnosis::admission(&error, self.without_root()) {
                    Some(remedy) => error.with_remedy(remedy),
                    None => error,
                },
            )?;
        let changed = self.changed(&spec, &pod);
        let mut watch = PodWatch::new(scope.operator_api(), "watch the scan's pod", pod);
        // Whoever may patch pods can change images and add containers at any time.
        if changed.is_none() {
            let held = own_pod::held(scope);
            watch.check(move |pod| {
                held(pod);
                let places = readback::differences(&spec, pod.spec.as_ref()?);
                (!places.is_empty()).then(|| places.join(", "))
            });
        }
        *self.watch.lock().await = Some(watch);
        changed.map_or(Ok(()), Err)
    }

    /// What to do where the namespace refuses a pod that runs as root: its level may not have been readable when this was planned.
    fn without_root(&self) -> Option<Remedy> {
        if self.parts.copied.is_some() || self.parts.context.uid != 0 {
            return None;
        }
        let plan = self.scope.plan();
        Some(match (plan.target.form, &plan.image_of) {
            (TargetForm::Image, Some(_)) => Remedy::NameHelperNamespace,
            (TargetForm::Image, None) => Remedy::ReadAsNobody,
            _ => Remedy::UseHelperNamespace,
        })
    }

    /// How the pod that the server made differs from the planned one.
    fn changed(&self, planned: &Value, pod: &Pod) -> Option<ControlError> {
        let spec = pod.spec.as_ref()?;
        let image =
            |v: &k8s_openapi::api::core::v1::Volume| v.name == "target" && v.image.is_some();
        if self.parts.copied.is_none() && !spec.volumes.iter().flatten().any(image) {
            return Some(
                ControlError::new("the cluster dropped the image volume")
                    .with_remedy(Remedy::UseNoImageVolume),
            );
        }
        let mut places = readback::differences(planned, spec);
        if places.is_empty() {
            return None;
        }
        if let Some(more) = places.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            places.truncate(SHOWN);
            places.push(format!("and {more} more"));
        }
        Some(
            ControlError::new(format!(
                "the scan's pod was changed by the cluster: {}",
                places.join(", ")
            ))
            .with_remedy(Remedy::advice(
                "an admission webhook or policy changes pods; exempt what secure-scan makes",
            )),
        )
    }

    /// What somebody changed in the pod since it was made.
    pub(super) async fn tampered(&self) -> Option<String> {
        let held = self.watch.lock().await;
        held.as_ref().and_then(|watch| watch.found.clone())
    }

    /// The pod's container of that name, as something to exec into.
    pub(super) fn place(&self, container: &str) -> Result<Target, ControlError> {
        let mut place = self.scope.plan().target.clone();
        let name = self.scope.name();
        let pod = name.parse();
        place.pod = pod.map_err(|_| ControlError::new("the pod's name is not valid"))?;
        let container = container.parse();
        place.container =
            container.map_err(|_| ControlError::new("the container's name is not valid"))?;
        Ok(place)
    }

    /// Waits until the barrier runs.
    pub(super) async fn at_the_barrier(
        &self,
        waits: impl Fn(Duration, String),
    ) -> Result<(), ControlError> {
        let barrier = barrier_name(&self.scope.name());
        let runs = |w: &PodWatch| w.runs(&barrier).then_some(());
        self.wait("its barrier", None, waits, runs).await
    }

    /// Opens the canary beside the barrier, as the scan's own identity.
    pub(super) async fn canary(&self) -> Result<ExecStream, ControlError> {
        let barrier = barrier_name(&self.scope.name()).parse();
        let barrier =
            barrier.map_err(|_| ControlError::new("the container's name is not valid"))?;
        let addresses: Vec<String> = self.canaries.iter().map(ToString::to_string).collect();
        let mut argv = vec![PROGRAM, "canary", TRY_MS];
        argv.extend(addresses.iter().map(String::as_str));
        let scope = &self.scope;
        let pod = scope.name().parse();
        let pod = pod.map_err(|_| ControlError::new("the pod's name is not valid"))?;
        let namespace = scope.plan().target.namespace.clone();
        let client = scope.credential().canary(namespace, pod)?;
        let opened = client.exec(&barrier, &argv).await;
        opened.map_err(ExecError::of_control)
    }

    /// What confines the barrier's container, in the words of the canary.
    pub(super) async fn who(&self) -> Result<String, ControlError> {
        let mut held = self.barrier.lock().await;
        let canary = held
            .as_mut()
            .ok_or_else(|| ControlError::new("the barrier is not held"))?;
        let asked = canary.ask("who", ANSWER).await;
        asked.map_err(|error| {
            ControlError::new("the canary did not answer")
                .with_remedy(Remedy::CheckProbeVersion)
                .with_source(error)
        })
    }

    pub(super) async fn keep(&self, canary: ExecStream) {
        *self.barrier.lock().await = Some(canary);
    }

    /// Lets the pod start what comes after its barrier.
    pub(super) async fn open_barrier(&self) -> Result<(), ControlError> {
        let barrier = self.barrier.lock().await.take();
        let mut barrier = barrier.ok_or_else(|| ControlError::new("the barrier is not held"))?;
        self.opened.store(true, Ordering::Relaxed);
        let answer = barrier.ask("go", ANSWER).await;
        if answer.as_deref().is_ok_and(|answer| answer == "went") {
            barrier.done().await;
            return Ok(());
        }
        barrier.close().await;
        match answer.as_deref() {
            Ok(other) => Err(ControlError::new(format!(
                "the barrier answered {:?}",
                visible(other, 80)
            ))),
            Err(error) => Err(ControlError::new(format!(
                "the barrier did not open: {error}"
            ))),
        }
    }

    /// Ends the canary, where the barrier was not opened.
    pub(super) async fn give_up_barrier(&self) {
        if let Some(canary) = self.barrier.lock().await.take() {
            canary.close().await;
        }
    }

    /// Address of the node that runs the pod.
    pub(super) async fn node_address(&self) -> Option<IpAddr> {
        let watch = self.watch.lock().await;
        let status = watch.as_ref()?.last.status.as_ref()?;
        status.host_ip.as_ref()?.parse().ok()
    }

    /// Reads what the image resolved to from the container that could not start.
    pub(super) async fn resolve(
        &self,
        waits: impl Fn(Duration, String),
    ) -> Result<(), ControlError> {
        if self.parts.resolves() {
            let name = resolver_name(&self.scope.name());
            let id = self
                .wait("its image's digest", None, waits, |w| {
                    let status = w.container(&name)?;
                    (!status.image_id.is_empty()).then(|| status.image_id.clone())
                })
                .await?;
            let _ = self.resolved.set(id);
        }
        Ok(())
    }

    /// The pod's labels, by which policies select it.
    pub(super) async fn labels(&self) -> Labels {
        let watch = self.watch.lock().await;
        let has = watch.as_ref().map(|watch| watch.last.labels().clone());
        Labels::of(has.unwrap_or_default(), self.scope.plan())
    }

    /// Whether the pod was ever seen with other labels than its own, by which policies select it.
    pub(super) async fn relabelled(&self) -> bool {
        let watch = self.watch.lock().await;
        watch.as_ref().is_some_and(|watch| watch.relabelled)
    }
}
