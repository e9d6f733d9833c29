//! The trial of the probe's image: it must start in a pod of the scan's own, on the target's node, before it is added to
//! the target's pod, where its entry stays for as long as that pod lives.

mod outcome;
mod pod;
mod refused;
mod wait;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Pod;
use scanner_core::{
    ControlError, Evidence, Remedy, SecurityControl, Target,
    control::{ControlScope, Phase, ReleaseError, VerifyError},
    escape::visible,
    plan::{Need, PlannedControl, PlannedObject},
    target::image_digest,
};
use serde_json::json;
use tokio::{sync::Mutex, time::timeout};

use crate::{
    api::{image_memory::TriedImage, object_watch::Watched, segment::Segment},
    plan::{manifest::metadata, probe_image::ProbeImage},
    run::scope::ScanScope,
    strategies::{
        approach::PlanScope,
        own_pod::{self, Left, NODE, SLOW},
    },
};
use refused::{not_admitted, replaced_by};

pub(super) use pod::TrialPod;

/// Identifier of the control.
const ID: &str = "image-trial";
/// Title of the control.
const TITLE: &str = "The image of the probe starts before it is added to the target's pod";
/// How long another task may hold the watch; after that the pod counts as running.
const HELD: Duration = Duration::from_secs(3);

/// Whether the image is tried in this scan.
#[derive(Debug, Clone)]
pub(super) enum Trial {
    /// In this pod.
    Planned(Box<TrialPod>),
    /// It started on the node before.
    Known(TriedImage),
    /// The caller asked for none.
    Skipped,
}

/// What the operator does for it.
pub(super) fn needs() -> Vec<Need> {
    let verbs = ["create", "delete", "get", "list", "watch"];
    vec![Need::new("", "pods", &verbs)]
}

/// What is remembered about a trial; nothing for an image that is named by a tag, which may be another one the next time.
fn tried(segment: &Segment, target: &Target, pod: &TrialPod) -> Option<TriedImage> {
    image_digest(&pod.image)?;
    Some(TriedImage {
        server: segment.server(),
        ca_sha256: segment.origin().ca_sha256.clone(),
        node: target.node.clone(),
        image: pod.image.clone(),
        secrets_of: pod.has_secrets().then(|| target.namespace.to_string()),
    })
}

impl Trial {
    /// Decides whether `image` is tried on the node of `target`.
    pub(super) fn of(
        segment: &Segment,
        target: &Target,
        image: &ProbeImage,
        pod: TrialPod,
    ) -> Self {
        if !image.is_tried() {
            return Self::Skipped;
        }
        match tried(segment, target, &pod) {
            Some(tried) if !image.is_tried_anew() && segment.images().knows(&tried) => {
                Self::Known(tried)
            }
            _ => Self::Planned(Box::new(pod)),
        }
    }

    /// What counts as having started there already.
    pub(super) const fn known(&self) -> Option<&TriedImage> {
        match self {
            Self::Known(tried) => Some(tried),
            Self::Planned(_) | Self::Skipped => None,
        }
    }

    /// The rights that it needs.
    pub(super) fn needs(&self) -> Vec<Need> {
        match self {
            Self::Planned(_) => needs(),
            Self::Known(_) | Self::Skipped => Vec::new(),
        }
    }

    /// The pod, for the plan.
    pub(super) fn object(&self, scope: &PlanScope<'_>) -> Option<PlannedObject> {
        let Self::Planned(pod) = self else {
            return None;
        };
        let purpose = format!(
            "tries the image of the probe on node {}, and is removed before anything is added to pod {}",
            visible(&scope.target.node, 253),
            scope.target.pod
        );
        let planned = scope.object("v1", "Pod", scope.name, &purpose);
        Some(planned.with_spec(pod.spec(scope.name, scope.lease_seconds, 0)))
    }

    /// What a reader of the plan should know, where there is no trial.
    pub(super) const fn note(&self) -> &'static str {
        match self {
            Self::Planned(_) => "",
            Self::Known(_) => {
                "; the probe's image started on this node before, and is not tried again"
            }
            Self::Skipped => {
                "; the probe's image is not tried first: if it does not start, its entry still stays in the pod"
            }
        }
    }

    /// The control that makes it; none where this scan makes no trial, as the plan notes.
    pub(super) fn control(self, scope: &Arc<ScanScope>) -> Option<Box<dyn SecurityControl>> {
        match self {
            Self::Planned(pod) => Some(Box::new(ImageTrial {
                scope: Arc::clone(scope),
                pod: *pod,
                watch: Mutex::new(None),
            })),
            Self::Known(_) | Self::Skipped => None,
        }
    }
}

/// Starts the image once, and remembers that it started.
struct ImageTrial {
    scope: Arc<ScanScope>,
    pod: TrialPod,
    watch: Mutex<Option<Watched<Pod>>>,
}

