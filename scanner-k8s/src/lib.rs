//! Strategies and security controls of secure-scan against the Kubernetes API.
//!
//! Most programs depend on the crate `secure-scan` instead, which adds profiles, policies and reports. This crate knows no
//! policy: it takes any [`ScanEngine`](scanner_core::ScanEngine).
//!
//! # Two identities
//!
//! Two identities talk to the API server, and they are two types. The *operator*
//! ([`OperatorClient`](api::client::OperatorClient)) sets up and cleans up; the *scan identity*
//! ([`ScanClient`](api::client::ScanClient)) reads the target. Only a `ScanClient` can exec into a target, and only the
//! witness [`EnforcedControls`](scanner_core::EnforcedControls) of that scan gives one out. So code that execs as the
//! operator, or before the controls are verified, does not compile.
//!
//! # Strategies
//!
//! An [`Approach`](strategies::approach::Approach) is one way to reach targets in a cluster: what it adds to the plan, and
//! which controls and strategy it starts. Pass one of another crate as [`Strategy::Approach`]; the shipped controls surround
//! it too. A strategy that needs nothing of the cluster is a [`ScanStrategy`](scanner_core::ScanStrategy) of `scanner-core`;
//! pass it as [`Strategy::Custom`].
//!
//! # A scan
//!
//! [`PreparedScan::new`] reads and plans, and writes nothing. [`PreparedScan::run`] scans and always returns a report, after
//! it has released everything that it created.
//!
//! ```no_run
//! use std::{future::pending, sync::Arc};
//!
//! use scanner_core::{
//!     ScanEngine,
//!     event::Silent,
//!     target::{PodSelection, TargetRequest},
//! };
//! use scanner_k8s::{Cluster, PreparedScan, ScanRequest};
//!
//! # async fn example(engine: Arc<dyn ScanEngine>) -> Result<(), Box<dyn std::error::Error>> {
//! let cluster = Cluster::kubeconfig(None, None).await?;
//! let target = TargetRequest {
//!     namespace: "shop".parse()?,
//!     pod: PodSelection::Name("web-0".parse()?),
//!     container: None,
//! };
//! let scan = PreparedScan::new(&cluster, ScanRequest::new(target, engine)).await?;
//! println!("{} objects will be created", scan.plan().objects.len());
//! // The second argument stops the scan when it resolves; here nothing ever does.
//! let report = scan.run(&Silent, pending()).await;
//! println!("{}", report.verdict);
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! `ring` (the default) or `aws-lc-rs` chooses the cryptography of TLS; with both it is aws-lc-rs. Without `aws-lc-rs`, rustls
//! must have exactly one provider in the whole program, or the program installs one itself; otherwise [`Cluster`] returns an
//! error. The program also chooses the version of `k8s-openapi`.

pub mod api;
pub mod controls;
pub mod credential_loan;
pub mod guard;
pub mod inject;
pub mod names;
pub mod plan;
pub mod pod;
pub(crate) mod post_scan;
pub mod reap;
pub mod run;
pub mod scan;
pub mod strategies;

pub use api::{
    call::CallError,
    connect::{Cluster, ClusterBuilder, ConnectError},
    image_memory::{ImageMemory, TriedImage},
    segment::Segment,
};
pub use plan::{probe_image::ProbeImage, sidecar_options::SidecarOptions};
pub use run::scope::{AgentLimits, ScanScope};
pub use scan::{
    PreparedScan,
    request::{ScanRequest, Strategy},
};
