//! Waits for things that a cluster or a program does in its own time.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long anything may take before a test gives up: a machine may be slow, and no test is about that.
const LIMIT: Duration = Duration::from_mins(4);
const PAUSE: Duration = Duration::from_millis(20);

/// Looks again and again until there is something to see.
///
/// Fails the test, saying what never came, after four minutes.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(
            started.elapsed() < LIMIT,
            "{what}: not within {} s",
            LIMIT.as_secs()
        );
        sleep(PAUSE).await;
    }
}
