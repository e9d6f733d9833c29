//! Names that several stages of a scan share.

use scanner_core::plan::ScanId;

/// Name of the injected container.
pub const SIDECAR_CONTAINER: &str = "secure-scan";

/// Label of an injected pod; its value is the name of the container that the sidecar looks at.
pub const SIDECAR_LABEL: &str = "secure-scan.io/sidecar";

/// API group of the limits; no server answers for it.
pub const GUARD_GROUP: &str = "guard.secure-scan.io";

/// What every refusal of the guard begins with.
pub const GUARD_MARK: &str = "secure-scan guard: ";

/// Default name of the guard.
pub const GUARD_NAME: &str = "secure-scan-guard";

/// The resource whose verb `manage` the guard demands from whoever makes or changes an object of a scan.
pub(crate) const GUARD_SCANS: &str = "scans.guard.secure-scan.io";

/// Resources and verbs of the limits.
pub(crate) const GUARD_MARKERS: [(&str, &str); 3] = [
    ("commands", "run"),
    ("probes", "add"),
    ("containers", "run-anything"),
];

/// Label whose value is the scan's id; on everything that a scan creates.
pub const SCAN_LABEL: &str = "secure-scan.io/scan";

/// How every call names itself to the API server and to a proxy.
pub(crate) const USER_AGENT: &str = concat!("secure-scan/", env!("CARGO_PKG_VERSION"));

/// Value of `app.kubernetes.io/managed-by` on everything that a scan creates.
pub const MANAGER: &str = "secure-scan";

/// Name of every object of a scan.
pub fn object_name(scan: &ScanId) -> String {
    format!("secure-scan-{scan}")
}

/// Name of the lease of a scan's identity, where that has a namespace of its own.
pub fn identity_lease_name(scan: &ScanId) -> String {
    format!("{}-identity", object_name(scan))
}

/// Path of the probe in its image.
pub(crate) const PROBE_PROGRAM: &str = "/secure-scan-probe";
/// Argument that makes the probe treat the end of its standard input as the end of the scan.
pub(crate) const HELD: &str = "held";

/// Annotation with which a pod names the container that tools take by default.
pub(crate) const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

/// Name of the strategy in plan and report.
pub const LOAN_STRATEGY: &str = "tool";
