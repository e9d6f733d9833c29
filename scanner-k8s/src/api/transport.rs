//! The connections to one API server, shared by everything that goes on there: one pool of connections
//! for the operator, and one without any credential for the scans.

mod ahead;
mod bare;
mod in_memory;
mod resend;
mod service;
mod tls;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use http::{HeaderValue, Request, header::AUTHORIZATION};
use kube::{
    Client, Config,
    client::{Body, ClientBuilder},
};
use scanner_core::{audit::Identity, report::Origin};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::runtime::Handle;
use tower::{BoxError, Layer as _, ServiceExt as _};

use super::{
    bearer::bearer,
    image_memory::ImageMemory,
    plugin::{Renewed, Runs},
    record::AuditLayer,
    redacted::{Redacted, without_user},
    way::{Proxy, page},
};
use bare::without_credential;
pub use in_memory::InMemory;
pub use service::GenericService;
use tls::Handshakes;

/// Puts an embedder's layers around a stack.
pub(super) type Wrap = Arc<dyn Fn(ClientBuilder<GenericService>) -> Client + Send + Sync>;

/// What every segment of a cluster shares. It counts and logs nothing itself.
pub(super) struct Transport {
    operator: Client,
    /// Has no credential: each scan adds its own token to its own requests.
    scan: Client,
    /// Connections for the scan that are opened ahead; none within this process.
    handshakes: Option<Handshakes>,
    /// The server and the way to it; no credential.
    config: Config,
    connection: Vec<String>,
    origin: Origin,
    /// The credential plugins of the operator that run; none where no program gives the credential.
    plugins: Option<Runs>,
    pub(super) user_agent: HeaderValue,
    pub(super) searches_own_process: bool,
    /// What remembers which images of the probe started on which nodes.
    pub(super) images: Arc<dyn ImageMemory>,
    /// Where the tasks of the clients run, also for a segment that begins outside of it.
    runtime: Handle,
}

/// What a transport is made with, beside its configuration.
pub(super) struct Settings {
    pub(super) wrap: Wrap,
    pub(super) user_agent: HeaderValue,
    pub(super) searches_own_process: bool,
    pub(super) images: Arc<dyn ImageMemory>,
    pub(super) runtime: Handle,
    /// Absent for every real cluster: it is reached by TLS.
    pub(super) memory: Option<InMemory>,
    /// The proxy that every connection uses, the operator's and those of scans.
    pub(super) proxy: Option<Proxy>,
    /// The operator's credential, where a program gave it.
    pub(super) plugin: Option<Renewed>,
    /// How the cluster is reached, for a reader.
    pub(super) connection: Vec<String>,
    /// What is known of the cluster and the operator.
    pub(super) origin: Origin,
}

impl Transport {
    /// Sends nothing yet.
    ///
    /// # Errors
    ///
    /// Fails when no client can be made from `config`.
    pub(super) fn new(mut config: Config, settings: Settings) -> Result<Self, Redacted> {
        // A retry would be a call that is neither planned nor counted.
        config.default_retry = false;
        // A proxy connects before it answers.
        let seconds = if settings.proxy.is_some() { 10 } else { 5 };
        config.connect_timeout = Some(Duration::from_secs(seconds));
        config.read_timeout = None;
        let shared = without_credential(&config);
        let _guard = settings.runtime.enter();
        let (memory, proxy) = (settings.memory.as_ref(), settings.proxy.as_ref());
        let stack = |config: &Config, plugin| {
            // A token that no header may have is a panic in tower-http.
            let made = AssertUnwindSafe(|| stack(config, memory, proxy, plugin));
            catch_unwind(made)
                .map_err(|_| Redacted::no_header())?
                .map_err(|error| Redacted::client(&error))
        };
        let plugins = settings.plugin.as_ref().map(|plugin| plugin.runs().clone());
        let (operator, _) = stack(&config, settings.plugin)?;
        let (scan, handshakes) = stack(&shared, None)?;
        Ok(Self {
            operator: (settings.wrap)(redacting(without_pages(operator))),
            scan: (settings.wrap)(with_bearer(without_pages(scan))),
            connection: settings.connection,
            origin: settings.origin,
            plugins,
            handshakes,
            config: shared,
            user_agent: settings.user_agent,
            searches_own_process: settings.searches_own_process,
            images: settings.images,
            runtime: settings.runtime,
        })
    }

