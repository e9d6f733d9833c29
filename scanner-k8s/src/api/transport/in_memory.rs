//! A transport within this process: for a cluster that is a fake in memory, and for nothing else.

use std::{
    convert::Infallible,
    fmt,
    future::{Ready, ready},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::Uri;
use http_body_util::BodyExt as _;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::{
    client::legacy::connect::{self, Connected},
    rt::{TokioExecutor, TokioIo},
};
use kube::{
    Config,
    client::{ClientBuilder, ConfigExt as _, DynBody},
};
use tokio::io::DuplexStream;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt as _};

use super::service::GenericService;
use crate::api::plugin::{Renewed, authorized};

/// Connects to a server in this process's memory.
///
/// There is no TLS on it, and none is needed: the type of a connection is [`DuplexStream`], whose other end is in
/// this process too, so that no byte of it reaches a network.
#[derive(Clone)]
pub struct InMemory(Arc<dyn Fn() -> DuplexStream + Send + Sync>);

impl fmt::Debug for InMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InMemory").finish_non_exhaustive()
    }
}

impl InMemory {
    /// `dial` makes a connection, whose other end is served.
    pub fn new(dial: impl Fn() -> DuplexStream + Send + Sync + 'static) -> Self {
        Self(Arc::new(dial))
    }

    /// A builder of clients with the layers that kube's own has, but for its retries and spans.
    ///
    /// # Errors
    ///
    /// Fails on credentials in `config` that kube cannot use.
    pub fn builder(&self, config: &Config) -> kube::Result<ClientBuilder<GenericService>> {
        self.renewing(config, None)
    }

    /// The same with the token of a plugin.
    pub(super) fn renewing(
        &self,
        config: &Config,
        plugin: Option<Renewed>,
    ) -> kube::Result<ClientBuilder<GenericService>> {
        let client = hyper_util::client::legacy::Builder::new(TokioExecutor::new());
        let service = ServiceBuilder::new()
            .layer(config.base_uri_layer())
            .option_layer(config.auth_layer()?)
            .layer(config.extra_headers_layer()?)
            .service(authorized(client.build(self.clone()), plugin))
            .map_response(|response: http::Response<hyper::body::Incoming>| {
                response.map(|body| Box::new(body.map_err(BoxError::from)) as Box<DynBody>)
            });
        Ok(ClientBuilder::new(
            service.boxed(),
            &config.default_namespace,
        ))
    }
}

impl Service<Uri> for InMemory {
    type Response = Dialled;
    type Error = Infallible;
    type Future = Ready<Result<Dialled, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        ready(Ok(Dialled(TokioIo::new((self.0)()))))
    }
}

/// One connection in memory.
#[derive(Debug)]
pub struct Dialled(TokioIo<DuplexStream>);

impl connect::Connection for Dialled {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Dialled {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl Write for Dialled {
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
