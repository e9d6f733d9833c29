//! What a program asks of a scan.

use std::sync::Arc;

use scanner_core::{finding::Severity, gate::GatePolicy, target::TargetRequest};

use crate::plan::sidecar_options::SidecarOptions;

/// Shortest lease in seconds: a scan that proves its cleanup takes longer than 10 s.
pub const MIN_LEASE: u32 = 30;
/// Longest lease in seconds.
pub const MAX_LEASE: u32 = 3600;

/// How the target is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Strategy {
    /// One exec into it; needs a shell in the target.
    Container,
    /// An ephemeral container beside it; its entry stays in the pod's specification.
    Distroless {
        /// Image of the probe, best named by digest.
        image: String,
    },
    /// One exec into the sidecar that was deployed with the pod, see [`crate::inject`].
    Attached {
        /// Image that the sidecar must be of; any when absent.
        image: Option<String>,
    },
    /// An isolated pod of the scan's own: a clone of the target, or its image alone. The only one
    /// for [`scanner_core::target::PodSelection::Image`].
    Sidecar(SidecarOptions),
    /// The least intrusive one that works: `Container`, which leaves nothing in the pod, and where
    /// the target turns out to have no shell, `Distroless`.
    Auto {
        /// Image of the probe; without one only `Container` can be taken.
        image: Option<String>,
    },
}

/// What to scan and how.
#[derive(Debug, Clone)]
pub struct ScanRequest {
    /// How the target is reached.
    pub strategy: Strategy,
    /// Which container.
    pub target: TargetRequest,
    /// Name and version of the profile, for plan and report.
    pub profile: String,
    /// Seconds after which the cluster itself removes everything, [`MIN_LEASE`] to [`MAX_LEASE`];
    /// values outside are moved to the nearest bound.
    pub lease_seconds: u32,
    /// Digest (`sha256:...`) that the node must run; the scan aborts before it touches another.
    pub expected_digest: Option<String>,
    /// Gates that judge the target before it is touched; without them only the expected digest does.
    pub policy: Option<Arc<dyn GatePolicy>>,
    /// Severity from which a failed check makes the verdict `findings`.
    pub threshold: Severity,
}
