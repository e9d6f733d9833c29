//! A fake Kubernetes cluster behind the real client code, to test what embeds secure-scan without a cluster.
//!
//! [`FakeCluster`] is an API server in memory: objects with their versions and owners, watches, service accounts whose
//! tokens are issued, remembered and revoked as a real server does it, RBAC that is evaluated, Jobs that meet their
//! deadline, a node that starts containers, and execs over WebSocket. A client reaches it over memory,
//! in place of TCP and TLS: everything above that is the code that talks to real clusters.
//!
//! - **Time is virtual.** With `#[tokio::test(start_paused = true)]` a scan that waits ten seconds for the server to
//!   forget a token takes none. In a runtime whose clock runs, everything takes the time of [`Pace`].
//!   Virtual time does not wait for threads, in which engines run by default: give the template of such a test
//!   `.host(Inline)`, which runs them in the task of the scan.
//! - **Targets are scripted.** [`Target`] answers with an inventory in the agents' wire format, or with what a
//!   [`Script`] or a function says: half an answer, a flood, silence, no shell.
//! - **Faults are exact.** [`Fault`] strikes the nth call, or the nth of a verb and a resource.
//! - **Every verdict has a sample.** [`samples::report`] gives the report of a real scan for each, so that a program
//!   can test what it does with a scan that failed, was refused by a gate, or left something.
//! - **Nothing is hidden.** [`FakeCluster::left`], [`FakeCluster::calls`] and [`FakeCluster::tokens`] say what became
//!   of it all.
//!
//! ```
//! use secure_scan::{Profile, Scan, TargetSelector, Verdict, engines::Inline};
//! use secure_scan_testing::{FakeCluster, Fault, samples};
//! use serde_json::json;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?.block_on(async {
//! // In a function with `#[tokio::test(start_paused = true)]`.
//! let fake = FakeCluster::new()
//!     .pod(json!({
//!         "metadata": {"namespace": "shop", "name": "web-0"},
//!         "spec": {"containers": [{"name": "web", "image": "registry.example/web:1"}]},
//!     }))
//!     .answers(samples::alarming())
//!     .fault(Fault::on("delete", "jobs.batch").nth(1).status(503));
//!
//! // The library takes it in place of a real one.
//! let cluster = fake.cluster()?;
//! let target = TargetSelector::pod("shop", "web-0");
//! let scan = Scan::template().host(Inline).engine(Profile::shipped("container-baseline")?);
//! let report = scan.prepare(&cluster, target).await?.run().await;
//! assert_eq!(report.verdict, Verdict::Findings);
//! assert!(fake.left().is_empty());
//!
//! // And so does any client of kube's, for what a test does beside it.
//! let version = fake.client()?.apiserver_version().await?;
//! assert_eq!(version.major, "1");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What it is not: a test of what only real servers and nodes do. Admission policies in CEL, quotas, schedulers,
//! network plugins and kernels are not in it; [`FakeCluster::admission`] and [`FakeCluster::edit`] stand in where a
//! test needs their effect.

mod agent;
mod api;
mod call;
mod clock;
mod cluster;
mod controllers;
mod defaults;
mod exec;
mod facts;
mod fault;
mod identity;
mod image;
mod kinds;
mod kubelet;
mod pace;
mod rbac;
mod runs;
pub mod samples;
mod script;
mod state;
mod store;
mod target;
mod transport;

pub use call::Call;
pub use cluster::ObjectName;
pub use exec::{Exec, Exit};
pub use fault::Fault;
pub use identity::IssuedToken;
pub use pace::Pace;
pub use script::Script;
pub use state::FakeCluster;
pub use target::Target;
