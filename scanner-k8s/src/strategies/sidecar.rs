//! Strategy `sidecar`: an isolated pod of the scan's own, with a clone of the target or its image.

mod clone;
mod confinement;
mod diagnosis;
mod isolation;
mod options;
mod own;
mod pod_control;
mod pull;
mod read;
mod readback;
mod reference;
mod spec;
mod strategy;
mod watch;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak, atomic::AtomicBool},
};

use k8s_openapi::api::core::v1::Pod;
use scanner_core::{
    ScanReport, ScanStrategy, SecurityControl, Target,
    plan::{PlannedCommand, PlannedObject, PlannedRule},
    target::{Namespace, TargetForm},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    api::client::OperatorClient,
    controls,
    plan::{manifest, preflight::Need, resolve::ResolveError},
    pod::{
        access_planner, security_context,
        security_context::{PodSecurity, TargetContext},
    },
    run::session::Session,
    strategies::approach::{Reach, Settled},
};
use options::{PLAIN, as_root, tell_as_root};
use own::OwnPod;
use reference::Reference;
use spec::Parts;

use crate::plan::limits;
use crate::plan::sidecar_options::Mode;
use crate::plan::sidecar_options::SidecarOptions;
pub use options::Unfit;

/// An image that runs nowhere, as a target: its pod is the scan's own.
pub(crate) fn image_target(
    namespace: Namespace,
    name: &str,
    image: &str,
) -> Result<Target, ResolveError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
    if image.is_empty() || image.len() > 1000 || !image.chars().all(plain) {
        return Err(Unfit::Reference(image.chars().take(80).collect()).into());
    }
    let invalid = ResolveError::Malformed("a valid name");
    Ok(Target {
        namespace,
        pod: name.parse().map_err(|_| invalid)?,
        pod_uid: String::new(),
        container: name
            .parse()
            .map_err(|_| ResolveError::Malformed("a valid name"))?,
        container_id: String::new(),
        image: image.to_owned(),
        image_id: image
            .split_once('@')
            .map(|_| image.to_owned())
            .unwrap_or_default(),
        node: String::new(),
        restarts: 0,
        form: TargetForm::Image,
    })
}

/// Strategy `sidecar` as part of a scan.
pub(crate) struct SidecarReach {
    parts: Parts,
    required: bool,
    canaries: Vec<SocketAddr>,
    image_only: bool,
    /// Of an image that runs nowhere.
    expected_digest: Option<String>,
    resolved: Arc<OnceLock<String>>,
    own: Mutex<Weak<OwnPod>>,
    /// Part of the probe's arguments, and so of the plan.
    nonce: String,
}

impl SidecarReach {
    /// Decides what the pod holds and as whom the probe runs in it.
    ///
    /// # Errors
    ///
    /// Fails when no allowed security context can look.
    pub(crate) async fn new(
        operator: &OperatorClient,
        target: &Target,
        pod: Option<&Pod>,
        options: SidecarOptions,
    ) -> Result<Self, ResolveError> {
        let namespace = target.namespace.as_str();
        let reference = match pod {
            Some(_) => Reference::running(target),
            None => Reference::named(&target.image, options.pull),
        };
        if let (Some(expected), Some(named)) = (&options.expected_digest, target.digest())
            && expected != named
        {
            return Err(Unfit::Digest(named.to_owned(), expected.clone()).into());
        }
        let spec = pod.and_then(|pod| serde_json::to_value(pod.spec.as_ref()).ok());
        let spec = spec.unwrap_or_default();
        let (context, copied, same_node) = match (options.mode, pod) {
            (Mode::Clone { keep, same_node }, Some(pod)) => {
                let powers = clone::powers(&spec, target.container.as_str());
                if !powers.is_empty() {
                    return Err(Unfit::Powers(powers.join(", ")).into());
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
                let context = access_planner::plan(&seen, level).map_err(Unfit::Clone)?;
                let copied = clone::of(&spec, target.container.as_str(), keep);
                (context, Some(copied), same_node)
            }
            (
                Mode::Inert {
                    as_root: root,
                    same_node,
                },
                _,
            ) => {
                let context = if root {
                    as_root(security_context::level(operator, namespace).await)?
                } else {
                    PLAIN
                };
                (context, None, same_node && pod.is_some())
            }
            (Mode::Clone { .. }, None) => (PLAIN, None, false),
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
            },
            expected_digest: options.expected_digest,
            required: options.require_isolation,
            canaries,
            image_only: pod.is_none(),
            resolved: Arc::default(),
            own: Mutex::new(Weak::new()),
            nonce: Uuid::new_v4().simple().to_string(),
        })
    }

    /// The one pod of a scan, which its controls and its strategy share.
    fn own(&self, session: &Arc<Session>) -> Arc<OwnPod> {
        let mut last = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = last
            .upgrade()
            .filter(|own| Arc::ptr_eq(&own.session, session))
        {
            return own;
        }
        let own = OwnPod::new(session, &self.parts, &self.canaries, &self.resolved);
        *last = Arc::downgrade(&own);
        own
    }
}

