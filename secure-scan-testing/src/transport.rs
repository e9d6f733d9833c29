//! The transport: HTTP/1.1 over memory, served in tasks of the runtime that connects.

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use scanner_k8s::api::connect::InMemory;
use tokio::io::DuplexStream;

use crate::{FakeCluster, api};

/// Bytes that are under way in each direction.
const BUFFER: usize = 256 * 1024;

/// Connects clients to the fake, whatever address they ask for. Nothing leaves the memory of this process: there is no
/// socket, and so nothing that a runtime would wait for while its time is paused.
pub(crate) fn in_memory(cluster: &FakeCluster) -> InMemory {
    let cluster = cluster.clone();
    InMemory::new(move || dial(&cluster))
}

/// One connection to the fake, served in a task of the current runtime.
fn dial(cluster: &FakeCluster) -> DuplexStream {
    let (client, server) = tokio::io::duplex(BUFFER);
    let cluster = cluster.clone();
    tokio::spawn(async move {
        let service = service_fn(|request| api::answer(cluster.clone(), request));
        let connection = http1::Builder::new().serve_connection(TokioIo::new(server), service);
        // A connection that a fault cut, or that its client left, ends with an error.
        let _ = connection.with_upgrades().await;
    });
    client
}
