//! Strategy `sidecar`: an isolated pod of the scan's own, with a clone of the target or its image.

mod canary;
mod clone;
mod confinement;
mod diagnosis;
mod helper;
mod image_target;
mod isolation;
mod options;
mod own;
mod pod_control;
mod pod_watch;
mod read;
mod readback;
mod reference;
mod spec;
mod strategy;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, OnceLock, atomic::AtomicBool},
};

use k8s_openapi::api::core::v1::Pod;
use scanner_core::{
    ProbeResources, Target,
    plan::{EvidenceSource, Need, PlannedCommand, PlannedObject, PlannedRule},
    strategy::IMAGE_OF_TARGET,
    target::TargetForm,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    api::client::OperatorClient,
    controls,
    plan::{
        limits, manifest,
        sidecar_options::{Mode, SidecarOptions},
    },
    pod::{
        access_planner, security_context,
        security_context::{PodSecurity, TargetContext},
        strength,
    },
    run::scope::ScanScope,
    strategies::approach::{Approach, PlanScope, Started},
};
use options::{UNPRIVILEGED, note_as_root, reader};
use own::ScanPod;
use reference::Reference;
use spec::Parts;

pub use helper::HelperRefusal;
pub(crate) use image_target::image_of;
pub use image_target::image_target;
pub use options::SidecarRefusal;

/// What the evidence of an image rests on.
const NOTHING_RUNS: &str = "the image is read, and nothing of it runs";

/// Strategy `sidecar` as part of a scan.
pub struct SidecarApproach {
    parts: Parts,
    evidence: EvidenceSource,
    required: bool,
    canaries: Vec<SocketAddr>,
    image_only: bool,
    /// Namespace in which the image of a running container is read, where that is not the container's.
    elsewhere: Option<String>,
    /// Digest that an image that runs nowhere must have.
    expected_digest: Option<String>,
    /// Part of the probe's arguments, and so of the plan.
    nonce: String,
}

/// What the operator does beside what every scan does, for a pod of the scan's own.
pub(crate) fn needs() -> Vec<Need> {
    let network = "networking.k8s.io";
    vec![
        Need::new("", "pods", &["create", "delete", "get", "list", "watch"]),
        Need::new(network, "networkpolicies", &["create", "delete", "list"]),
    ]
}

impl SidecarApproach {
    /// Decides what the pod holds and as which user the probe runs in it. A target of form image with a pod is the image of
    /// that pod, and is read in another namespace.
    ///
    /// # Errors
    ///
    /// Fails when no allowed security context can look.
    pub async fn new(
        operator: &OperatorClient,
        target: &Target,
        pod: Option<&Pod>,
        options: SidecarOptions,
        resources: ProbeResources,
    ) -> Result<Self, SidecarRefusal> {
        let namespace = target.namespace.as_str();
        let elsewhere = pod.filter(|_| target.form == TargetForm::Image);
        let reference = match pod {
            Some(_) => Reference::running(target),
            None => Reference::named(&target.image, options.pull),
        };
        if let (Some(expected), Some(named)) = (&options.expected_digest, target.digest())
            && expected != named
        {
            return Err(SidecarRefusal::Digest(named.to_owned(), expected.clone()));
        }
        let spec = pod.and_then(|pod| serde_json::to_value(pod.spec.as_ref()).ok());
        let spec = spec.unwrap_or_default();
        let mut evidence = EvidenceSource::independent(NOTHING_RUNS);
        let (context, copied, same_node) = match (options.mode, pod) {
            (Mode::Clone { keep, same_node }, Some(pod)) => {
                let dangerous = clone::dangerous_settings(&spec, target.container.as_str());
                if !dangerous.is_empty() {
                    return Err(SidecarRefusal::DangerousSettings(dangerous.join(", ")));
                }
                let seen = TargetContext {
                    host_pid: false,
                    ..security_context::of(pod, target)
                };
                let level = if seen.uid == Some(0) {
                    security_context::level(operator, namespace).await
                } else {
                    PodSecurity::Privileged
                };
                let context = access_planner::plan(&seen, level).map_err(SidecarRefusal::Clone)?;
                evidence = strength::beside(&seen, &context);
                let copied = clone::of(&spec, target.container.as_str(), keep);
                (context, Some(copied), same_node)
            }
            (
                Mode::Inert {
                    reads_as,
                    same_node,
                },
                _,
            ) => {
                let has_secret = !options.pull_secrets.is_empty();
                let context = reader(operator, target, pod, reads_as, has_secret).await?;
                (context, None, same_node && pod.is_some())
            }
            (Mode::Clone { .. }, None) => (UNPRIVILEGED, None, false),
        };
        let mut pull_secrets: Vec<Value> = options
            .pull_secrets
            .iter()
            .map(|name| json!({"name": name}))
            .collect();
        pull_secrets.extend(
            spec["imagePullSecrets"]
                .as_array()
                .into_iter()
                .flatten()
                // These pull secrets are in the target's namespace.
                .filter(|_| elsewhere.is_none())
                .cloned(),
        );
        let host = pod.and_then(|pod| pod.status.as_ref()?.host_ip.as_deref());
        let mut canaries = options.canaries;
        canaries.extend(isolation::kubelet(host));
        Ok(Self {
            parts: Parts {
                probe: options.image,
                context,
                node: (same_node || reference.local).then(|| target.node.clone()),
                reference,
                copied,
                pull_secrets,
                tolerations: spec["tolerations"].clone(),
                resources,
            },
            expected_digest: options.expected_digest,
            evidence,
            required: options.require_isolation,
            canaries,
            image_only: target.form == TargetForm::Image,
            elsewhere: elsewhere.map(|_| namespace.to_owned()),
            nonce: Uuid::new_v4().simple().to_string(),
        })
    }
}

