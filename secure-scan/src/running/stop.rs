//! Stops a scan, and says what it would leave if nobody waited for its cleanup.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use scanner_core::{
    ScanPlan,
    plan::{PlannedObject, ScanId},
    stage::Stage,
};
use tokio::sync::watch;

/// Stops one scan. Cheap to clone; has no effect on a scan that has ended.
#[derive(Debug, Clone)]
pub struct Stop {
    reason: Arc<watch::Sender<Option<String>>>,
    over: watch::Receiver<bool>,
    progress: Progress,
}

/// The progress of a scan, as far as it decides what the scan would leave.
#[derive(Debug, Clone)]
pub(crate) struct Progress(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    left: Left,
    lease: SignedDuration,
    objects: Vec<PlannedObject>,
}

/// What a scan leaves if nobody waits for the rest of its cleanup.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Left {
    /// The scan.
    pub scan: ScanId,
    /// Namespace of what it made.
    pub namespace: String,
    /// What it may have made and not removed yet; empty before it creates anything.
    pub objects: Vec<PlannedObject>,
    /// What it is doing.
    pub stage: Option<Stage>,
    /// When the cluster itself removes these objects, at the latest; `None` before any is created.
    pub removed_by: Option<Timestamp>,
}

impl std::fmt::Display for Left {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            scan, namespace, ..
        } = self;
        let Some(by) = self.removed_by else {
            return write!(f, "scan {scan} still runs, and has created nothing");
        };
        let objects: Vec<String> = self
            .objects
            .iter()
            .map(|object| format!("{} {}", object.kind, object.name))
            .collect();
        write!(
            f,
            "scan {scan} has not finished its cleanup; in namespace {namespace} there may be left: {}; the cluster \
             removes them by {by:.0}",
            objects.join(", ")
        )
    }
}

impl std::error::Error for Left {}

impl Stop {
    pub(super) fn new(plan: &ScanPlan) -> (Self, Control) {
        let (reason, _) = watch::channel(None);
        let (ended, over) = watch::channel(false);
        let reason = Arc::new(reason);
        let progress = Progress::of(plan);
        let stop = Self {
            reason: Arc::clone(&reason),
            over,
            progress: progress.clone(),
        };
        let control = Control {
            reason,
            ended,
            progress,
        };
        (stop, control)
    }

    /// Asks the scan to stop, and returns at once. The scan releases everything that it made and verifies that
    /// it is gone, which takes some seconds; `reason`, such as the name of a signal, is in its report. The
    /// first reason counts.
    pub fn now(&self, reason: impl Into<String>) {
        self.reason.send_if_modified(|current| {
            let first = current.is_none();
            if first {
                *current = Some(reason.into());
            }
            first
        });
    }

    /// Asks the scan to stop, and waits at most `limit` for its cleanup.
    ///
    /// # Errors
    ///
    /// Fails when it is not over by then, with what it would leave if the program ended now. It still releases as long as
    /// the runtime lives.
    pub async fn within(&self, limit: Duration, reason: impl Into<String>) -> Result<(), Left> {
        self.now(reason);
        match tokio::time::timeout(limit, self.ended()).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.progress.left()),
        }
    }

    /// Waits until the scan is over, without stopping it.
    pub async fn ended(&self) {
        // It is over too if the sender is gone.
        let _ = self.over.clone().wait_for(|over| *over).await;
    }

    /// What the scan would leave if the program ended now.
    pub fn would_leave(&self) -> Left {
        self.progress.left()
    }
}

/// The scan's own end of a [`Stop`].
pub(super) struct Control {
    reason: Arc<watch::Sender<Option<String>>>,
    ended: watch::Sender<bool>,
    progress: Progress,
}

impl Control {
    pub(super) fn interrupt(&self) -> Interrupt {
        Interrupt(self.reason.subscribe())
    }

    pub(super) fn progress(&self) -> Progress {
        self.progress.clone()
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.ended.send_replace(true);
    }
}

/// Resolves when a scan must stop.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt(watch::Receiver<Option<String>>);

impl Interrupt {
    /// Resolves to the reason when the scan must stop; never if nobody asks for that.
    pub(crate) fn wait(&self) -> impl Future<Output = String> + Send + use<> {
        let mut reason = self.0.clone();
        async move {
            let asked = reason.wait_for(Option::is_some).await;
            let asked = asked.ok().and_then(|reason| reason.clone());
            match asked {
                Some(reason) => reason,
                None => std::future::pending().await,
            }
        }
    }
}

impl Progress {
    fn of(plan: &ScanPlan) -> Self {
        Self(Arc::new(Mutex::new(State::of(plan))))
    }

    /// Notes that the scan now carries out this plan.
    pub(super) fn scanning(&self, plan: &ScanPlan) {
        *self.lock() = State::of(plan);
    }

    pub(super) fn stage(&self, stage: Stage) {
        let mut guard = self.lock();
        let now = &mut *guard;
        now.left.stage = Some(stage);
        if stage == Stage::Enforce && now.left.removed_by.is_none() {
            now.left.objects.clone_from(&now.objects);
            now.left.removed_by = Timestamp::now().checked_add(now.lease).ok();
        }
    }

    fn left(&self) -> Left {
        self.lock().left.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn of(plan: &ScanPlan) -> Self {
        Self {
            left: Left {
                scan: plan.scan_id.clone(),
                namespace: plan.target.namespace.to_string(),
                objects: Vec::new(),
                stage: None,
                removed_by: None,
            },
            lease: SignedDuration::from_secs(plan.lease_seconds.into()),
            objects: plan.objects.clone(),
        }
    }
}
