//! Waiting for the scan's own pod: for what it comes to, why it does not, and its end.

use std::{sync::atomic::Ordering, time::Duration};

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use scanner_core::{ControlError, Remedy};
use tokio::time::{Instant, sleep, timeout};

use super::{ScanPod, left::Left};
use crate::api::call::{CallError, CallErrorKind, call};
use crate::strategies::sidecar::{
    diagnosis::{self, Diagnosis},
    pod_watch::PodWatch,
    pull,
};

/// How long a pod may take before its node's events are read.
const EVENTS: Duration = Duration::from_secs(3);
/// How long a server that refused or failed is left before it is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(500);

impl ScanPod {
    /// Waits for what `done` sees, and reports why it does not come.
    pub(in crate::strategies::sidecar) async fn wait<T>(
        &self,
        what: &str,
        target: Option<&str>,
        done: impl Fn(&PodWatch) -> Option<T>,
    ) -> Result<T, ControlError> {
        let mut held = self.watch.lock().await;
        let watch = held
            .as_mut()
            .ok_or_else(|| ControlError::new("the scan has no pod"))?;
        let limit = self.patience();
        // What is wrong comes first: a container that ended may have run before.
        let done = |w: &PodWatch| match diagnosis::of(&w.last, target) {
            Some(diagnosis) => Some(Err(diagnosis)),
            None => done(w).map(Ok),
        };
        let seen = self.patiently(watch, limit, done).await;
        let seen = seen.map_err(CallError::of_control)?;
        Err(match seen {
            Some(Ok(value)) => return Ok(value),
            Some(Err(diagnosis)) => diagnosis.into(),
            None if watch.gone => ControlError::new("the scan's pod was deleted by someone else")
                .with_remedy(Remedy::advice(
                    "find out what deletes pods in this namespace, and scan again",
                )),
            None => diagnosis::slow(&watch.last, what, limit.as_secs()).into(),
        })
    }

    /// Waits for what `done` sees; a pod that takes its time is looked up in the events of its node.
    async fn patiently<T>(
        &self,
        watch: &mut PodWatch,
        limit: Duration,
        done: impl Fn(&PodWatch) -> Option<Result<T, Diagnosis>>,
    ) -> Result<Option<Result<T, Diagnosis>>, CallError> {
        let until = Instant::now() + limit;
        let (mut pause, mut ask) = (EVENTS, true);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let now = if ask { left.min(pause) } else { left };
            let seen = watch.until(now, &done).await?;
            if seen.is_some() || watch.gone || now == left {
                return Ok(seen);
            }
            pause = (pause * 2).min(EVENTS * 5);
            match pull::failed(&self.scope, &watch.last, &self.parts.probe).await {
                Ok(Some(diagnosis)) => return Ok(Some(Err(diagnosis))),
                Ok(None) => {}
                // The operator may not read them: the pod's status will show it.
                Err(_) => ask = false,
            }
        }
    }

    /// Why the clone does not run, where the server reports it within `limit`.
    pub(in crate::strategies::sidecar) async fn diagnosis(
        &self,
        clone: &str,
        limit: Duration,
    ) -> Option<Diagnosis> {
        let mut held = self.watch.lock().await;
        let seen = held
            .as_mut()?
            .until(limit, |w| diagnosis::of(&w.last, Some(clone)));
        seen.await.ok().flatten()
    }

    /// What there is of the pod: the watch saw its end, or the server is asked.
    pub(in crate::strategies::sidecar) async fn left(&self) -> Result<Left, ControlError> {
        if self.watch.lock().await.as_ref().is_some_and(|w| w.gone) {
            return Ok(Left::Nothing);
        }
        let name = self.scope.name();
        let uid = self.scope.ledger().uid_of("Pod", &name);
        let api = self.scope.operator_api::<Pod>();
        match call("get the scan's pod", api.get_metadata(&name)).await {
            Err(error) if error.kind() == CallErrorKind::NotFound => Ok(Left::Nothing),
            Ok(other) if uid.is_some() && other.uid() != uid => Ok(Left::Another),
            Ok(_) => Ok(Left::Pod),
            Err(error) => Err(error.of_control()),
        }
    }

    /// Whether nothing of the image runs or can come to run: it never does where it is only mounted, and
    /// otherwise the barrier must never have been opened; and no container of ours runs either.
    pub(in crate::strategies::sidecar) async fn idle(&self) -> bool {
        let held = self.watch.lock().await;
        let still = held.as_ref().is_some_and(|watch| !watch.any_runs());
        still && (self.parts.copied.is_none() || !self.opened.load(Ordering::Relaxed))
    }

    /// Waits until the pod is gone from the server.
    pub(in crate::strategies::sidecar) async fn ended(&self, limit: Duration) -> bool {
        let mut held = self.watch.lock().await;
        let Some(watch) = held.as_mut() else {
            // Its creation was interrupted, or its answer was lost: nobody watches it yet.
            return timeout(limit, self.found_until_gone(limit)).await.is_ok();
        };
        matches!(
            watch.until(limit, |w| w.gone.then_some(())).await,
            Ok(Some(()))
        )
    }

    /// Looks for the pod, and watches it until there is none.
    async fn found_until_gone(&self, limit: Duration) {
        loop {
            let name = self.scope.name();
            let uid = self.scope.ledger().uid_of("Pod", &name);
            let api = self.scope.operator_api::<Pod>();
            match call("get the scan's pod", api.get(&name)).await {
                Err(error) if error.kind() == CallErrorKind::NotFound => return,
                Ok(other) if uid.is_some() && other.uid() != uid => return,
                Ok(pod) => {
                    let mut watch = PodWatch::new(api, "watch the scan's pod", pod);
                    let gone = watch.until(limit, |w| w.gone.then_some(())).await;
                    if let Ok(Some(())) = gone {
                        return;
                    }
                }
                Err(_) => {}
            }
            sleep(ASK_AGAIN).await;
        }
    }
}
