//! Opens the barrier under verified controls, and asks the probe over one exec.

use std::{net::SocketAddr, sync::Arc};

use async_trait::async_trait;
use scanner_core::{
    ControlError, EnforcedControls, FailureKind, OpenContext, PreparedControls, Remedy,
    ScanStrategy, StrategyError, TargetAccess, inventory::Section, plan::PlannedCommand,
    target::image_digest,
};

use super::{
    canary::TRY_MS,
    own::ScanPod,
    pod_control::CONTROL,
    read::Read,
    spec::{MOUNT, PROGRAM, barrier_name},
};
use crate::names::HELD;
use crate::plan::limits;
use crate::strategies::{
    agent::{Agent, AgentStream},
    approach::PlanScope,
};

/// Looks at the clone or the image in the scan's own pod.
pub(super) struct Sidecar {
    own: Arc<ScanPod>,
    absent: Vec<Section>,
    image_only: bool,
    /// Digest that an image that runs nowhere must have.
    expected: Option<String>,
    nonce: String,
}

impl Sidecar {
    pub(super) fn new(
        own: Arc<ScanPod>,
        image_only: bool,
        expected: Option<String>,
        nonce: &str,
    ) -> Self {
        let mut absent = Vec::new();
        if own.parts.copied.is_none() {
            absent.extend(Section::OF_PROCESSES);
        }
        if image_only {
            absent.push(Section::Pod);
        }
        Self {
            own,
            absent,
            image_only,
            expected,
            nonce: nonce.to_owned(),
        }
    }

    fn clones(&self) -> bool {
        self.own.parts.copied.is_some()
    }
}

/// What would run: the canary, then the probe.
pub(super) fn commands(
    scan: &PlanScope<'_>,
    clones: bool,
    canaries: &[SocketAddr],
    nonce: &str,
) -> Vec<PlannedCommand> {
    let mut canary = vec![PROGRAM.to_owned(), "canary".into(), TRY_MS.into()];
    canary.extend(canaries.iter().map(ToString::to_string));
    let beside = if clones {
        "beside the clone"
    } else {
        "beside the image"
    };
    vec![
        PlannedCommand::new(
            barrier_name(scan.name),
            canary,
            "try and go, line by line, before anything else runs",
            0,
        ),
        PlannedCommand::new(
            scan.name,
            argv(clones.then_some(limits::ANY_ID), nonce, scan.lease_seconds),
            format!("the inventory request, {beside}"),
            serde_json::to_vec(scan.request).unwrap_or_default().len(),
        ),
    ]
}

fn argv(clone: Option<&str>, nonce: &str, seconds: u32) -> Vec<String> {
    let (verb, what) = match clone {
        Some(id) => ("collect", id),
        None => ("root", MOUNT),
    };
    [PROGRAM, verb, what, nonce, &seconds.to_string(), HELD]
        .map(str::to_owned)
        .to_vec()
}

