//! What is known of a pod, as pure functions.

pub mod access_planner;
pub(crate) mod capabilities;
pub(crate) mod containers;
pub(crate) mod facts;
pub mod security_context;
pub(crate) mod snapshot;
