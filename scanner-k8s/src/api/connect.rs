//! Clusters, and what must hold before one is used: https, a verified certificate, and a known CA.

mod builder;
mod crypto_provider;
mod error;

use std::{path::Path, sync::Arc};

pub use builder::ClusterBuilder;
pub use error::{ConnectError, ConnectErrorKind};
use kube::Config;
use scanner_core::audit::AuditLog;

pub use super::transport::GenericService;
#[doc(hidden)]
pub use super::transport::InMemory;
use super::{segment::Segment, transport::Transport};

/// A cluster, and the operator's way to it. Cheap to clone; all clones share their connections, and hold
/// no state of any scan: that belongs to a [`Segment`].
#[derive(Clone)]
pub struct Cluster(Arc<Transport>);

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Cluster").field(&self.server()).finish()
    }
}

impl Cluster {
    /// The cluster that this process runs in, as its pod's service account. Sends nothing yet.
    ///
    /// It reads `KUBERNETES_SERVICE_HOST`, `KUBERNETES_SERVICE_PORT` and the files in
    /// `/var/run/secrets/kubernetes.io/serviceaccount`.
    ///
    /// # Errors
    ///
    /// Fails outside of a pod, and as [`ClusterBuilder::build`] does.
    pub fn in_cluster() -> Result<Self, ConnectError> {
        ClusterBuilder::in_cluster()?.build()
    }

    /// The cluster of a context of a kubeconfig. Sends nothing yet, but runs the credential plugin of the
    /// context's user, if it has one.
    ///
    /// Without a path it is `KUBECONFIG`, or `~/.kube/config`; without a context, the file's current one.
    ///
    /// # Errors
    ///
    /// Fails on an unusable kubeconfig, and as [`ClusterBuilder::build`] does.
    pub async fn kubeconfig(
        path: Option<&Path>,
        context: Option<&str>,
    ) -> Result<Self, ConnectError> {
        ClusterBuilder::kubeconfig(path, context).await?.build()
    }

    /// A cluster by a configuration that the program made itself.
    pub fn builder(config: Config) -> ClusterBuilder {
        ClusterBuilder::new(config)
    }

    /// Address of the API server.
    pub fn server(&self) -> String {
        self.0.server()
    }

    /// Namespace of the context or of the process's own service account.
    pub fn default_namespace(&self) -> &str {
        self.0.default_namespace()
    }

    /// Begins a segment with a log of its own: one scan, or one other command.
    pub fn begin(&self) -> Segment {
        self.begin_in(Arc::new(AuditLog::new()))
    }

    /// Begins a segment whose lines go to `log`, which may have those of others. Its counters are its own.
    pub fn begin_in(&self, log: Arc<AuditLog>) -> Segment {
        Segment::new(Arc::clone(&self.0), log)
    }
}

#[cfg(test)]
mod tests;
