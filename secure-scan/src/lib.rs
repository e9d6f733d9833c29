//! Security scans of running containers that leave nothing behind, as a library.
//!
//! A scan looks into one container of one pod. It creates an identity that may do exactly that, surrounds the look with
//! controls that are verified, removes everything that it created, and verifies that it is gone. The shortest one:
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use secure_scan::{Cluster, Profile, TargetSelector};
//!
//! let cluster = Cluster::in_cluster()?;
//! let report = secure_scan::scan(&cluster, TargetSelector::pod("shop", "web-0"), Profile::shipped("container-baseline")?).await?;
//! println!("{}: {} failed", report.verdict, report.failed().count());
//! # Ok(())
//! # }
//! ```
//!
//! # Where to go from here
//!
//! - Many targets, a policy, controls and strategies: [`Scan::template`].
//! - Events, stopping within a given time, dropping: [`running`].
//! - Which strategy and which level suit a container: [`explain::explain`].
//! - Without a cluster: [`LocalScan`]. A container against its own image: [`DriftScan`]. What a container does not show, read
//!   in its image: [`CompletedScan`].
//! - An engine, control, strategy or report format of your own: the seams are in [`mod@core`], which is all that such a
//!   crate depends on: [`ScanEngine`], [`SecurityControl`], [`ScanStrategy`], [`report::ReportFormat`].
//! - Reports as SARIF, `JUnit`, HTML and others: [`mod@format`]; saved ones: [`Document`].
//! - The walk from ten lines to a strategy of your own is `docs/embedding.md`; its steps are the crate's examples.
//!
//! # What it does to your program
//!
//! Scans run as tasks of your tokio runtime; engines evaluate, and local subjects are read, in threads of their own, unless
//! you give the engines another [`host`](Scan::host). The library installs no signal handler, no panic hook and no TLS
//! provider, sets no limit, and does not look at the files, arguments or environment of your process, unless
//! [`ClusterBuilder::search_own_process`] asks for that. Every call to the API server is logged, with a log for each scan.
//! Each scan and each of its stages is a span of `tracing`, without secrets.
//!
//! # Features
//!
//! - `ring` (default) or `aws-lc-rs`: which cryptography TLS uses; with both, aws-lc-rs. Without `aws-lc-rs`, rustls must have
//!   exactly one provider in your whole program, or your program installs one; otherwise a cluster returns an error.
//! - `signatures` (default): gates that verify who signed an image.
//! - `cyclonedx`, `html`, `junit`, `schema` (default): the report formats that bring dependencies of their own.
//!
//! `k8s-openapi` gets no version feature here: your program chooses one, as for every program that uses `kube`.

mod completed;
mod drift;
pub mod existing;
pub mod explain;
pub mod guard;
pub mod host;
pub mod inject;
pub mod loan;
pub mod local;
mod pair;
mod policy;
mod prepared;
pub mod reap;
pub mod rights;
pub mod running;
mod scan;
pub mod strategy;
mod tap;
mod target_selector;

pub use async_trait::async_trait;
pub use jiff;
pub use k8s_openapi;
pub use kube;
pub use serde_json;

pub use scanner_core::{self as core, *};
pub use scanner_k8s::{
    CallError, Cluster, ClusterBuilder, ConnectError, ImageMemory, ProbeImage, Segment, TriedImage,
    api::{
        connect::{ConnectErrorKind, Redacted},
        image_memory::TRIAL_LASTS,
    },
    controls::catalogue::{SHIPPED_CONTROLS, ShippedControl},
    plan::{
        lease::{MAX_LEASE, MIN_LEASE},
        sidecar_options::Pull,
    },
    scan::{PrepareError, PrepareErrorKind},
};
pub use scanner_policy::{
    self as profiles, FindingRules, Level, Policy, Profile, ProfileError, Signature, Thresholds,
    Waivers, WithPolicy,
};
pub use scanner_report::{self as reports, Document, diff, format};

pub use completed::CompletedScan;
pub use drift::{DriftScan, PreparedDrift, Via};
pub use local::LocalScan;
pub use pair::PreparedPair;
pub use policy::ScanPolicy;
pub use prepared::PreparedScan;
pub use running::{Events, Left, Running, ScanEvent, Stop};
pub use scan::{DEFAULT_LEASE, Scan, scan};
pub use tap::InventoryTap;
pub use target_selector::TargetSelector;
