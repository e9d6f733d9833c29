//! The fake's clock: it follows tokio's, so that it stands still and jumps if a test pauses time.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// Wall-clock time that starts at `epoch` and goes on as tokio's clock does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Instant,
    epoch: Timestamp,
}

impl Clock {
    pub(crate) fn starting_at(epoch: Timestamp) -> Self {
        Self {
            start: Instant::now(),
            epoch,
        }
    }

    /// Time since the fake was made.
    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    pub(crate) fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.elapsed()).unwrap_or(SignedDuration::ZERO);
        self.epoch.checked_add(elapsed).unwrap_or(self.epoch)
    }

    /// As `metav1.Time` writes it: whole seconds.
    pub(crate) fn stamp(&self) -> String {
        stamp(self.now())
    }

    /// As an HTTP `Date` header writes it, RFC 9110 section 5.6.7.
    pub(crate) fn http_date(&self) -> String {
        self.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }
}

/// A time as `metav1.Time` writes it.
pub(crate) fn stamp(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
