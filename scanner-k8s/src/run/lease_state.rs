//! What one scan sees of its leases: their watches, and whether it is about to end them itself.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use k8s_openapi::api::batch::v1::Job;

use crate::api::object_watch::Watched;

/// The watches of a scan's leases.
#[derive(Default)]
pub(crate) struct LeaseState {
    watches: Mutex<Vec<Watched<Job>>>,
    ending: AtomicBool,
}

impl LeaseState {
    /// Keeps the watch by which a lease was seen to start.
    pub(crate) fn keep(&self, watch: Watched<Job>) {
        self.watches().push(watch);
    }

    /// Hands the watches over.
    pub(crate) fn take(&self) -> Vec<Watched<Job>> {
        std::mem::take(&mut *self.watches())
    }

    /// Notes that from now on the scan ends its leases itself.
    pub(crate) fn end(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }

    /// Whether the scan ends its leases itself.
    pub(crate) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    fn watches(&self) -> MutexGuard<'_, Vec<Watched<Job>>> {
        self.watches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
