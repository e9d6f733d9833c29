//! How a target is reached.

pub mod agent;
pub mod approach;
pub mod attached;
pub mod container;
pub mod distroless;
pub mod probe_command;
pub mod sidecar;
