//! Adds the hardened sidecar to the manifest of a workload, for those who deploy it with the workload. Needs no cluster.

pub use scanner_k8s::{inject::*, pod::security_context::PodSecurity};
