//! The Kubernetes API as this crate uses it; it knows nothing about scans.

pub(crate) mod admission;
mod bearer;
pub mod call;
pub mod client;
pub mod connect;
mod environment;
pub mod exec;
pub mod image_memory;
pub(crate) mod kind_watch;
pub(crate) mod object_watch;
mod plugin;
mod record;
pub(crate) mod redacted;
pub mod segment;
pub(crate) mod spelling;
pub(crate) mod stream_tap;
mod tls_fault;
pub(crate) mod token_claims;
mod token_detector;
mod transport;
pub(crate) mod tunnel;
mod way;

pub(crate) use token_detector::TokenDetector;
