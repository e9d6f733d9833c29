//! The way to a cluster, as options, and what to do where there is none.

use std::path::PathBuf;

use clap::Args;
use secure_scan::{Cluster, ClusterBuilder, core::cause::chain};

use crate::{problem::Problem, remedy::remedy_words};

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
        cluster.map_err(|error| {
            let hint = error.remedy().as_ref().map(remedy_words);
            Problem::usage(chain(&error), hint.unwrap_or_default())
        })
    }
}
