//! Removes what expired scans left where the cluster itself did not. Never touches a scan that may still run,
//! or an object that merely looks like one of a scan.

use scanner_k8s::Segment;

pub use scanner_k8s::reap::{Leftover, ReapRequest, Reaped, State};

/// Looks for leftovers, and removes those of expired scans.
///
/// Does not fail: the result says what could not be listed or removed, and whether the namespace does not exist.
pub async fn reap(segment: &Segment, request: &ReapRequest) -> Reaped {
    scanner_k8s::reap::reap(segment.operator(), request).await
}
