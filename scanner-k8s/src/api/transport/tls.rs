//! How requests reach a server by TLS. Calls share one HTTP/2 connection where the server speaks it, so that those that go
//! out together wait for one handshake alone; a request that upgrades, such as an exec, has an HTTP/1.1 connection.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use http::{Request, Response, Uri, header::UPGRADE};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_rustls::{FixedServerNameResolver, HttpsConnectorBuilder};
use hyper_timeout::TimeoutConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use kube::{
    Config,
    client::{Body, ClientBuilder, ConfigExt as _, DynBody},
};
use rustls::{ClientConfig, pki_types::ServerName};
use tower::{BoxError, ServiceBuilder, ServiceExt as _};

use super::{ahead::Ahead, resend, service::GenericService};

/// Time between two pings on a connection where an answer is awaited.
const PING: Duration = Duration::from_secs(5);
/// Time for the answer to a ping. A connection that nobody answers on is closed, so that the next call opens another one.
const PONG: Duration = Duration::from_secs(10);

type Https = Ahead<TimeoutConnector<hyper_rustls::HttpsConnector<HttpConnector>>>;

/// What opens connections of a client ahead: one for calls, and one for a request that upgrades.
pub(super) struct Handshakes {
    server: Uri,
    alone: Https,
    shared: Https,
    /// Whether there is a shared connection, which later scans use too.
    is_shared: AtomicBool,
}

impl Handshakes {
    /// Begins both. Must be called within a runtime.
    pub(super) fn begin(&self) {
        self.alone.open(self.server.clone());
        if !self.is_shared.swap(true, Ordering::Relaxed) {
            self.shared.open(self.server.clone());
        }
    }
}

/// A builder of clients with the layers that kube's own has, but for its retries and spans.
///
/// # Errors
///
/// Fails on certificates, names and credentials in `config` that kube cannot use, and where a proxy is to be used.
pub(super) fn builder(
    config: Config,
) -> kube::Result<(ClientBuilder<GenericService>, Option<Handshakes>)> {
    // Where there is a proxy or an odd name, kube says what is wrong.
    let theirs = |config| Ok((ClientBuilder::try_from(config)?, None));
    if config.proxy_url.is_some() {
        return theirs(config);
    }
    let tls = config.rustls_client_config()?;
    let Ok(alone) = https(&config, tls.clone(), false) else {
        return theirs(config);
    };
    let Ok(shared) = https(&config, tls, true) else {
        return theirs(config);
    };
    let handshakes = Handshakes {
        server: config.cluster_url.clone(),
        alone: alone.clone(),
        shared: shared.clone(),
        is_shared: AtomicBool::new(false),
    };
    let build = |connector: Https| -> Client<Https, Body> {
        Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .http2_keep_alive_interval(PING)
            .http2_keep_alive_timeout(PONG)
            .build(connector)
    };
    let (alone, shared) = (build(alone), build(shared));
    let send = move |request: Request<Body>| {
        let (alone, shared) = (alone.clone(), shared.clone());
        async move {
            if request.headers().contains_key(UPGRADE) {
                return Ok(alone.request(request).await?);
            }
            resend::send(&shared, request).await
        }
    };
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .service(tower::service_fn(send))
        .map_response(|response: Response<Incoming>| {
            response.map(|body| Box::new(body.map_err(BoxError::from)) as Box<DynBody>)
        });
    let builder = ClientBuilder::new(service.boxed(), &config.default_namespace);
    Ok((builder, Some(handshakes)))
}

/// Connects with the timeouts of `config`; `shared` offers HTTP/2 too.
fn https(config: &Config, tls: ClientConfig, shared: bool) -> Result<Https, BoxError> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    // Small writes follow each other in a handshake, and would wait for the acknowledgement of the one before.
    tcp.set_nodelay(true);
    let mut connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_only();
    if let Some(name) = &config.tls_server_name {
        let name = ServerName::try_from(name.clone())?;
        connector = connector.with_server_name_resolver(FixedServerNameResolver::new(name));
    }
    let connector = if shared {
        connector.enable_all_versions().wrap_connector(tcp)
    } else {
        connector.enable_http1().wrap_connector(tcp)
    };
    let mut connector = TimeoutConnector::new(connector);
    connector.set_connect_timeout(config.connect_timeout);
    connector.set_read_timeout(config.read_timeout);
    connector.set_write_timeout(config.write_timeout);
    Ok(Ahead::new(connector))
}
