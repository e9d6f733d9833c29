//! Security scans of running containers that leave nothing behind, as a library.

pub mod host;
pub mod local;
pub mod running;
pub mod target;

pub use async_trait::async_trait;
pub use jiff;
pub use k8s_openapi;
pub use scanner_core::{self as core, *};

pub use local::LocalScan;
pub use running::{Events, Running, ScanEvent, Stop};
pub use target::TargetSelector;