#[async_trait]
impl SecurityControl for ImageTrial {
    fn id(&self) -> &'static str {
        ID
    }

    /// Before there is an identity: an image that does not start costs a lease and a pod.
    fn phase(&self) -> Phase {
        Phase::BeforeIdentity
    }

    fn plan(&self) -> PlannedControl {
        PlannedControl::new(ID, TITLE)
            .planning(format!(
                "pod {}: runs the probe for a moment on node {}, as a user of no account and without a token",
                self.scope.name(),
                visible(&self.scope.plan().target.node, 253)
            ))
            .planning("an image that cannot be pulled or is not the probe ends the scan, and leaves nothing in the target's pod")
    }

    async fn enforce(&self, scope: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        let made = self.create().await?;
        let uid = self.scope.ledger().uid_of("Pod", &self.scope.name());
        *self.watch.lock().await = Some(made);
        let image = self.started(scope).await?;
        let remembered = self.remember().await;
        let deleted = self.scope.delete::<Pod>().await?;
        let evidence = vec![
            format!(
                "pod created (uid {}): the probe ran and ended on node {}",
                uid.unwrap_or_default(),
                visible(&self.scope.plan().target.node, 253)
            ),
            format!("the node has image {}", visible(&image, 400)),
        ];
        let more = remembered.into_iter().chain([deleted]);
        Ok(Evidence(evidence.into_iter().chain(more).collect()))
    }

    async fn verify(&self, _: &ControlScope<'_>) -> Result<Evidence, VerifyError> {
        let (scope, watch) = (&self.scope, &self.watch);
        let limit = NODE + SLOW;
        let ended = own_pod::ended(scope, watch, limit).await;
        if !ended && own_pod::left(scope, watch).await? == Left::Pod {
            let node = visible(&scope.plan().target.node, 253);
            let error = ControlError::new(format!(
                "the pod of the image's trial did not end within {} s after its deletion; nothing was added to the target's pod",
                limit.as_secs()
            ));
            return Err(error
                .with_remedy(Remedy::CheckNode { node: Some(node) })
                .into());
        }
        Ok(Evidence(vec![
            "the image of the probe started on the target's node".into(),
            format!(
                "pod {} is gone, and nothing was added to the target's pod yet",
                scope.name()
            ),
        ]))
    }

    async fn release(&self, _: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        let ended = own_pod::end(&self.scope, &self.watch, self.is_idle()).await;
        if !matches!(ended, Ok(Some(_))) && self.scope.ledger().may_exist("Pod") {
            self.scope.ledger().keep_lease();
        }
        ended?.map(Evidence::of).ok_or_else(|| {
            ControlError::new(
                "the pod of the image's trial did not end within 30 s; the lease ends it",
            )
        })
    }

    async fn verify_release(&self, _: &ControlScope<'_>) -> Result<Evidence, ReleaseError> {
        let scope = &self.scope;
        if !scope.ledger().may_exist("Pod") {
            return Ok(Evidence::of("Pod was never created"));
        }
        let unlabelled = scope.unlabelled::<Pod>().await?;
        match own_pod::left(scope, &self.watch).await? {
            Left::Pod => Err(own_pod::still_there(scope).into()),
            left => {
                let name = scope.name();
                scope.ledger().note_gone("Pod", &name);
                let gone = match left {
                    Left::Another => format!("pod {name} is gone; another took its name"),
                    _ => format!("pod {name} is gone"),
                };
                Ok(Evidence(vec![unlabelled, gone]))
            }
        }
    }
}

impl ImageTrial {
    /// Remembers that the image started, unless that says too little about the target's pod: then it returns the reason.
    async fn remember(&self) -> Option<String> {
        let segment = self.scope.segment();
        let tried = tried(segment, &self.scope.plan().target, &self.pod)?;
        let held = self.watch.lock().await;
        let made = &held.as_ref()?.last;
        if self.pod.has_other_secrets(made) {
            return Some(
                "not remembered: the cluster gave the pod of the trial other pull secrets than the target's pod has"
                    .into(),
            );
        }
        let digest = image_digest(&self.pod.image)?;
        if !outcome::ran(made, &self.scope.name(), digest) {
            return Some("not remembered: the node names what ran by another digest".into());
        }
        segment.images().remember(&tried);
        None
    }

    fn elapsed(&self) -> u32 {
        u32::try_from(self.scope.started().elapsed().as_secs()).unwrap_or(u32::MAX)
    }

    async fn create(&self) -> Result<Watched<Pod>, ControlError> {
        let scope = &self.scope;
        let (name, lease) = (scope.name(), scope.plan().lease_seconds);
        let metadata = metadata(
            &scope.plan().scan_id,
            scope.namespace(),
            Some(&scope.lease_uid()?),
        );
        let spec = self.pod.spec(&name, lease, self.elapsed());
        let manifest =
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec});
        let made = scope.create_object::<Pod>(manifest).await;
        let made = made.map_err(not_admitted)?;
        let planned = self.pod.image.clone();
        let replaced = outcome::replaced(&made, &name, &planned);
        let mut watch = Watched::new(
            scope.operator_api(),
            "watch the pod of the image's trial",
            made,
        );
        let Some(replaced) = replaced else {
            let held = own_pod::held(scope);
            watch.check(move |pod| {
                held(pod);
                outcome::replaced(pod, &name, &planned)
            });
            return Ok(watch);
        };
        *self.watch.lock().await = Some(watch);
        Err(replaced_by(&replaced))
    }

    /// Whether nothing of the pod runs.
    async fn is_idle(&self) -> bool {
        let held = timeout(HELD, self.watch.lock()).await;
        held.is_ok_and(|held| {
            let watch = held.as_ref();
            watch.is_some_and(|watch| !outcome::runs(&watch.last))
        })
    }
}
