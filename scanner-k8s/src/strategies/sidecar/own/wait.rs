//! Waits for the scan's own pod to reach a state, and finds out why it does not.

use std::{sync::atomic::Ordering, time::Duration};

use scanner_core::{ControlError, Remedy};
use tokio::time::Instant;

use super::ScanPod;
use crate::api::call::CallError;
use crate::strategies::{
    pull::SlowPod,
    sidecar::{diagnosis, helper, pod_watch::PodWatch},
    waiting::{Diagnosis, slow, waits_for},
};

impl ScanPod {
    /// Waits until `done` sees in the pod what it looks for, and gives that. While the pod takes its time, `waits` gets how long
    /// this has waited, and for what.
    ///
    /// # Errors
    ///
    /// Fails with the reason why the pod does not come to `what`, such as `run`, before the lease ends.
    pub(in crate::strategies::sidecar) async fn wait<T>(
        &self,
        what: &str,
        target: Option<&str>,
        waits: impl Fn(Duration, String),
        done: impl Fn(&PodWatch) -> Option<T>,
    ) -> Result<T, ControlError> {
        let mut held = self.watch.lock().await;
        let watch = held
            .as_mut()
            .ok_or_else(|| ControlError::new("the scan has no pod"))?;
        let limit = self.patience();
        // A diagnosis takes precedence: a container that ended may have run before.
        let done = |w: &PodWatch| match diagnosis::of(&w.last, target) {
            Some(diagnosis) => Some(Err(diagnosis)),
            None => done(w).map(Ok),
        };
        let seen = self.patiently(watch, limit, waits, done).await;
        let seen = seen.map_err(CallError::of_control)?;
        Err(match seen {
            Some(Ok(value)) => return Ok(value),
            Some(Err(diagnosis)) => match &self.scope.plan().image_of {
                Some(_) => helper::of_pull(diagnosis, &self.scope.plan().target).into(),
                None => diagnosis.into(),
            },
            None if watch.gone => ControlError::new("the scan's pod was deleted by someone else")
                .with_remedy(Remedy::advice(
                    "find out what deletes pods in this namespace, and scan again",
                )),
            None => slow(&watch.last, what, limit.as_secs()).into(),
        })
    }

    /// The same without the final error. While the pod takes its time, the events of its node are read.
    async fn patiently<T>(
        &self,
        watch: &mut PodWatch,
        limit: Duration,
        waits: impl Fn(Duration, String),
        done: impl Fn(&PodWatch) -> Option<Result<T, Diagnosis>>,
    ) -> Result<Option<Result<T, Diagnosis>>, CallError> {
        let begun = Instant::now();
        let mut slow = SlowPod::new();
        loop {
            let left = (begun + limit).saturating_duration_since(Instant::now());
            let now = left.min(slow.pause());
            let seen = watch.until(now, &done).await?;
            if seen.is_some() || watch.gone || now == left {
                return Ok(seen);
            }
            let reported = slow.look(&self.scope, &watch.last, &self.parts.probe).await;
            if let Some(diagnosis) = reported.failed {
                return Ok(Some(Err(diagnosis)));
            }
            waits(
                begun.elapsed(),
                waits_for(&watch.last, reported.last.as_deref()),
            );
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

    /// Whether nothing of the pod runs or can start to run. If the image is only mounted, nothing of it ever runs;
    /// otherwise the barrier must never have been opened. The scan's own containers must have ended too.
    pub(in crate::strategies::sidecar) async fn idle(&self) -> bool {
        let held = self.watch.lock().await;
        let still = held.as_ref().is_some_and(|watch| !watch.any_runs());
        still && (self.parts.copied.is_none() || !self.opened.load(Ordering::Relaxed))
    }
}
