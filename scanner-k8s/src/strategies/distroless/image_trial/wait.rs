//! Waiting for the probe to run once, and why it does not.

use std::time::Duration;

use scanner_core::{
    ControlError, FailureKind, Remedy, SecurityControl as _,
    control::ControlScope,
    escape::{visible, visible_ends},
};
use tokio::time::Instant;

use super::{
    ImageTrial,
    outcome::{self, Outcome, outcome},
    refused::replaced_by,
};
use crate::{
    api::call::CallError,
    strategies::{
        pull::SlowPod,
        waiting::{slow, waits_for},
    },
};

/// How long a scheduler may find no room on the node: it goes on looking, but the scan does not wait for that.
const NO_ROOM: Duration = Duration::from_secs(10);

impl ImageTrial {
    /// How long the image may take: half of the lease is for the scan itself.
    fn patience(&self) -> Duration {
        Duration::from_secs(u64::from(self.scope.plan().lease_seconds / 2))
    }

    /// Waits until the probe has run, and gives the image as the node names it. `control` gets what it waits for.
    pub(super) async fn started(&self, control: &ControlScope<'_>) -> Result<String, ControlError> {
        let mut held = self.watch.lock().await;
        let watch = held
            .as_mut()
            .ok_or_else(|| ControlError::new("the scan has no pod"))?;
        let (name, limit) = (self.scope.name(), self.patience());
        let begun = Instant::now();
        let until = begun + limit;
        let mut slow_pod = SlowPod::new();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let waited = begun.elapsed();
            let mut now = left.min(slow_pod.pause());
            if let Some(rest) = NO_ROOM.checked_sub(waited).filter(|rest| !rest.is_zero()) {
                now = now.min(rest);
            }
            let no_room = waited >= NO_ROOM || left.is_zero();
            let seen = watch.until(now, |w| match &w.found {
                Some(image) => Some(Outcome::Replaced(image.clone())),
                None => outcome(&w.last, &name)
                    .or_else(|| outcome::unschedulable(&w.last).filter(|_| no_room)),
            });
            let seen = seen.await;
            match seen.map_err(CallError::of_control)? {
                Some(Outcome::Started { image }) => return Ok(image),
                Some(Outcome::Replaced(image)) => return Err(replaced_by(&image)),
                Some(Outcome::Failed {
                    reason,
                    message,
                    remedy,
                }) => {
                    return Err(self.failed(&format!("{reason}: {message}"), remedy));
                }
                None if watch.gone => {
                    let remedy =
                        Remedy::scan_again("once it is known what deletes pods in this namespace");
                    return Err(
                        self.failed("somebody deleted the pod in which it was tried", remedy)
                    );
                }
                None if left.is_zero() => {
                    let slow = slow(&watch.last, "run the probe", limit.as_secs());
                    return Err(self.failed(&slow.message, slow.remedy));
                }
                // Before the next look at its events: a pod without a node may count as one that has no room by now.
                None if now < slow_pod.pause() => continue,
                None => {}
            }
            let reported = slow_pod
                .look(&self.scope, &watch.last, &self.pod.image)
                .await;
            if let Some(diagnosis) = reported.failed {
                return Err(self.failed(&diagnosis.message, diagnosis.remedy));
            }
            let what = waits_for(&watch.last, reported.last.as_deref());
            control.waits(self.id(), begun.elapsed(), what);
        }
    }

    /// The image does not start; `why` may hold words of a registry.
    fn failed(&self, why: &str, remedy: Remedy) -> ControlError {
        let image = visible(&self.pod.image, 400);
        let node = visible(&self.scope.plan().target.node, 253);
        ControlError::new(format!(
            "the image of the probe, {image}, does not start on node {node}: {}; nothing was added to the target's pod",
            visible_ends(why, 700)
        ))
        .with_kind(FailureKind::NotStarted)
        .with_remedy(remedy)
    }
}
