//! How long the canary in the scan's own pod may take.

use std::time::Duration;

/// How long one connection is tried, in milliseconds.
pub(super) const TRY_MS: &str = "700";

/// How long the canary may take to answer: it tries for less than a second, on a node that may be busy.
pub(super) const ANSWER: Duration = Duration::from_secs(15);
