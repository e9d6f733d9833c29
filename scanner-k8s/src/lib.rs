//! Strategies and security controls of secure-scan against the Kubernetes API.
//!
//! The operator's identity only sets up and cleans up; everything that touches a target is done
//! as the scan's own identity. The two are two types, so that code cannot mix them up.

pub mod api;
pub mod controls;
pub mod credential_loan;
pub mod guard;
pub mod inject;
pub mod names;
pub mod plan;
pub mod pod;
pub mod post_scan;
pub mod reap;
pub mod run;
pub mod scan;
pub mod strategies;

pub use api::{
    call::CallError,
    connect::{Cluster, ClusterBuilder, ConnectError},
    segment::Segment,
};
pub use plan::{
    request::{ScanRequest, Strategy},
    sidecar_options::SidecarOptions,
};
pub use run::scope::ScanScope;
pub use scan::PreparedScan;
