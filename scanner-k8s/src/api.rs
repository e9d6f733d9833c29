//! The Kubernetes API as this crate uses it; knows no scan.

pub mod admission_hints;
pub mod call;
pub mod connect;
pub mod exec;
pub mod object_watch;
pub mod token_claims;
