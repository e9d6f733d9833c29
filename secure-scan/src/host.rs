//! Runs engines off the runtime's threads, with a limit in time.

use std::{thread, time::Duration};

use async_trait::async_trait;
use scanner_core::{
    engines::{EngineFault, EngineHost, Job, caught},
    finding::{EngineRef, Findings},
};
use tokio::sync::oneshot;

/// Time that an engine has by default to evaluate one inventory.
pub const DEFAULT_LIMIT: Duration = Duration::from_secs(120);

/// Runs each evaluation in a thread of its own and waits for it at most for a given time.
///
/// An engine that panics, or does not end, costs its own checks only: they are errors, and the other engines of the scan
/// and its release go on. A thread cannot be ended from outside: one that hangs stays until the program ends, and does not
/// keep the program from ending, as a blocking task of tokio would.
#[derive(Debug, Clone, Copy)]
pub struct ThreadHost {
    limit: Duration,
}

impl ThreadHost {
    /// Waits at most this long for each engine.
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
    async fn run(&self, engine: &EngineRef, job: Job) -> Result<Findings, EngineFault> {
        let found = in_thread("engine", move || caught(job));
        let found = found.map_err(|error| EngineFault::Panicked(error.to_string()))?;
        match tokio::time::timeout(self.limit, found).await {
            Ok(Ok(result)) => result,
            // Its thread ended without an answer, which a panic that was caught cannot do.
            Ok(Err(_)) => Err(EngineFault::Panicked(format!("{engine} gave no answer"))),
            Err(_) => Err(EngineFault::TooLate(self.limit.as_secs())),
        }
    }
}

/// Starts `job` in a thread of its own; what it gives is received.
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
        let job: Job = Box::new(|| {
            thread::sleep(Duration::from_secs(3600));
            Findings::new(EngineRef::default(), Vec::new())
        });
        let reference = engine();
        let (result, ticked) = tokio::join!(host.run(&reference, job), async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            true
        });
        assert_eq!(result.unwrap_err(), EngineFault::TooLate(0));
        assert!(ticked);
    }

    #[tokio::test]
    #[expect(clippy::panic, reason = "an engine that panics")]
    async fn an_engine_that_panics_is_named_with_its_own_words() {
        let job: Job = Box::new(|| panic!("bug of ACME's engine"));
        let error = ThreadHost::default().run(&engine(), job).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the engine panicked: bug of ACME's engine"
        );
    }
}
