//! A cluster, as every scan shares it.

use std::sync::Arc;

use scanner_core::audit::AuditLog;

use crate::api::{segment::Segment, transport::Transport};

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
    pub(super) fn new(transport: Transport) -> Self {
        Self(Arc::new(transport))
    }

    /// Address of the API server.
    pub fn server(&self) -> String {
        self.0.server()
    }

    /// Namespace of the context or of the process's own service account.
    pub fn default_namespace(&self) -> &str {
        self.0.default_namespace()
    }

    /// How the cluster is reached, for a reader: as the account of the pod that this process runs in, or
    /// through a proxy. Empty if the kubeconfig says it all.
    pub fn connection(&self) -> &[String] {
        self.0.connection()
    }

    /// The process ids of the operator's running credential plugins, for a program that ends or counts its
    /// children. A plugin that does not share the terminal leads a process group.
    pub fn plugin_processes(&self) -> Vec<u32> {
        self.0.plugin_processes()
    }

    /// Begins a segment with a log of its own: one scan, or one other command.
    pub fn begin(&self) -> Segment {
        self.begin_in(Arc::new(AuditLog::new()))
    }

    /// Begins a segment that writes to `log`, which other segments may share. Its counters are its own.
    pub fn begin_in(&self, log: Arc<AuditLog>) -> Segment {
        Segment::new(Arc::clone(&self.0), log)
    }
}
