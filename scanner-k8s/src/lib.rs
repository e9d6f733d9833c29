//! Strategies and security controls of secure-scan against the Kubernetes API.
//!
//! The operator's identity only sets up and cleans up; everything that touches a target is done
//! as the scan's own identity. The two are two types, so that code cannot mix them up.

mod access;
pub mod aftermath;
mod alert;
pub mod attached;
pub mod connect;
pub mod container;
pub mod control;
pub mod distroless;
pub mod error;
pub mod exec;
pub mod facts;
mod gate_facts;
pub mod guard;
pub mod inject;
pub mod lend;
pub mod manifest;
mod preflight;
pub mod reap;
mod refusal;
pub mod resolve;
pub mod scan;
pub mod session;
pub mod sidecar;
mod token;
mod watch;

pub use connect::{ConnectOptions, Connection, connect};
pub use error::CallError;
pub use scan::{PreparedScan, ScanRequest, Strategy};
pub use session::Session;
pub use sidecar::SidecarOptions;