impl Reach for SidecarReach {
    fn name(&self) -> &'static str {
        match (self.image_only, &self.parts.copied) {
            (true, _) => "image",
            (false, Some(_)) => "sidecar",
            (false, None) => "sidecar-inert",
        }
    }

    fn needs(&self) -> &'static [Need] {
        &[
            ("", "pods", &["create", "delete", "get", "list", "watch"]),
            (
                "networking.k8s.io",
                "networkpolicies",
                &["create", "delete", "list"],
            ),
        ]
    }

    fn objects(&self, scan: &Settled<'_>) -> Vec<PlannedObject> {
        let spec = self.parts.spec(scan.name, scan.lease_seconds, 0);
        let why = self.parts.context.why;
        let policy = "networking.k8s.io/v1";
        vec![
            scan.object(policy, "NetworkPolicy", scan.name, "denies the pod all ingress and egress"),
            PlannedObject {
                spec: Some(spec),
                ..scan.object("v1", "Pod", scan.name, why)
            },
            scan.object(
                policy,
                "NetworkPolicy",
                &isolation::hole_name(scan.name),
                "allows egress for a moment while only the probe runs, to prove that the other is enforced",
            ),
        ]
    }

    fn rules(&self, scan: &Settled<'_>) -> Vec<PlannedRule> {
        vec![manifest::exec_rule(scan.name)]
    }

    fn commands(&self, scan: &Settled<'_>) -> Vec<PlannedCommand> {
        let own = self.parts.copied.is_some();
        strategy::commands(scan, own, &self.canaries, &self.nonce)
    }

    /// They are for the scan's own pod; the container id of a clone, which no plan knows, may be any.
    fn limits(&self, scan: &Settled<'_>, commands: &[PlannedCommand]) -> Vec<PlannedRule> {
        let mut own = scan.target.clone();
        let Ok(name) = scan.name.parse() else {
            return Vec::new();
        };
        own.pod = name;
        let limit = |c| limits::may_run_in_own(&own, c);
        commands.iter().map(limit).collect()
    }

    fn differences(&self) -> Vec<String> {
        let reference = &self.parts.reference;
        let note = if self.image_only {
            reference.may_be_old()
        } else {
            reference.note()
        };
        let mut all: Vec<String> = note.into_iter().collect();
        match &self.parts.copied {
            Some(copied) => all.extend(copied.differences.clone()),
            None if !self.image_only => all.push(
                "the image alone: nothing of it runs, and what changed in the running container is not seen"
                    .into(),
            ),
            None => {}
        }
        all
    }

    fn controls(&self, session: &Arc<Session>) -> Vec<Box<dyn SecurityControl>> {
        let own = self.own(session);
        let mut all = controls::all(session);
        if self.image_only {
            all.retain(|control| control.id() != "target-pin");
        }
        all.push(Box::new(isolation::Isolation {
            own: Arc::clone(&own),
            required: self.required,
            shown: AtomicBool::new(false),
        }));
        all.push(Box::new(pod_control::Life(own)));
        all
    }

    fn strategy(&self, session: &Arc<Session>) -> Box<dyn ScanStrategy> {
        Box::new(strategy::Sidecar::new(
            self.own(session),
            self.image_only,
            self.expected_digest.clone(),
            &self.nonce,
        ))
    }

    fn refine(&self, report: &mut ScanReport) {
        // A probe that is root already is refused by something else.
        if self.parts.copied.is_none() && self.parts.context.uid != 0 {
            tell_as_root(&mut report.coverage);
        }
        if let (true, Some(id)) = (self.image_only, self.resolved.get()) {
            report.plan.target.image_id.clone_from(id);
        }
    }
}