    /// Opens the connections that a scan identity is about to need.
    pub(super) fn expect_scan(&self) {
        let _guard = self.runtime.enter();
        if let Some(handshakes) = &self.handshakes {
            handshakes.begin();
        }
    }

    /// Address of the API server.
    pub(super) fn server(&self) -> String {
        without_user(&self.config.cluster_url)
    }

    /// How the cluster is reached, where that is not by a kubeconfig alone.
    pub(super) fn connection(&self) -> &[String] {
        &self.connection
    }

    /// What is known of the cluster and the operator without a call.
    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The process ids of the operator's credential plugins that run.
    pub(super) fn plugin_processes(&self) -> Vec<u32> {
        self.plugins.as_ref().map(Runs::ids).unwrap_or_default()
    }

    pub(super) fn default_namespace(&self) -> &str {
        &self.config.default_namespace
    }

    /// A client over the shared connections that records by `layer`. As the scan's identity it sends
    /// `token`, as the operator what the configuration says.
    ///
    /// It costs one task of the runtime, until its last clone is dropped.
    pub(super) fn client(&self, layer: &AuditLayer, token: Option<SecretString>) -> Client {
        let (shared, token) = match layer.identity {
            Identity::Operator => (self.operator.clone(), None),
            Identity::Scan => (self.scan.clone(), token.map(Bearer)),
        };
        let service = tower::service_fn(move |mut request: Request<Body>| {
            let shared = shared.clone();
            if let Some(token) = &token {
                request.extensions_mut().insert(token.clone());
            }
            async move { shared.send(request).await }
        });
        let _guard = self.runtime.enter();
        Client::new(layer.layer(service), self.default_namespace())
    }
}

/// The token of a scan, on its way through an embedder's layers.
#[derive(Clone)]
struct Bearer(SecretString);

/// How requests are sent: by TLS, or within this process.
fn stack(
    config: &Config,
    memory: Option<&InMemory>,
    proxy: Option<&Proxy>,
    plugin: Option<Renewed>,
) -> Result<(ClientBuilder<GenericService>, Option<Handshakes>), kube::Error> {
    if let Some(memory) = memory {
        return Ok((memory.renewing(config, plugin)?, None));
    }
    let (builder, handshakes) = tls::builder(config, proxy, plugin)?;
    Ok((builder, Some(handshakes)))
}

/// Refuses pages for a person, which no API server answers with.
fn without_pages(builder: ClientBuilder<GenericService>) -> ClientBuilder<GenericService> {
    let layer = tower::layer::layer_fn(|inner: GenericService| {
        inner
            .map_result(|answer| page::refuse(answer?).map_err(BoxError::from))
            .boxed()
    });
    builder.with_layer(&layer)
}

/// Innermost, so that neither an embedder's layers nor the audit log see what kube says of a credential.
fn redacting(builder: ClientBuilder<GenericService>) -> ClientBuilder<GenericService> {
    let layer =
        tower::layer::layer_fn(|inner: GenericService| inner.map_err(Redacted::call).boxed());
    builder.with_layer(&layer)
}

/// Innermost, so that an embedder's layers do not see a token.
fn with_bearer(builder: ClientBuilder<GenericService>) -> ClientBuilder<GenericService> {
    let layer =
        tower::layer::layer_fn(|inner: GenericService| inner.map_request(authorize).boxed());
    builder.with_layer(&layer)
}

fn authorize(mut request: Request<Body>) -> Request<Body> {
    if let Some(Bearer(token)) = request.extensions_mut().remove::<Bearer>()
        && let Ok(value) = bearer(token.expose_secret())
    {
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    request
}

#[cfg(test)]
mod tests;
