//! Every way to a cluster: what it reads, and what must hold for all of them.

use std::{fs::File, io::Read as _, path::Path, sync::Arc};

use http::{HeaderValue, Request, Response};
use kube::{
    Config,
    client::{Body, ClientBuilder},
    config::{KubeConfigOptions, Kubeconfig, KubeconfigError},
};
use tokio::runtime::Handle;
use tower::{BoxError, Layer, Service};

use super::{cluster::Cluster, crypto_provider, error::ConnectError};
use crate::api::{
    redacted::{Redacted, without_user},
    transport::{GenericService, InMemory, Settings, Transport, Wrap},
};

/// How every call names itself to the server.
const USER_AGENT: &str = concat!("secure-scan/", env!("CARGO_PKG_VERSION"));

/// Longest name that a program may give itself.
const MAX_USER_AGENT: usize = 200;

/// Largest file of certificates that is read, in bytes.
const MAX_AUTHORITIES: u64 = 4 << 20;

/// Makes a [`Cluster`].
#[must_use]
pub struct ClusterBuilder {
    config: Config,
    user_agent: Option<String>,
    system_roots: bool,
    searches_own_process: bool,
    wrap: Wrap,
    memory: Option<InMemory>,
}

impl std::fmt::Debug for ClusterBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not the configuration: it has credentials.
        f.debug_struct("ClusterBuilder")
            .field("server", &without_user(&self.config.cluster_url))
            .field("user_agent", &self.user_agent)
            .field("system_roots", &self.system_roots)
            .finish_non_exhaustive()
    }
}

impl Cluster {
    /// The cluster that this process runs in, as its pod's service account. Sends nothing yet.
    ///
    /// It reads `KUBERNETES_SERVICE_HOST`, `KUBERNETES_SERVICE_PORT` and the files in
    /// `/var/run/secrets/kubernetes.io/serviceaccount`.
    ///
    /// # Errors
    ///
    /// Fails outside of a pod, and as [`ClusterBuilder::build`] does.
    pub fn in_cluster() -> Result<Self, ConnectError> {
        ClusterBuilder::in_cluster()?.build()
    }

    /// The cluster of a context of a kubeconfig. Sends nothing yet, but runs the credential plugin of the
    /// context's user, if it has one.
    ///
    /// Without a path it is `KUBECONFIG`, or `~/.kube/config`; without a context, the file's current one.
    ///
    /// # Errors
    ///
    /// Fails on an unusable kubeconfig, and as [`ClusterBuilder::build`] does.
    pub async fn kubeconfig(
        path: Option<&Path>,
        context: Option<&str>,
    ) -> Result<Self, ConnectError> {
        ClusterBuilder::kubeconfig(path, context).await?.build()
    }

    /// A cluster by a configuration that the program made itself.
    pub fn builder(config: Config) -> ClusterBuilder {
        ClusterBuilder::new(config)
    }
}

impl ClusterBuilder {
    pub(super) fn new(config: Config) -> Self {
        Self {
            config,
            user_agent: None,
            system_roots: false,
            searches_own_process: false,
            wrap: Arc::new(ClientBuilder::build),
            memory: None,
        }
    }

    /// The configuration of the pod that this process runs in, as [`Cluster::in_cluster`] takes it.
    ///
    /// # Errors
    ///
    /// Fails outside of a pod.
    pub fn in_cluster() -> Result<Self, ConnectError> {
        let config = Config::incluster().map_err(ConnectError::InCluster)?;
        Ok(Self::new(config))
    }

    /// The configuration of a context, as [`Cluster::kubeconfig`] takes it.
    ///
    /// # Errors
    ///
    /// Fails on an unusable kubeconfig.
    pub async fn kubeconfig(
        path: Option<&Path>,
        context: Option<&str>,
    ) -> Result<Self, ConnectError> {
        let kubeconfig = match path {
            Some(path) => Kubeconfig::read_from(path),
            None => Kubeconfig::read(),
        }
        .map_err(|error| unusable(&error))?;
        let name = context.or(kubeconfig.current_context.as_deref());
        let name = name.unwrap_or_default().to_owned();
        let mut contexts = kubeconfig.contexts.iter().map(|c| c.name.as_str());
        if !contexts.clone().any(|known| known == name) {
            let known: Vec<&str> = contexts.by_ref().collect();
            return Err(ConnectError::NoContext(name, known.join(", ")));
        }
        let selection = KubeConfigOptions {
            context: Some(name),
            ..KubeConfigOptions::default()
        };
        let config = Config::from_custom_kubeconfig(kubeconfig, &selection);
        Ok(Self::new(config.await.map_err(|error| unusable(&error))?))
    }

    /// Puts the program's own name, such as `acme/1`, before secure-scan's in every call.
    pub fn user_agent(mut self, name: impl Into<String>) -> Self {
        self.user_agent = Some(name.into());
        self
    }

