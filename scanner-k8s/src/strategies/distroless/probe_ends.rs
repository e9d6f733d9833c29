//! The life of the ephemeral container: that it runs, and that it ended.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{ContainerState, ContainerStateWaiting, Pod};
use scanner_core::{
    ControlError, Evidence, FailureKind, OpenContext, Remedy, SecurityControl, StrategyError,
    control::{ControlScope, ReleaseError, VerifyError},
    escape::{visible, visible_ends},
    plan::PlannedControl,
};
use tokio::time::Instant;

use crate::{
    api::{
        call::{CALL_TIMEOUT, CallError, CallErrorKind, call_with_retry},
        object_watch::Watched,
    },
    run::scope::ScanScope,
    strategies::waiting::{STUCK, probe_remedy},
};

/// How long a probe may take to start, its image included.
const START: Duration = Duration::from_mins(1);
/// How often a probe that does not run yet is reported to wait.
const REPORT: Duration = Duration::from_secs(5);
/// How long it may take to end after its exec: it stays 30 s when no exec came.
const END: Duration = Duration::from_secs(45);

/// How long the watch that saw it start is trusted to report its end.
const FIRST: Duration = Duration::from_secs(20);

/// How long a call may still be under way after its answer was lost.
const SETTLE: Duration = Duration::from_secs(3);

fn state(pod: &Pod, name: &str) -> Option<ContainerState> {
    let statuses = pod.status.as_ref()?.ephemeral_container_statuses.as_ref()?;
    statuses.iter().find(|s| s.name == name)?.state.clone()
}

/// Whether the pod's specification has the ephemeral container.
fn planned(pod: &Pod, name: &str) -> bool {
    let spec = pod.spec.as_ref();
    let all = spec.and_then(|s| s.ephemeral_containers.as_deref());
    all.unwrap_or_default().iter().any(|c| c.name == name)
}

async fn get(scope: &ScanScope) -> Result<Pod, CallError> {
    let api = scope.operator_api::<Pod>();
    let pod = scope.plan().target.pod.as_str();
    call_with_retry("get the target's pod".into(), || api.get(pod)).await
}

/// The target's pod from `now` on.
fn watched(scope: &ScanScope, now: Pod) -> Watched<Pod> {
    Watched::new(scope.operator_api(), "watch the target's pod", now)
}

/// Reason and message of a container that will not start however long it waits.
fn stuck(waiting: Option<ContainerStateWaiting>) -> Option<(String, String)> {
    let waiting = waiting?;
    let reason = waiting.reason?;
    let stuck = STUCK.contains(&reason.as_str());
    stuck.then(|| (reason, waiting.message.unwrap_or_default()))
}

/// An earlier ephemeral container that waits for an image that does not come: a node that pulls one image after the other
/// pulls the probe's only after that.
fn before(pod: &Pod, own: &str) -> Option<String> {
    let statuses = pod.status.as_ref()?.ephemeral_container_statuses.as_ref()?;
    let others = statuses.iter().filter(|status| status.name != own);
    let mut waiting = others.filter_map(|status| {
        let (reason, _) = stuck(status.state.clone()?.waiting)?;
        Some(format!("{} ({reason})", visible(&status.name, 80)))
    });
    waiting.next()
}

/// What a probe that takes its time waits for.
fn waits_for(pod: &Pod, name: &str) -> String {
    let starts = format!("ephemeral container {name} starts");
    match state(pod, name).and_then(|state| state.waiting?.reason) {
        Some(reason) => format!("{starts}: {}", visible(&reason, 300)),
        None => starts,
    }
}

/// Whether the container of that name runs, or its reason and message where it cannot; nothing while it may still start.
fn started(pod: &Pod, name: &str) -> Option<Result<(), (String, String)>> {
    let state = state(pod, name)?;
    if state.running.is_some() {
        return Some(Ok(()));
    }
    if let Some(ended) = state.terminated {
        let text = ended.message.or(ended.reason).unwrap_or_default();
        let reason = format!("it ended at once, code {}", ended.exit_code);
        return Some(Err((reason, text)));
    }
    stuck(state.waiting).map(Err)
}

/// Waits until the probe runs; `added` is the pod as the server answered when it was added. `context` gets what it waits for.
///
/// # Errors
///
/// Fails if the probe cannot start, ends at once, or does not run within [`START`].
pub(super) async fn running(
    scope: &ScanScope,
    added: Pod,
    context: &OpenContext<'_>,
) -> Result<(), StrategyError> {
    let name = scope.name();
    let mut held = scope.target().with_probe.lock().await;
    let watch = held.insert(watched(scope, added));
    let begun = Instant::now();
    let seen = loop {
        let left = (begun + START).saturating_duration_since(Instant::now());
        let seen = watch.until(left.min(REPORT), |pod| started(&pod.last, &name));
        let seen = seen.await.map_err(|error| {
            let kind = error.failure_kind();
            StrategyError::new(kind, "cannot verify that the probe runs").with_source(error)
        })?;
        if seen.is_some() || watch.gone || left <= REPORT {
            break seen;
        }
        context.waits(CONTROL, begun.elapsed(), waits_for(&watch.last, &name));
    };
    let (reason, remedy) = match seen {
        Some(Ok(())) => return Ok(()),
        Some(Err((reason, message))) => (
            visible_ends(&format!("{reason}: {message}"), 600),
            probe_remedy(&reason),
        ),
        None => (
            format!("it did not start within {} s", START.as_secs()),
            match before(&watch.last, &name) {
                Some(other) => Remedy::advice(format!(
                    "ephemeral container {other}, which was there before, waits for its image and may hold up the \
                     node; it goes when the pod is deleted"
                )),
                None => Remedy::advice(
                    "read the events of the pod; check that its node is not too busy and can pull the probe's image",
                ),
            },
        ),
    };
    Err(StrategyError::new(
        FailureKind::NotStarted,
        format!("the probe does not run: {reason}"),
    )
    .with_remedy(remedy))
}

