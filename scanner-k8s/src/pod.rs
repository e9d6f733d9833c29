//! What is known about a pod, as pure functions.

pub mod access_planner;
pub(crate) mod agreement;
pub(crate) mod beside;
pub(crate) mod capabilities;
pub(crate) mod containers;
pub(crate) mod facts;
pub(crate) mod injected;
pub mod security_context;
pub(crate) mod snapshot;
pub(crate) mod stated;
pub(crate) mod strength;
#[cfg(test)]
pub(crate) mod testing;
