//! The least intrusive strategy that works: what is tried after strategy `container`.

use super::request::{ScanRequest, Strategy};

/// Why strategy container comes first.
pub(super) const FIRST: &str = "chosen automatically: container leaves nothing in the pod; a target without a shell \
                     or without the tools that it needs is then scanned with another strategy";

/// What to try when the target has no shell or tool, in order; empty where the strategy was named.
pub(super) fn fallback(request: &ScanRequest) -> Vec<Strategy> {
    let Strategy::Auto { image, then } = &request.strategy else {
        return Vec::new();
    };
    let probe = image.clone().map(|image| Strategy::Distroless { image });
    let then = then.iter().cloned().map(Strategy::Custom);
    probe.into_iter().chain(then).collect()
}

/// The same request with another strategy.
pub(super) fn with(request: &ScanRequest, strategy: Strategy) -> ScanRequest {
    ScanRequest {
        strategy,
        ..request.clone()
    }
}
