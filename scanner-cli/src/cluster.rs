//! The way to a cluster, as options and as a connection.

use std::path::Path;

use scanner_core::cause::chain;
use scanner_k8s::{ConnectOptions, Connection, connect};

use crate::Problem;

/// Connects as `--kubeconfig` and `--context` say.
pub(crate) async fn connected(
    kubeconfig: Option<&Path>,
    context: Option<&str>,
) -> Result<Connection, Problem> {
    let options = ConnectOptions {
        kubeconfig: kubeconfig.map(Path::to_owned),
        context: context.map(str::to_owned),
    };
    let connection = connect(&options).await;
    connection.map_err(|error| Problem::usage(chain(&error), error.hint()))
}
