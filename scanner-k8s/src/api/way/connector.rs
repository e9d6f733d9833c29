//! Opens connections with one server, all of them by the same way.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::ClientConfig;
use tower::{BoxError, Service};

use super::{
    error::WayError,
    http_connect,
    proxy::{Kind, Proxy},
    socks,
    stream::{Duplex, Stream, Unseen},
};

/// Opens connections on which TLS with the server then begins.
#[derive(Clone)]
pub(in crate::api) struct Way {
    tcp: HttpConnector,
    by: Option<Arc<By>>,
}

/// A proxy, and TLS with it where it is reached by https.
struct By {
    proxy: Proxy,
    tls: HttpsConnector<HttpConnector>,
}

impl Way {
    /// Straight, or by `proxy`, whose own certificate is verified as `tls` says: that has no certificate of a client.
    pub(in crate::api) fn new(proxy: Option<&Proxy>, tls: ClientConfig) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        // Small writes follow each other in a handshake, and would wait for the acknowledgement of the one before.
        tcp.set_nodelay(true);
        let by = proxy.map(|proxy| {
            let builder = HttpsConnectorBuilder::new().with_tls_config(tls);
            let tls = builder.https_only().enable_http1();
            Arc::new(By {
                proxy: proxy.clone(),
                tls: tls.wrap_connector(tcp.clone()),
            })
        });
        Self { tcp, by }
    }
}

impl By {
    async fn open(&self, mut tcp: HttpConnector, server: &Uri) -> Result<Stream, WayError> {
        let proxy = &self.proxy;
        let no_address = || WayError::Odd {
            proxy: proxy.to_string(),
            source: "it has no address".into(),
        };
        let address = proxy.address().ok_or_else(no_address)?;
        let unreachable = |source: BoxError| WayError::NoProxy {
            proxy: proxy.to_string(),
            source,
        };
        let mut unseen = Unseen {
            proxy: Some(proxy.to_string()),
            page: false,
        };
        if proxy.kind == Kind::Socks {
            let io = tcp.call(address.clone()).await;
            let io = io.map_err(|e| unreachable(e.into()))?;
            let login = proxy.login.as_ref();
            match socks::open(io, proxy, login, server).await {
                Ok(io) => return Ok(Stream::new(io, unseen)),
                // Some take no login at all.
                Err(WayError::Login { how, .. }) if login.is_some() && how.contains("server") => {}
                Err(error) => return Err(error),
            }
            let io = tcp.call(address).await;
            let io = io.map_err(|e| unreachable(e.into()))?;
            return Ok(Stream::new(
                socks::open(io, proxy, None, server).await?,
                unseen,
            ));
        }
        let io: Box<dyn Duplex> = if proxy.kind == Kind::Https {
            let io = self.tls.clone().call(address).await;
            Box::new(io.map_err(unreachable)?)
        } else {
            let io = tcp.call(address).await;
            Box::new(io.map_err(|e| unreachable(e.into()))?)
        };
        let host = server.host().unwrap_or_default();
        let server = format!("{host}:{}", server.port_u16().unwrap_or(443));
        let opened = http_connect::open(io, proxy, &server).await?;
        unseen.page = opened.page;
        Ok(Stream::new(opened.io, unseen))
    }
}

impl Service<Uri> for Way {
    type Response = Stream;
    type Error = WayError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, WayError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), WayError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        let (mut tcp, by) = (self.tcp.clone(), self.by.clone());
        Box::pin(async move {
            if let Some(by) = by {
                return by.open(tcp, &server).await;
            }
            let io = tcp.call(server).await;
            let io = io.map_err(|error| WayError::Direct(error.into()))?;
            let unseen = Unseen {
                proxy: None,
                page: false,
            };
            Ok(Stream::new(io, unseen))
        })
    }
}
