//! What is known of a pod, as pure functions.

pub mod access_planner;
pub mod capabilities;
pub(crate) mod containers;
pub mod facts;
pub mod security_context;
pub mod snapshot;
