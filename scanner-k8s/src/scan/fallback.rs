//! The least intrusive strategy that works: what is tried after strategy `container`.

use super::request::{ScanRequest, Strategy};
use crate::plan::sidecar_options::{Mode, Pull, ReadAs, SidecarOptions};

/// Control that a policy requires where pods of a scan must be cut off from the network.
const NETWORK: &str = "network";
/// Control that a policy requires where the image of the probe must be tried in each scan.
const IMAGE_TRIAL: &str = "image-trial";
/// Why strategy container comes first.
pub(super) const FIRST: &str = "chosen automatically: container leaves nothing in the pod; a target without a shell \
                     or without the tools that it needs is then scanned with another strategy";

/// What to try when the target has no shell or tool, in order; empty where the strategy was named.
pub(super) fn fallback(request: &ScanRequest) -> Vec<Strategy> {
    let Strategy::Auto { image, then } = &request.strategy else {
        return Vec::new();
    };
    let probe = image.clone().map(|image| Strategy::Distroless { image });
    let inert = image
        .as_ref()
        .map(|image| Strategy::Sidecar(alone(request, image.name())));
    let then = then.iter().cloned().map(Strategy::Custom);
    probe.into_iter().chain(inert).chain(then).collect()
}

/// Reads only the image of the target: nothing of it runs, so that nothing in the target can forge the answer.
fn alone(request: &ScanRequest, image: &str) -> SidecarOptions {
    let isolated = requires(request, NETWORK);
    SidecarOptions {
        image: image.to_owned(),
        mode: Mode::Inert {
            reads_as: ReadAs::Nobody,
            same_node: false,
        },
        require_isolation: isolated,
        canaries: Vec::new(),
        pull_secrets: Vec::new(),
        pull: Pull::default(),
        expected_digest: None,
        helper_namespace: None,
    }
}

/// Whether the policy requires a control.
fn requires(request: &ScanRequest, control: &str) -> bool {
    let policy = request.policy.iter();
    let mut required = policy.flat_map(|policy| policy.required_controls());
    required.any(|id| id == control)
}

/// The same request; if the policy requires that the image of the probe is tried, an earlier trial does not count.
pub(super) fn trying_anew(request: &ScanRequest) -> ScanRequest {
    let mut request = request.clone();
    if requires(&request, IMAGE_TRIAL)
        && let Strategy::Distroless { image }
        | Strategy::Auto {
            image: Some(image), ..
        } = &mut request.strategy
    {
        image.try_anew();
    }
    request
}

/// The same request with another strategy.
pub(super) fn with(request: &ScanRequest, strategy: Strategy) -> ScanRequest {
    ScanRequest {
        strategy,
        ..request.clone()
    }
}
