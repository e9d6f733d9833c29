//! The way to a cluster, as options, and what to do where there is none.

use std::path::Path;

use scanner_core::cause::chain;
use scanner_k8s::{Cluster, ClusterBuilder, ConnectError, api::connect::ConnectErrorKind};

use crate::Problem;

/// The cluster that `--kubeconfig` and `--context` name.
pub(crate) async fn connected(
    kubeconfig: Option<&Path>,
    context: Option<&str>,
) -> Result<Cluster, Problem> {
    let builder = ClusterBuilder::kubeconfig(kubeconfig, context).await;
    // This program does nothing but scan: whatever it has open is its own.
    let cluster = builder.and_then(|builder| builder.search_own_process(true).build());
    cluster.map_err(|error| Problem::usage(chain(&error), remedy(&error)))
}

/// What to do next.
fn remedy(error: &ConnectError) -> &'static str {
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
