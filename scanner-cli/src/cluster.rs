//! The options that say how to reach a cluster, and what to do if there is no way to one.

use std::path::PathBuf;

use clap::Args;
use secure_scan::{Cluster, ClusterBuilder, ConnectError, core::cause::chain};

use crate::{image_cache::ImageCache, problem::Problem, remedy::remedy_words};

/// The options that name a cluster.
#[derive(Debug, Args)]
pub(crate) struct ClusterArgs {
    /// Context of the kubeconfig [default: its current one]
    #[arg(long)]
    pub(crate) context: Option<String>,
    /// Kubeconfig [default: $KUBECONFIG or ~/.kube/config; in a pod without either, and without --context, the
    /// account of that pod]
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// If the kubeconfig has no certificate authority, verify the server with the roots that this machine
    /// trusts
    #[arg(long)]
    pub(crate) system_roots: bool,
}

impl ClusterArgs {
    /// Makes the cluster. Nothing is sent yet.
    pub(crate) async fn cluster(&self) -> Result<Cluster, Problem> {
        let (file, context) = (self.kubeconfig.as_deref(), self.context.as_deref());
        let builder = ClusterBuilder::from_environment(file, context).await;
        let builder = builder.map_err(|error| problem(&error))?;
        // This program only scans, so every open file is its own.
        let builder = builder.search_own_process(true);
        let builder = match ImageCache::of_user() {
            Some(cache) => builder.image_memory(cache),
            None => builder,
        };
        let builder = if self.system_roots {
            builder.system_roots()
        } else {
            builder
        };
        let cluster = builder.build_async().await;
        cluster.map_err(|error| problem(&error))
    }
}

fn problem(error: &ConnectError) -> Problem {
    let hint = error.remedy().as_ref().map(remedy_words);
    Problem::usage(chain(error), hint.unwrap_or_default())
}
