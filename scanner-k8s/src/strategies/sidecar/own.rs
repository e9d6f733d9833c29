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
use scanner_core::{ControlError, Target, cause::chain, escape::visible};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::{
    diagnosis,
    isolation::{ANSWER, TRY_MS},
    readback,
    spec::{PROGRAM, Parts, gate_name, resolver_name},
    watch::PodWatch,
};
use crate::{
    api::exec::{ExecError, ExecStream},
    plan::manifest::metadata,
    run::session::{Session, not_held},
};
use labels::Labels;
pub(super) use wait::Left;

/// Seconds of the lease that are kept for the release.
const RELEASE: u64 = 15;

/// Changes of the pod that are shown at most.
const SHOWN: usize = 6;

pub(super) struct OwnPod {
    pub(super) session: Arc<Session>,
    pub(super) parts: Parts,
    /// Addresses that the canary tries, beside the API server's service.
    pub(super) canaries: Vec<SocketAddr>,
    /// What the node resolved the image to, where only it can know.
    pub(super) resolved: Arc<OnceLock<String>>,
    watch: Mutex<Option<PodWatch>>,
    gate: Mutex<Option<ExecStream>>,
    /// Whether the gate may have been opened.
    opened: AtomicBool,
}

impl OwnPod {
    pub(super) fn new(
        session: &Arc<Session>,
        parts: &Parts,
        canaries: &[SocketAddr],
        resolved: &Arc<OnceLock<String>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            session: Arc::clone(session),
            parts: parts.clone(),
            canaries: canaries.to_vec(),
            resolved: Arc::clone(resolved),
            watch: Mutex::new(None),
            gate: Mutex::new(None),
            opened: AtomicBool::new(false),
        })
    }

    fn elapsed(&self) -> u64 {
        self.session.started.elapsed().as_secs()
    }

    /// How long the pod may take to get somewhere.
    fn patience(&self) -> Duration {
        let lease = u64::from(self.session.plan.lease_seconds);
        Duration::from_secs(lease.saturating_sub(self.elapsed() + RELEASE).max(5))
    }

    /// Creates the pod; it stops at its gate.
    pub(super) async fn create(&self) -> Result<String, ControlError> {
        let session = &self.session;
        let (name, lease) = (session.name(), session.plan.lease_seconds);
        let mut metadata = metadata(
            &session.plan.scan_id,
            session.namespace(),
            Some(session.lease_uid()?),
        );
        // Meshes add containers of their own unless they are told not to.
        metadata["annotations"] = json!({"linkerd.io/inject": "disabled"});
        metadata["labels"][labels::NO_MESH.0] = json!(labels::NO_MESH.1);
        let spec = self
            .parts
            .spec(&name, lease, u32::try_from(self.elapsed()).unwrap_or(lease));
        let manifest =
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": &spec});
        let made = session.create_object::<Pod>(manifest).await;
        let pod = made.map_err(|error| ControlError {
            hint: diagnosis::admission(&chain(&error))
                .map(str::to_owned)
                .or(error.hint.clone()),
            ..error
        })?;
        let changed = self.changed(&spec, &pod);
        *self.watch.lock().await = Some(PodWatch::new(
            session.operator_api(),
            "watch the scan's pod",
            pod,
        ));
        match changed {
            None => Ok(session.uid_of("Pod", &name).unwrap_or_default()),
            Some(error) => Err(error),
        }
    }

    /// What the server made of the pod, where that is not what was asked for.
    fn changed(&self, planned: &Value, pod: &Pod) -> Option<ControlError> {
        let spec = pod.spec.as_ref()?;
        let image =
            |v: &k8s_openapi::api::core::v1::Volume| v.name == "target" && v.image.is_some();
        if self.parts.copied.is_none() && !spec.volumes.iter().flatten().any(image) {
            return Some(ControlError {
                hint: Some(diagnosis::OLD.into()),
                ..not_held("the cluster dropped the image volume")
            });
        }
        let mut places = readback::differences(planned, spec);
        if places.is_empty() {
            return None;
        }
        if let Some(more) = places.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            places.truncate(SHOWN);
            places.push(format!("and {more} more"));
        }
        Some(ControlError {
            hint: Some(
                "an admission webhook or policy changes pods; exempt what secure-scan makes".into(),
            ),
            ..not_held(format!(
                "the scan's pod was changed by the cluster: {}",
                places.join(", ")
            ))
        })
    }

    /// The pod's container of that name, as something to exec into.
    pub(super) fn place(&self, container: &str) -> Result<Target, ControlError> {
        let mut place = self.session.plan.target.clone();
        let name = self.session.name();
        let pod = name.parse();
        place.pod = pod.map_err(|_| not_held("the pod's name is not valid"))?;
        let container = container.parse();
        place.container = container.map_err(|_| not_held("the container's name is not valid"))?;
        Ok(place)
    }

    /// Waits until the gate runs.
    pub(super) async fn at_the_gate(&self) -> Result<(), ControlError> {
        let gate = gate_name(&self.session.name());
        self.wait("its gate", None, |w| w.runs(&gate).then_some(()))
            .await
    }

    /// Opens the canary beside the gate, as the scan's own identity.
    pub(super) async fn canary(&self) -> Result<ExecStream, ControlError> {
        let gate = gate_name(&self.session.name()).parse();
        let gate = gate.map_err(|_| not_held("the container's name is not valid"))?;
        let addresses: Vec<String> = self.canaries.iter().map(ToString::to_string).collect();
        let mut argv = vec![PROGRAM, "canary", TRY_MS];
        argv.extend(addresses.iter().map(String::as_str));
        let opened = self.session.canary()?.exec(&gate, &argv).await;
        opened.map_err(ExecError::of_control)
    }

    /// What confines the gate's container, in the words of the canary.
    pub(super) async fn who(&self) -> Result<String, ControlError> {
        let mut held = self.gate.lock().await;
        let canary = held
            .as_mut()
            .ok_or_else(|| not_held("the gate is not held"))?;
        let asked = canary.ask("who", ANSWER).await;
        asked.map_err(|error| ControlError {
            hint: Some("see that --probe-image is of this version of secure-scan".into()),
            source: Some(Box::new(error)),
            ..not_held("the canary gave no answer")
        })
    }

    pub(super) async fn keep(&self, canary: ExecStream) {
        *self.gate.lock().await = Some(canary);
    }

    /// Lets the pod start what comes after its gate.
    pub(super) async fn open_gate(&self) -> Result<(), ControlError> {
        let gate = self.gate.lock().await.take();
        let mut gate = gate.ok_or_else(|| not_held("the gate is not held"))?;
        self.opened.store(true, Ordering::Relaxed);
        let answer = gate.ask("go", ANSWER).await;
        match answer.as_deref() {
            Ok("went") => {
                gate.done().await;
                Ok(())
            }
            Ok(other) => Err(not_held(format!("the gate said {:?}", visible(other, 80)))),
            Err(error) => Err(not_held(format!("the gate did not open: {error}"))),
        }
    }

    /// Address of the node that runs the pod.
    pub(super) async fn node_address(&self) -> Option<IpAddr> {
        let watch = self.watch.lock().await;
        let status = watch.as_ref()?.last.status.as_ref()?;
        status.host_ip.as_ref()?.parse().ok()
    }

    /// Reads what the image resolved to from the container that could not start.
    pub(super) async fn resolve(&self) -> Result<(), ControlError> {
        if self.parts.resolves() {
            let name = resolver_name(&self.session.name());
            let id = self
                .wait("its image's digest", None, |w| {
                    let status = w.container(&name)?;
                    (!status.image_id.is_empty()).then(|| status.image_id.clone())
                })
                .await?;
            let _ = self.resolved.set(id);
        }
        Ok(())
    }

    /// The labels that the pod has, by which policies select it.
    pub(super) async fn labels(&self) -> Labels {
        let watch = self.watch.lock().await;
        let has = watch.as_ref().map(|watch| watch.last.labels().clone());
        Labels::of(has.unwrap_or_default(), &self.session.plan.scan_id)
    }

    /// Whether the pod was ever seen with other labels than its own, by which policies select it.
    pub(super) async fn relabelled(&self) -> bool {
        let watch = self.watch.lock().await;
        watch.as_ref().is_some_and(|watch| watch.relabelled)
    }
}
