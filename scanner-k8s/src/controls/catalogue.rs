//! The controls that secure-scan ships, for readers and for policies that name one.

/// A shipped control, and which scans have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShippedControl {
    /// Stable identifier, which no other control may have.
    pub id: &'static str,
    /// What holds if it was verified.
    pub proves: &'static str,
    /// Which scans have it.
    pub scans: &'static str,
}

/// Every one of them, in the order of a scan.
pub const SHIPPED_CONTROLS: [ShippedControl; 14] = [
    control(
        "lease",
        "everything that the scan makes ends by itself",
        ALL,
    ),
    control(
        "lease-intact",
        "nobody disarmed the lease, or changed what the scan made",
        ALL,
    ),
    control(
        "identity-watch",
        "token Secrets and pods of the scan's account are watched from before it exists until it is gone",
        ALL,
    ),
    control(
        "identity-exclusive",
        "the account lives in another namespace than the target",
        "scans with --identity-namespace, or identity_namespace of a policy",
    ),
    control(
        "least-privilege",
        "the account may do what was planned and nothing else, beyond what every account may do",
        ALL,
    ),
    control(
        "credential",
        "the token dies as soon as the streams are open",
        ALL,
    ),
    control(
        "everyones-rights",
        "before the account got its rights, the scan asked what every account may do here: none may read credentials, reach \
         into pods, or write anything but what a distribution gives to all and reaches nothing of others",
        ALL,
    ),
    control(
        "admission-guard",
        "the cluster refuses an exec of the account that was not planned",
        "every scan asks; it holds where an administrator installed the guard (secure-scan guard render)",
    ),
    control(
        "target-pin",
        "the target is the same container before and after, and nobody added an ephemeral container meanwhile",
        "scans of a running container; an image that runs nowhere has no pod",
    ),
    control(
        "target-agrees",
        "what answers agrees with the node and the specification",
        "scans that look into a running container: container, distroless, sidecar --attached",
    ),
    control(
        "image-trial",
        "the image of the probe starts on the target's node, before anything is added to the target's pod",
        "strategy distroless, unless --no-try-image is given; what started there before, by digest, is not tried again unless a policy requires the control",
    ),
    control(
        "probe-ends",
        "the probe in the pod has ended",
        "strategy distroless",
    ),
    control(
        "network",
        "what the scan starts is cut off from the network",
        "scans that start a pod: sidecar, image, drift, --complete-from-image; required by --require-isolation, or require_isolation of a policy",
    ),
    control(
        "pod",
        "the scan's own pod started nothing before every control was verified, and is gone",
        "scans that start a pod: sidecar, image, drift, --complete-from-image",
    ),
];

const ALL: &str = "every scan";

const fn control(id: &'static str, proves: &'static str, scans: &'static str) -> ShippedControl {
    ShippedControl { id, proves, scans }
}

/// Whether a shipped control has that identifier.
pub fn is_shipped(id: &str) -> bool {
    SHIPPED_CONTROLS.iter().any(|control| control.id == id)
}
