//! Bounds of one run in bytes and time.

use std::time::Duration;

use tokio::time::Instant;

use super::error::ExecError;

/// Bounds of one run.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of standard output.
    pub bytes: u64,
    /// Time in all.
    pub total: Duration,
    /// Longest time without output; without one only the time in all counts. Pings that keep the connection alive are not
    /// output.
    pub idle: Option<Duration>,
}

/// How long a command may send nothing, where that is bounded.
#[derive(Clone, Copy)]
pub(super) struct Silence(pub(super) Option<Duration>);

impl Silence {
    /// What `future` gives, if it comes before the silence since `heard` is too long.
    pub(super) async fn bounds<T>(
        self,
        heard: Instant,
        future: impl Future<Output = T>,
    ) -> Result<T, ExecError> {
        let until = self
            .0
            .and_then(|idle| Some((idle, heard.checked_add(idle)?)));
        let Some((idle, until)) = until else {
            return Ok(future.await);
        };
        let ended = tokio::time::timeout_at(until, future).await;
        ended.map_err(|_| ExecError::Silent(idle))
    }
}