    /// Trusts what this machine's system trusts, where the configuration has no CA: for a server whose
    /// certificate is a public CA's.
    pub fn system_roots(mut self) -> Self {
        self.system_roots = true;
        self
    }

    /// Puts a layer of the program's own, such as one that traces or measures, around the connections of
    /// the operator and of all scans. For several, give a `tower::ServiceBuilder`; the last call wins.
    ///
    /// Every call is logged before it reaches the layer, so what a layer repeats or sends itself is not in
    /// the log. It does not see a credential.
    pub fn layer<L, B>(mut self, layer: L) -> Self
    where
        L: Layer<GenericService> + Send + Sync + 'static,
        L::Service: Service<Request<Body>, Response = Response<B>> + Send + 'static,
        <L::Service as Service<Request<Body>>>::Future: Send + 'static,
        <L::Service as Service<Request<Body>>>::Error: Into<BoxError>,
        B: http_body::Body<Data = <Body as http_body::Body>::Data> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.wrap = Arc::new(move |builder| builder.with_layer(&layer).build());
        self
    }

    /// Whether this process's open files, arguments and environment are searched for each scan's token
    /// once it is over. For a program that does nothing but scan.
    pub fn search_own_process(mut self, search: bool) -> Self {
        self.searches_own_process = search;
        self
    }

    /// Reaches a fake cluster in this process's memory, in place of a server by TLS.
    #[doc(hidden)]
    pub fn in_memory(mut self, memory: InMemory) -> Self {
        self.memory = Some(memory);
        self
    }

    /// The cluster. Sends nothing yet.
    ///
    /// # Errors
    ///
    /// Refuses plain http, a certificate that would not be verified, and a missing CA unless
    /// [`ClusterBuilder::system_roots`] was called. Fails outside of a tokio runtime, and where nothing
    /// decides which cryptography rustls uses.
    pub fn build(self) -> Result<Cluster, ConnectError> {
        let config = checked(self.config, self.system_roots)?;
        let user_agent = match self.user_agent {
            Some(name) => named(&name).ok_or(ConnectError::UserAgent(name))?,
            None => HeaderValue::from_static(USER_AGENT),
        };
        if self.memory.is_none() && !crypto_provider::is_decided() {
            return Err(ConnectError::NoCryptoProvider);
        }
        let settings = Settings {
            wrap: self.wrap,
            user_agent,
            searches_own_process: self.searches_own_process,
            runtime: Handle::try_current().map_err(|_| ConnectError::NoRuntime)?,
            memory: self.memory,
        };
        let transport = Transport::new(config, settings).map_err(ConnectError::Client)?;
        Ok(Cluster::new(transport))
    }
}

fn unusable(error: &KubeconfigError) -> ConnectError {
    ConnectError::Kubeconfig(Redacted::kubeconfig(error))
}

/// The user agent of a program of that name.
fn named(name: &str) -> Option<HeaderValue> {
    let fits = !name.trim().is_empty() && name.len() <= MAX_USER_AGENT && name.is_ascii();
    let value = HeaderValue::try_from(format!("{name} {USER_AGENT}"));
    value.ok().filter(|_| fits)
}

/// What holds for every way to a cluster.
fn checked(mut config: Config, system_roots: bool) -> Result<Config, ConnectError> {
    let server = without_user(&config.cluster_url);
    if config.cluster_url.scheme_str() != Some("https") {
        return Err(ConnectError::PlainHttp(server));
    }
    if config.accept_invalid_certs {
        return Err(ConnectError::SkipsVerification(server));
    }
    let given = config.root_cert.as_ref().is_some_and(|all| !all.is_empty());
    if !given {
        // Read here, so that a file without a certificate is an error before anything is sent.
        config.root_cert = match &config.root_cert_file {
            Some(path) => Some(authorities(path)?),
            None if system_roots => None,
            None => return Err(ConnectError::NoAuthority(server)),
        };
    }
    Ok(config)
}

/// The certificates in a PEM file; at least one.
fn authorities(path: &Path) -> Result<Vec<Vec<u8>>, ConnectError> {
    let unusable = |source: Box<dyn std::error::Error + Send + Sync>| {
        let path = path.display().to_string();
        ConnectError::UnusableAuthority { path, source }
    };
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_AUTHORITIES).read_to_end(&mut text));
    read.map_err(|error| unusable(error.into()))?;
    let all = pem::parse_many(text).map_err(|error| unusable(error.into()))?;
    let all = all.into_iter().filter(|pem| pem.tag() == "CERTIFICATE");
    let all: Vec<Vec<u8>> = all.map(pem::Pem::into_contents).collect();
    if all.is_empty() {
        return Err(unusable("it has no certificate".into()));
    }
    Ok(all)
}