/// Identifier of [`ProbeEnds`].
const CONTROL: &str = "probe-ends";

/// The ephemeral container has ended; its entry in the pod's specification stays and is reported.
pub(crate) struct ProbeEnds(pub(crate) Arc<ScanScope>);

#[async_trait]
impl SecurityControl for ProbeEnds {
    fn id(&self) -> &'static str {
        CONTROL
    }

    fn plan(&self) -> PlannedControl {
        PlannedControl::new(self.id(), "The probe ends by itself")
            .planning(format!(
                "ends when its exec ends, 30 s after its start if none comes, {} s at most",
                self.0.plan().lease_seconds
            ))
            .planning(format!(
                "residue: Kubernetes keeps the entry of ephemeral container {} in the pod's \
                     specification until the pod is deleted",
                self.0.name()
            ))
    }

    async fn enforce(&self, _: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        Ok(Evidence::of(
            "the probe is started with its deadline as an argument",
        ))
    }

    async fn verify(&self, _: &ControlScope<'_>) -> Result<Evidence, VerifyError> {
        Ok(Evidence::of(
            "that the probe ended is verified after the scan",
        ))
    }

    async fn verify_release(&self, _: &ControlScope<'_>) -> Result<Evidence, ReleaseError> {
        let name = self.0.name();
        if !self.0.ledger().probe_may_exist() {
            return Ok(Evidence::of("no ephemeral container was added"));
        }
        match end(&self.0).await.map_err(CallError::of_control)? {
            End::NeverAdded => Ok(Evidence::of(format!(
                "the server did not add ephemeral container {name}: the pod's specification has none of \
                 that name"
            ))),
            End::PodGone => Ok(Evidence::of("the pod is gone, and its containers with it")),
            End::Code(code) => Ok(Evidence(vec![
                format!("ephemeral container {name} has ended, code {code}"),
                format!(
                    "residue: its entry stays in the specification of pod {}",
                    self.0.plan().target.pod
                ),
            ])),
            End::Stuck(reason, message) => Err(ControlError::new(format!(
                "ephemeral container {name} never started, and the node keeps trying: {}",
                visible_ends(&format!("{reason}: {message}"), 600)
            ))
            .with_remedy(Remedy::advice(
                "delete the pod, or let it be: a probe that starts later ends after 30 s",
            ))
            .into()),
            End::NotSeen => Err(ControlError::new(format!(
                "ephemeral container {name} of pod {} was not verified to have ended within {} s: a process of its user \
                 in the target can stop it beyond its deadline",
                self.0.plan().target.pod,
                END.as_secs()
            ))
            .with_remedy(Remedy::advice(
                "find out what runs in the target; the probe goes when the pod is deleted",
            ))
            .into()),
        }
    }
}

/// How an ephemeral container ended, or did not.
enum End {
    NeverAdded,
    PodGone,
    Code(i32),
    Stuck(String, String),
    NotSeen,
}

async fn end(scope: &ScanScope) -> Result<End, CallError> {
    let name = scope.name();
    let ended = |pod: &Watched<Pod>| {
        let state = state(&pod.last, &name)?;
        if let Some(ended) = state.terminated {
            return Some(End::Code(ended.exit_code));
        }
        stuck(state.waiting).map(|(reason, message)| End::Stuck(reason, message))
    };
    scope.ledger().settle(CALL_TIMEOUT).await;
    if !scope.ledger().probe_may_exist() {
        return Ok(End::NeverAdded);
    }
    let mut held = scope.target().with_probe.lock().await;
    if let Some(watch) = held.as_mut() {
        let seen = watch.until(FIRST, ended).await;
        match seen {
            Ok(Some(end)) => return Ok(end),
            _ if watch.gone => return Ok(End::PodGone),
            // The connection may have died without a word while the target was read.
            Ok(None) | Err(_) => {}
        }
    }
    let now = match get(scope).await {
        Ok(now) if !planned(&now, &name) => {
            // A call whose answer was lost may still be under way.
            tokio::time::sleep(SETTLE).await;
            get(scope).await
        }
        now => now,
    };
    let now = match now {
        Ok(now) if !planned(&now, &name) => return Ok(End::NeverAdded),
        Ok(now) => now,
        Err(error) if error.kind() == CallErrorKind::NotFound => return Ok(End::PodGone),
        Err(error) => return Err(error),
    };
    let watch = held.insert(watched(scope, now));
    let seen = watch.until(END, ended).await?;
    Ok(match seen {
        Some(end) => end,
        None if watch.gone => End::PodGone,
        None => End::NotSeen,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_an_image_since_before_is_named_and_our_own_is_not() {
        let pod = |name: &str, reason: &str| -> Pod {
            serde_json::from_value(
                serde_json::json!({"status": {"ephemeralContainerStatuses": [{
                    "name": name, "image": "", "imageID": "", "ready": false, "restartCount": 0,
                    "state": {"waiting": {"reason": reason}},
                }]}}),
            )
            .unwrap()
        };
        let stuck = pod("debug", "ImagePullBackOff");
        assert_eq!(before(&stuck, "ours").unwrap(), "debug (ImagePullBackOff)");
        assert_eq!(before(&stuck, "debug"), None);
        assert_eq!(before(&pod("debug", "ContainerCreating"), "ours"), None);
    }
}
