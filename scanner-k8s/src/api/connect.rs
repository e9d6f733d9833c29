//! Clusters, and what must hold before one is used: https, a verified certificate, and a known CA.

mod authorities;
mod builder;
mod cluster;
pub(crate) mod crypto_provider;
mod error;
mod in_cluster;
mod kubeconfig;
mod origin;
mod parts;

pub use super::redacted::Redacted;
pub use super::transport::GenericService;
#[doc(hidden)]
pub use super::transport::InMemory;
pub use builder::ClusterBuilder;
pub use cluster::Cluster;
pub use error::{ConnectError, ConnectErrorKind};

#[cfg(test)]
mod tests;