/// Whether two names that nodes report are of the same contents: a mirror and a registry have one digest.
fn same_image(one: &str, other: &str) -> bool {
    match (image_digest(one), image_digest(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

fn failed(error: ControlError) -> StrategyError {
    let kind = match error.kind {
        FailureKind::Unknown => FailureKind::NotStarted,
        kind => kind,
    };
    let mut failed = StrategyError::new(kind, error.message).with_remedy(error.remedy);
    failed.source = error.source;
    failed
}

#[async_trait]
impl ScanStrategy for Sidecar {
    fn name(&self) -> &'static str {
        "sidecar"
    }

    fn trust(&self) -> &'static str {
        let of_nothing = self.image_only && self.own.scope.plan().image_of.is_none();
        match (self.clones(), of_nothing) {
            (true, _) => {
                "a probe of our own reads an isolated clone: what changed in the target since it started is not seen"
            }
            (false, false) => {
                "a probe of our own reads the image that the target runs: what changed since is not seen"
            }
            (false, true) => "a probe of our own reads the image; nothing of it runs",
        }
    }

    fn absent(&self) -> &[Section] {
        &self.absent
    }

    fn unseen_env(&self) -> &[String] {
        let copied = self.own.parts.copied.as_ref();
        copied.map_or(&[], |copied| &copied.unseen_env)
    }

    async fn prepare(
        &self,
        _: &OpenContext<'_>,
        controls: &PreparedControls,
    ) -> Result<(), StrategyError> {
        self.own.create(controls).await.map_err(failed)
    }

    async fn open(
        &self,
        context: &OpenContext<'_>,
        controls: &EnforcedControls,
    ) -> Result<Box<dyn TargetAccess>, StrategyError> {
        let own = &self.own;
        let (name, plan) = (own.scope.name(), own.scope.plan());
        let client = own.scope.credential().scan_client(controls);
        let client = client.map_err(failed)?;
        own.open_barrier().await.map_err(failed)?;
        let target = self.clones().then_some(plan.target.container.as_str());
        let waits = |waited, what| context.waits(CONTROL, waited, what);
        let probe = |w: &super::pod_watch::PodWatch| w.runs(&name).then_some(());
        let runs = own.wait("run", target, waits, probe).await;
        runs.map_err(failed)?;
        own.resolve(waits).await.map_err(failed)?;
        let seen = match target {
            Some(container) => {
                let clone = own.wait("run its clone", target, waits, |w| {
                    let status = w.container(container)?;
                    let runs = status.state.as_ref()?.running.is_some();
                    let id = status.container_id.clone()?;
                    runs.then(|| (id, status.image_id.clone()))
                });
                Some(clone.await.map_err(failed)?)
            }
            None => None,
        };
        let image = seen.as_ref().map(|(_, image)| image.as_str());
        let image = image.or(own.resolved.get().map(String::as_str));
        // Nothing is known in advance about an image that runs nowhere.
        let known = !self.image_only || plan.image_of.is_some();
        if let Some(image) =
            image.filter(|image| known && !same_image(image, &plan.target.image_id))
        {
            return Err(StrategyError::new(FailureKind::Unknown, format!("another image than the target's came: {image}")).with_remedy(Remedy::advice("the tag was moved since the target started; restart it, or take strategy container")));
        }
        if let Some(expected) = &self.expected {
            let came = image.unwrap_or(&plan.target.image_id);
            if image_digest(came) != Some(expected) {
                return Err(StrategyError::new(
                    FailureKind::Unknown,
                    format!("the image that came is {came}, and {expected} was expected"),
                )
                .with_remedy(Remedy::PullAlways));
            }
        }
        let id = seen
            .as_ref()
            .map(|(id, _)| id.rsplit('/').next().unwrap_or_default());
        let argv = argv(id, &self.nonce, plan.lease_seconds);
        let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
        let place = own.place(&name).map_err(failed)?;
        let opened = client.exec(&place, &argv).await;
        let stream = opened.map_err(|error| {
            let (kind, remedy) = (error.failure_kind(), error.remedy());
            StrategyError::new(kind, "cannot exec into the probe")
                .with_remedy(remedy)
                .with_source(error)
        })?;
        let stream = AgentStream::new(stream, Agent::Probe, &self.nonce, &own.scope);
        Ok(Box::new(Read {
            stream: Box::new(stream),
            own: Arc::clone(own),
            clone: target.map(str::to_owned),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_the_same_by_their_digests() {
        let (a, b) = ("a".repeat(64), "b".repeat(64));
        let of = |name: &str, hex: &str| format!("{name}@sha256:{hex}");
        assert!(same_image(
            &of("mirror.example/a", &a),
            &of("docker.io/a", &a)
        ));
        assert!(same_image(&of("docker-pullable://a", &a), &of("a", &a)));
        assert!(!same_image(&of("a", &a), &of("a", &b)));
        assert!(!same_image("a:1", &of("a", &a)) && same_image("a:1", "a:1"));
    }
}
