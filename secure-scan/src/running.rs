//! A scan that runs in a task of its own: its events, the way to stop it, and its report.
//!
//! The scan runs in its own task, so it can finish its cleanup whatever happens to the task that waits for it. Dropping the
//! waiting future, as `tokio::time::timeout`, `select!` and `abort` do, stops the scan and lets it release what it created:
//!
//! ```no_run
//! # async fn example(scan: secure_scan::PreparedScan) {
//! use std::time::Duration;
//!
//! let (mut events, stop, report) = scan.spawn().split();
//! tokio::spawn(async move {
//!     while let Some(event) = events.next().await {
//!         println!("{} #{}: {:?}", event.scan, event.sequence, event.event);
//!     }
//! });
//! tokio::spawn(async move {
//!     let _ = tokio::signal::ctrl_c().await;
//!     if let Err(left) = stop.within(Duration::from_secs(20), "SIGINT").await {
//!         eprintln!("{left}");
//!     }
//! });
//! println!("{}", report.await.verdict);
//! # }
//! ```

mod events;
mod stop;
mod tap;

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use scanner_core::{
    Failure, FailureKind, Remedy, ScanPlan, ScanReport,
    event::Observer,
    report::{ControlRecord, Verdict},
    stage::Stage,
};
use tokio::{runtime::Handle, task::JoinHandle};

pub use events::{Events, ScanEvent};
pub(crate) use stop::Interrupt;
pub use stop::{Left, Stop};
pub(crate) use tap::Tap;

/// A scan that was started.
///
/// Awaiting it gives the report; [`Running::split`] gives its three parts. Dropping it stops the scan.
#[derive(Debug)]
#[must_use = "dropping it stops the scan"]
pub struct Running {
    events: Events,
    stop: Stop,
    report: Report,
}

impl Running {
    /// Starts `work` in a task of its own. It gets an observer, and an interrupt that resolves when it must stop.
    pub(crate) fn start<W>(
        plan: ScanPlan,
        observer: Option<Arc<dyn Observer>>,
        work: impl FnOnce(Arc<Tap>, Interrupt) -> W,
    ) -> Self
    where
        W: Future<Output = ScanReport> + Send + 'static,
    {
        let (stop, control) = Stop::new(&plan);
        let (tap, events) = Tap::new(&plan, observer, control.progress());
        let task = match Handle::try_current() {
            Ok(runtime) => {
                let work = work(tap, control.interrupt());
                // The end is announced in every case, a panic included.
                let whole = async move {
                    let _over = control;
                    work.await
                };
                Task::Runs(runtime.spawn(whole))
            }
            Err(_) => Task::Never,
        };
        Self {
            events,
            report: Report {
                task,
                stop: stop.clone(),
                plan: Some(plan),
            },
            stop,
        }
    }

    /// Its events, the way to stop it, and its report. Each lives by itself: events that nobody reads are lost after
    /// some time and hold nothing up, and dropping the report alone stops the scan.
    pub fn split(self) -> (Events, Stop, Report) {
        (self.events, self.stop, self.report)
    }

    /// A way to stop it.
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Lets it run to its end, even if nobody waits for it.
    pub fn detach(self) {
        self.report.detach();
    }
}

impl IntoFuture for Running {
    type Output = ScanReport;
    type IntoFuture = Report;

    fn into_future(self) -> Report {
        self.report
    }
}

/// The report of a scan that runs, as a future that never fails.
///
/// Dropping it before it is ready stops the scan, which then releases what it made in the background, as long as its
/// runtime lives; what a runtime that ends leaves is removed by the cluster when the lease ends.
#[derive(Debug)]
#[must_use = "dropping it stops the scan"]
pub struct Report {
    task: Task,
    stop: Stop,
    /// Taken once the report was returned, or when nobody waits for it any more.
    plan: Option<ScanPlan>,
}

#[derive(Debug)]
enum Task {
    Runs(JoinHandle<ScanReport>),
    Never,
}

impl Report {
    /// Lets the scan run to its end, even if nobody waits for it.
    pub fn detach(mut self) {
        self.plan = None;
    }
}

impl Future for Report {
    type Output = ScanReport;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<ScanReport> {
        let ended = match &mut self.task {
            Task::Runs(task) => match ready!(Pin::new(task).poll(context)) {
                Ok(report) => Ok(report),
                Err(error) if error.is_panic() => Err("a panic ended its task"),
                Err(_) => Err("its runtime ended before it did"),
            },
            Task::Never => Err("there is no tokio runtime to run it"),
        };
        let plan = self.plan.take();
        Poll::Ready(match (ended, plan) {
            (Ok(report), _) => report,
            (Err(why), Some(plan)) => unseen(plan, why, matches!(self.task, Task::Never)),
            // Polled again after its end: there is nothing to return.
            (Err(_), None) => return Poll::Pending,
        })
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        if self.plan.is_some() {
            self.stop.now("its report was dropped");
        }
    }
}

/// The report of a scan whose end was not observed, or that never began.
fn unseen(plan: ScanPlan, why: &str, never_began: bool) -> ScanReport {
    let (verdict, remedy) = if never_began {
        let start = Remedy::advice("start the scan in a tokio runtime");
        (Verdict::Failed, start)
    } else {
        // Its objects may still exist: nothing proves the opposite.
        (Verdict::CleanupUnverified, Remedy::ReportBug)
    };
    let controls = plan.controls.iter().cloned().map(ControlRecord::of);
    let controls = controls.collect();
    let mut report = ScanReport::new(plan, verdict);
    report.controls = controls;
    let failure = Failure::new(Stage::Resolve, FailureKind::Internal, why);
    report.failure = Some(failure.with_remedy(remedy));
    report
}

#[cfg(test)]
mod tests;
