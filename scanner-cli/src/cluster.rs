//! The way to a cluster, as options, and what to do where there is none.

use std::path::PathBuf;

use clap::Args;
use secure_scan::{Cluster, ClusterBuilder, ConnectError, ConnectErrorKind, core::cause::chain};

use crate::problem::Problem;

/// Which cluster.
#[derive(Debug, Args)]
pub(crate) struct ClusterArgs {
    /// Context of the kubeconfig [default: its current one]
    #[arg(long)]
    pub(crate) context: Option<String>,
    /// Kubeconfig [default: $KUBECONFIG or ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
}

impl ClusterArgs {
    /// Makes the cluster. Nothing is sent yet.
    pub(crate) async fn cluster(&self) -> Result<Cluster, Problem> {
        let (file, context) = (self.kubeconfig.as_deref(), self.context.as_deref());
        let builder = ClusterBuilder::kubeconfig(file, context).await;
        // This program does nothing but scan: whatever it has open is its own.
        let cluster = builder.and_then(|builder| builder.search_own_process(true).build());
        cluster.map_err(|error| Problem::usage(chain(&error), hint(&error)))
    }
}

/// What to do next.
fn hint(error: &ConnectError) -> &'static str {
    match error.kind() {
        ConnectErrorKind::NoContext => "name one of them with --context",
        ConnectErrorKind::PlainHttp => "use an https:// server in the kubeconfig",
        ConnectErrorKind::SkipsVerification => {
            "remove insecure-skip-tls-verify and set certificate-authority-data"
        }
        ConnectErrorKind::NoAuthority => "set certificate-authority-data to the cluster's CA",
        _ => "name a working file with --kubeconfig",
    }
}
