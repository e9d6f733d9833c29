//! What was seen of the target's pod: before, during and after the scan.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use k8s_openapi::api::core::v1::Pod;
use scanner_core::inventory::{Changes, Collected};

use crate::{
    api::object_watch::Watched,
    pod::{beside::Beside, snapshot::PodSnapshot},
};

/// What one scan saw of its target's pod.
pub struct TargetWatch {
    before: Option<PodSnapshot>,
    /// The sidecar that answers, where one was deployed with the pod.
    sidecar: OnceLock<Beside>,
    seen: Mutex<Seen>,
    /// The pod from when a probe was added to it.
    pub(crate) with_probe: tokio::sync::Mutex<Option<Watched<Pod>>>,
}

#[derive(Default)]
struct Seen {
    after: Option<PodSnapshot>,
    changes: Option<Collected<Changes>>,
}

impl TargetWatch {
    pub(super) fn new(before: Option<PodSnapshot>) -> Self {
        Self {
            before,
            sidecar: OnceLock::new(),
            seen: Mutex::default(),
            with_probe: tokio::sync::Mutex::default(),
        }
    }

    /// The pod as it was resolved.
    pub(crate) fn before(&self) -> Option<&PodSnapshot> {
        self.before.as_ref()
    }

    /// Pins the sidecar that is to answer.
    pub(crate) fn pin_sidecar(&self, sidecar: Beside) {
        let _ = self.sidecar.set(sidecar);
    }

    /// The sidecar as it was when the scan was planned.
    pub(crate) fn sidecar(&self) -> Option<&Beside> {
        self.sidecar.get()
    }

    /// Keeps the pod as it was after the scan.
    pub(crate) fn note_after(&self, pod: PodSnapshot) {
        self.seen().after.get_or_insert(pod);
    }

    /// The pod as it was after the scan.
    pub(crate) fn after(&self) -> Option<PodSnapshot> {
        self.seen().after.clone()
    }

    /// Keeps what changed in the target while it was read.
    pub(crate) fn note_changes(&self, changes: Collected<Changes>) {
        self.seen().changes.get_or_insert(changes);
    }

    /// What changed in the target while it was read.
    pub(crate) fn changes(&self) -> Option<Collected<Changes>> {
        self.seen().changes.clone()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
