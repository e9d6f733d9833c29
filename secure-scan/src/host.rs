//! Runs engines off the runtime's threads, with a time limit.

use std::{thread, time::Duration};

use async_trait::async_trait;
use scanner_core::{
    engines::{EngineFault, EngineHost, Job},
    finding::EngineRef,
};
use tokio::sync::oneshot;

/// Time that an engine has by default to evaluate one inventory, all its steps together.
pub const DEFAULT_LIMIT: Duration = Duration::from_mins(2);

/// Runs each step of an evaluation in a thread of its own, and waits at most for a given time for all steps of an engine
/// together: for its whole list, or for every batch of files that it takes entry by entry.
///
/// An engine that panics, or does not end, costs its own checks only: they are errors, and the other engines of the scan
/// and its release go on. The time in which the target is read does not count, and nor does that of other engines. A scan that
/// is stopped, or whose lease ends, does not wait for an engine. A thread cannot be ended from outside: one that hangs stays until the program ends, and does not
/// keep the program from ending, as a blocking task of tokio would.
#[derive(Debug, Clone, Copy)]
pub struct ThreadHost {
    limit: Duration,
}

impl ThreadHost {
    /// Waits at most this long for each engine in a scan.
    pub const fn within(limit: Duration) -> Self {
        Self { limit }
    }
}

impl Default for ThreadHost {
    fn default() -> Self {
        Self::within(DEFAULT_LIMIT)
    }
}

#[async_trait]
impl EngineHost for ThreadHost {
    async fn run(&self, engine: &EngineRef, spent: Duration, job: Job) -> Result<(), EngineFault> {
        let done = in_thread("engine", job);
        let done = done.map_err(|error| EngineFault::NotRun(error.to_string()))?;
        match tokio::time::timeout(self.limit.saturating_sub(spent), done).await {
            Ok(Ok(())) => Ok(()),
            // Its thread ended without an answer, although panics are caught.
            Ok(Err(_)) => Err(EngineFault::NotRun(format!("the thread of {engine} ended"))),
            Err(_) => Err(EngineFault::TooLate(self.limit.as_secs())),
        }
    }
}

/// Starts `job` in a thread of its own; the returned end receives its value.
pub(crate) fn in_thread<T: Send + 'static>(
    name: &str,
    job: impl FnOnce() -> T + Send + 'static,
) -> std::io::Result<oneshot::Receiver<T>> {
    let (send, receive) = oneshot::channel();
    let thread = thread::Builder::new().name(format!("secure-scan {name}"));
    thread.spawn(move || {
        // Nobody may wait for it any more.
        let _ = send.send(job());
    })?;
    Ok(receive)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine() -> EngineRef {
        EngineRef::new("acme", "1")
    }

    #[tokio::test]
    async fn an_engine_that_hangs_is_given_up_and_the_runtime_stays_free() {
        let host = ThreadHost::within(Duration::from_millis(50));
        let job: Job = Box::new(|| thread::sleep(Duration::from_hours(1)));
        let reference = engine();
        let (result, ticked) = tokio::join!(host.run(&reference, Duration::ZERO, job), async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            true
        });
        assert_eq!(result.unwrap_err(), EngineFault::TooLate(0));
        assert!(ticked);
    }

    #[tokio::test]
    async fn what_earlier_steps_took_is_no_longer_there() {
        let host = ThreadHost::within(Duration::from_mins(2));
        let job = || Box::new(|| thread::sleep(Duration::from_secs(1)));
        let spent = Duration::from_mins(2) - Duration::from_millis(50);
        let late = host.run(&engine(), spent, job()).await;
        assert_eq!(late.unwrap_err(), EngineFault::TooLate(120));
        host.run(&engine(), Duration::ZERO, job()).await.unwrap();
    }

    #[tokio::test]
    async fn a_thread_that_ends_early_is_an_error() {
        let job: Job = Box::new(|| panic!("a step catches what its engine does"));
        let (host, engine) = (ThreadHost::default(), engine());
        let result = host.run(&engine, Duration::ZERO, job);
        let error = result.await.unwrap_err();
        assert!(matches!(error, EngineFault::NotRun(_)), "{error}");
    }
}
