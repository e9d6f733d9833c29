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
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use kube::{
    Config,
    client::{Body, ClientBuilder, ConfigExt as _, DynBody},
};
use rustls::{ClientConfig, pki_types::ServerName};
use tower::{BoxError, ServiceBuilder, ServiceExt as _};

use super::{ahead::Ahead, bare::without_credential, resend, service::GenericService};
use crate::api::{
    plugin::{Renewed, authorized},
    way::{Proxy, Way},
};

/// Time between two pings on a connection where an answer is awaited.
const PING: Duration = Duration::from_secs(5);
/// Time for the answer to a ping. A connection that nobody answers on is closed, so that the next call opens another one.
const PONG: Duration = Duration::from_secs(10);

type Https = Ahead<TimeoutConnector<hyper_rustls::HttpsConnector<Way>>>;

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

/// A builder of clients with the layers that kube's own has, but for its retries and spans. Every connection goes by `proxy`,
/// where there is one. `plugin` has the credential that a program gave.
///
/// # Errors
///
/// Fails on certificates, names and credentials in `config` that kube cannot use.
pub(super) fn builder(
    config: &Config,
    proxy: Option<&Proxy>,
    plugin: Option<Renewed>,
) -> kube::Result<(ClientBuilder<GenericService>, Handshakes)> {
    let tls = config.rustls_client_config()?;
    // The certificate of the operator is for the server alone.
    let way = Way::new(proxy, without_credential(config).rustls_client_config()?);
    let name = config.tls_server_name.clone().map(ServerName::try_from);
    let name = name
        .transpose()
        .map_err(|error| kube::Error::Service(error.into()))?;
    let alone = https(config, way.clone(), tls.clone(), name.clone(), false);
    let shared = https(config, way, tls, name, true);
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
        .service(authorized(tower::service_fn(send), plugin))
        .map_response(|response: Response<Incoming>| {
            response.map(|body| Box::new(body.map_err(BoxError::from)) as Box<DynBody>)
        });
    let builder = ClientBuilder::new(service.boxed(), &config.default_namespace);
    Ok((builder, handshakes))
}

/// Connects with the timeouts of `config`; `shared` offers HTTP/2 too.
fn https(
    config: &Config,
    way: Way,
    tls: ClientConfig,
    name: Option<ServerName<'static>>,
    shared: bool,
) -> Https {
    let mut connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_only();
    if let Some(name) = name {
        connector = connector.with_server_name_resolver(FixedServerNameResolver::new(name));
    }
    let connector = if shared {
        connector.enable_all_versions().wrap_connector(way)
    } else {
        connector.enable_http1().wrap_connector(way)
    };
    let mut connector = TimeoutConnector::new(connector);
    connector.set_connect_timeout(config.connect_timeout);
    connector.set_read_timeout(config.read_timeout);
    connector.set_write_timeout(config.write_timeout);
    Ahead::new(connector)
}
