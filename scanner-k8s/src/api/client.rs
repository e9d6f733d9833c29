//! The identities that talk to the API server, each a type of its own.
//!
//! [`OperatorClient`] sets up and cleans up. The scan's token is behind three narrow types: [`ReviewClient`] asks what the
//! identity may do and tries calls that must be refused, [`CanaryClient`] looks into the scan's own pod, and only
//! [`ScanClient`] touches a target. None of them gives out the client inside it.

mod canary;
mod identity;
mod operator;
mod review;
mod scan;
mod token_request;

pub use canary::CanaryClient;
pub use identity::ScanIdentity;
pub use operator::OperatorClient;
pub use review::ReviewClient;
pub use scan::ScanClient;
pub(crate) use token_request::{BoundTo, IssuedToken};

#[cfg(test)]
mod tests;
