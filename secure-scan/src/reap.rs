//! Removes what expired scans left where the cluster itself did not. Never touches a scan that may still run, nor what only
//! looks like one.

use scanner_k8s::Segment;

pub use scanner_k8s::reap::{Leftover, ReapRequest, Reaped, State};

/// Looks for leftovers, and removes those of expired scans.
///
/// Does not fail: what could not be seen or removed is in what it gives.
pub async fn reap(segment: &Segment, request: &ReapRequest) -> Reaped {
    scanner_k8s::reap::reap(segment.operator(), request).await
}