impl Approach for SidecarApproach {
    fn name(&self) -> &'static str {
        match (self.image_only, &self.parts.copied) {
            (true, _) if self.elsewhere.is_none() => "image",
            (false, Some(_)) => "sidecar",
            (_, None) | (true, Some(_)) => IMAGE_OF_TARGET,
        }
    }

    fn needs(&self) -> Vec<Need> {
        needs()
    }

    fn objects(&self, scope: &PlanScope<'_>) -> Vec<PlannedObject> {
        let spec = self.parts.spec(scope.name, scope.lease_seconds, 0);
        let why = self.parts.context.why;
        let policy = "networking.k8s.io/v1";
        vec![
            scope.object(policy, "NetworkPolicy", scope.name, "denies the pod all ingress and egress"),
            scope.object("v1", "Pod", scope.name, why).with_spec(spec),
            scope.object(
                policy,
                "NetworkPolicy",
                &isolation::probe_egress_policy_name(scope.name),
                "allows egress for a moment while only the probe runs, to prove that the other is enforced",
            ),
        ]
    }

    fn rules(&self, scope: &PlanScope<'_>) -> Vec<PlannedRule> {
        vec![manifest::exec_rule(scope.name)]
    }

    fn commands(&self, scope: &PlanScope<'_>) -> Vec<PlannedCommand> {
        let own = self.parts.copied.is_some();
        strategy::commands(scope, own, &self.canaries, &self.nonce)
    }

    /// The limits are for the scan's own pod. They allow any container id of a clone, because no plan can know it.
    fn limits(&self, scope: &PlanScope<'_>, commands: &[PlannedCommand]) -> Vec<PlannedRule> {
        let mut own = scope.target.clone();
        let Ok(name) = scope.name.parse() else {
            return Vec::new();
        };
        own.pod = name;
        let limit = |c| limits::may_run_in_own(&own, c);
        commands.iter().map(limit).collect()
    }

    fn differences(&self) -> Vec<String> {
        let reference = &self.parts.reference;
        let of_nothing = self.image_only && self.elsewhere.is_none();
        let note = if of_nothing {
            reference.may_be_old()
        } else {
            reference.note()
        };
        let mut all: Vec<String> = note.into_iter().collect();
        match &self.parts.copied {
            Some(copied) => all.extend(copied.differences.clone()),
            None if !of_nothing => all.push(
                "the image alone: nothing of it runs, and what changed in the running container is not seen"
                    .into(),
            ),
            None => {}
        }
        all.extend(self.elsewhere.as_ref().map(|namespace| {
            format!("read in helper namespace {namespace}, with the pull secrets of that namespace")
        }));
        all
    }

    fn evidence(&self) -> Option<EvidenceSource> {
        Some(self.evidence.clone())
    }

    fn start(self: Box<Self>, scope: &Arc<ScanScope>) -> Started {
        let resolved = Arc::new(OnceLock::new());
        let own = ScanPod::new(scope, &self.parts, &self.canaries, &resolved);
        let mut all = controls::all(scope);
        if self.image_only {
            all.retain(|control| control.id() != "target-pin");
        }
        all.push(Box::new(isolation::Isolation {
            own: Arc::clone(&own),
            required: self.required,
            shown: AtomicBool::new(false),
            broken: Mutex::default(),
        }));
        all.push(Box::new(pod_control::ScanPodControl(Arc::clone(&own))));
        let expected = self.expected_digest;
        let strategy = strategy::Sidecar::new(own, self.image_only, expected, &self.nonce);
        // A probe that is already root was refused for another reason.
        let unread = self.parts.copied.is_none() && self.parts.context.uid != 0;
        let image_only = self.image_only;
        Started::new(all, Box::new(strategy)).refining(move |report| {
            if unread {
                note_as_root(&mut report.coverage);
            }
            if let (true, Some(id)) = (image_only, resolved.get()) {
                report.plan.target.image_id.clone_from(id);
            }
        })
    }
}
