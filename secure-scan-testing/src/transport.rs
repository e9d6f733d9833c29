//! The transport: HTTP/1.1 over memory, served in tasks of the runtime that connects.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    pin::Pin,
    task::{Context, Poll},
};

use http::Uri;
use hyper::{
    rt::{Read, ReadBufCursor, Write},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{
    client::legacy::connect::{self, Connected},
    rt::TokioIo,
};
use tokio::io::DuplexStream;

use crate::{FakeCluster, api};

/// Bytes that are under way in each direction.
const BUFFER: usize = 256 * 1024;

/// Connects a client to a [`FakeCluster`], whatever address it asks for.
///
/// It is a [`tower::Service`] of a [`Uri`], as HTTP clients take one in place of TCP and TLS. Nothing leaves the
/// memory of this process: there is no socket, and so nothing that a runtime would wait for while its time is
/// paused.
#[derive(Debug, Clone)]
pub struct FakeConnector {
    cluster: FakeCluster,
}

impl FakeConnector {
    pub(crate) fn new(cluster: &FakeCluster) -> Self {
        Self {
            cluster: cluster.clone(),
        }
    }

    /// One connection to the fake, served in a task of the current runtime.
    pub fn dial(&self) -> DuplexStream {
        let (client, server) = tokio::io::duplex(BUFFER);
        let cluster = self.cluster.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| api::answer(cluster.clone(), request));
            let connection = http1::Builder::new().serve_connection(TokioIo::new(server), service);
            // A connection that a fault cut, or that its client left, ends with an error.
            let _ = connection.with_upgrades().await;
        });
        client
    }
}

impl tower::Service<Uri> for FakeConnector {
    type Response = FakeConnection;
    type Error = Infallible;
    type Future = Ready<Result<FakeConnection, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        ready(Ok(FakeConnection(TokioIo::new(self.dial()))))
    }
}

/// One connection of a client to a [`FakeCluster`].
#[derive(Debug)]
pub struct FakeConnection(TokioIo<DuplexStream>);

impl connect::Connection for FakeConnection {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for FakeConnection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl Write for FakeConnection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
