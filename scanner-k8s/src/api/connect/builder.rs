//! Every way to a cluster: what it reads, and what must hold for all of them.

use std::{path::Path, sync::Arc};

use http::{HeaderValue, Request, Response};
use kube::{
    Config,
    client::{Body, ClientBuilder},
};
use scanner_core::escape::visible;
use secrecy::ExposeSecret;
use tokio::runtime::Handle;
use tower::{BoxError, Layer, Service};

use super::{
    authorities::authorities, cluster::Cluster, crypto_provider, error::ConnectError, in_cluster,
    kubeconfig, origin, parts::Parts,
};
use crate::{
    api::{
        bearer::bearer,
        environment::Environment,
        image_memory::{ImageMemory, InProcess},
        plugin::{Login, permit},
        redacted::{Redacted, without_user},
        transport::{GenericService, InMemory, Settings, Wrap},
        way::{BadProxy, Proxy, proxy_for},
    },
    names::USER_AGENT,
};

/// Longest name that a program may give itself.
const MAX_USER_AGENT: usize = 200;

/// Makes a [`Cluster`].
#[must_use]
pub struct ClusterBuilder {
    config: Config,
    proxy: Option<Proxy>,
    /// The account of the pod, if its rights are used.
    pod_account: Option<String>,
    /// The user of the kubeconfig's context.
    kubeconfig_user: Option<String>,
    user_agent: Option<String>,
    system_roots: bool,
    searches_own_process: bool,
    images: Arc<dyn ImageMemory>,
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
    /// context's user, if it has one and kubectl's preferences (kuberc) let it run.
    ///
    /// Without a path it is `KUBECONFIG`, or `~/.kube/config`; without a context, the file's current one. Files
    /// in `KUBECONFIG` that do not exist are ignored.
    ///
    /// # Errors
    ///
    /// Fails on an unusable kubeconfig, and as [`ClusterBuilder::build`] does.
    pub async fn kubeconfig(
        path: Option<&Path>,
        context: Option<&str>,
    ) -> Result<Self, ConnectError> {
        let builder = ClusterBuilder::kubeconfig(path, context).await?;
        builder.build_async().await
    }

    /// The cluster that kubectl would use: that of [`Cluster::kubeconfig`], or, without a path, a context and a kubeconfig,
    /// the cluster that this process runs in, as its pod's service account. [`Cluster::connection`] then says so.
    ///
    /// # Errors
    ///
    /// Fails where there is neither, and as those two do.
    pub async fn from_environment(
        path: Option<&Path>,
        context: Option<&str>,
    ) -> Result<Self, ConnectError> {
        let builder = ClusterBuilder::from_environment(path, context).await?;
        builder.build_async().await
    }

    /// A cluster from a configuration that the program made itself, with its `proxy_url` but no proxy of the environment.
    pub fn builder(config: Config) -> ClusterBuilder {
        ClusterBuilder::new(config)
    }
}

impl ClusterBuilder {
    pub(super) fn new(config: Config) -> Self {
        Self {
            config,
            proxy: None,
            pod_account: None,
            kubeconfig_user: None,
            user_agent: None,
            system_roots: false,
            searches_own_process: false,
            images: Arc::new(InProcess::default()),
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
        let folder = Path::new(in_cluster::FOLDER);
        Self::in_cluster_of(&Environment::of_process(), folder)
    }

    pub(super) fn in_cluster_of(
        environment: &Environment,
        folder: &Path,
    ) -> Result<Self, ConnectError> {
        let (config, account) = in_cluster::config(environment, folder)?;
        let proxy = proxy_for(environment, &config.cluster_url).map_err(bad_proxy)?;
        Ok(Self {
            proxy,
            pod_account: Some(account),
            ..Self::new(config)
        })
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
        Self::kubeconfig_of(&Environment::of_process(), path, context).await
    }

    pub(super) async fn kubeconfig_of(
        environment: &Environment,
        path: Option<&Path>,
        context: Option<&str>,
    ) -> Result<Self, ConnectError> {
        let found = kubeconfig::find(environment, path)?;
        let found = found.map_err(ConnectError::NoKubeconfig)?;
        let selected = kubeconfig::config(found, context).await?;
        let (mut config, proxy) = (selected.config, selected.proxy);
        permit(environment, &mut config.auth_info)
            .map_err(|error| ConnectError::of_plugin(&error))?;
        let proxy = match proxy {
            Some(proxy) => Some(proxy),
            None => proxy_for(environment, &config.cluster_url).map_err(bad_proxy)?,
        };
        Ok(Self {
            proxy,
            kubeconfig_user: selected.user,
            ..Self::new(config)
        })
    }

    /// What kubectl would take, as [`Cluster::from_environment`] has it.
    ///
    /// # Errors
    ///
    /// Fails where there is neither a kubeconfig nor an account of a pod, and on an unusable one.
    pub async fn from_environment(
        path: Option<&Path>,
        context: Option<&str>,
    ) -> Result<Self, ConnectError> {
        let environment = Environment::of_process();
        let folder = Path::new(in_cluster::FOLDER);
        Self::from_environment_of(&environment, folder, path, context).await
    }

    pub(super) async fn from_environment_of(
        environment: &Environment,
        folder: &Path,
        path: Option<&Path>,
        context: Option<&str>,
    ) -> Result<Self, ConnectError> {
        let named = path.is_some() || context.is_some() || kubeconfig::is_named(environment);
        if !named && in_cluster::is_here(environment, folder) {
            let found = kubeconfig::find(environment, None)?;
            if found.map_or(true, |found| kubeconfig::is_empty(&found)) {
                return Self::in_cluster_of(environment, folder);
            }
        }
        Self::kubeconfig_of(environment, path, context).await
    }

    /// Puts the program's own name, such as `acme/1`, before secure-scan's in every call.
    pub fn user_agent(mut self, name: impl Into<String>) -> Self {
        self.user_agent = Some(name.into());
        self
    }

    /// Trusts the authorities that this machine trusts, if the configuration has no CA: for a server whose
    /// certificate comes from a public CA.
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

    /// Whether to search this process's open files, arguments and environment for the token of each scan when
    /// the scan is over. For a program that does nothing but scan.
    pub fn search_own_process(mut self, search: bool) -> Self {
        self.searches_own_process = search;
        self
    }

    /// Remembers which images of the probe started on which nodes. Without it the cluster does, and forgets
    /// them when this process ends.
    pub fn image_memory(mut self, memory: impl ImageMemory + 'static) -> Self {
        self.images = Arc::new(memory);
        self
    }

    /// Reaches a fake cluster in this process's memory, in place of a server by TLS.
    #[doc(hidden)]
    pub fn in_memory(mut self, memory: InMemory) -> Self {
        self.memory = Some(memory);
        self
    }

    /// The cluster. Sends nothing yet, but runs the credential plugin of the configuration, if it has one: the
    /// thread waits for it for up to a minute, or ten if it may prompt at a terminal.
    ///
    /// # Errors
    ///
    /// Refuses plain http, a certificate that would not be verified, and a missing CA unless
    /// [`ClusterBuilder::system_roots`] was called. Fails outside of a tokio runtime, where nothing decides which
    /// cryptography rustls uses, and when the plugin gives no credential.
    pub fn build(self) -> Result<Cluster, ConnectError> {
        let parts = self.parts()?;
        let answer = parts.login.as_ref().map(Login::run);
        parts.connect(answer)
    }

    /// The same, without blocking a thread for the credential plugin, which is stopped if the future is dropped.
    ///
    /// # Errors
    ///
    /// Fails as [`ClusterBuilder::build`] does.
    pub async fn build_async(self) -> Result<Cluster, ConnectError> {
        let parts = self.parts()?;
        let answer = match &parts.login {
            Some(login) => Some(login.run_apart().await),
            None => None,
        };
        parts.connect(answer)
    }

    /// All but what a credential plugin answers.
    fn parts(self) -> Result<Parts, ConnectError> {
        let mut config = checked(self.config, self.system_roots)?;
        let user_agent = match self.user_agent {
            Some(name) => named(&name).ok_or(ConnectError::UserAgent(name))?,
            None => HeaderValue::from_static(USER_AGENT),
        };
        if self.memory.is_none() && !crypto_provider::is_decided() {
            return Err(ConnectError::NoCryptoProvider);
        }
        let runtime = Handle::try_current().map_err(|_| ConnectError::NoRuntime)?;
        let of_config = config.proxy_url.take().map(|address| {
            let from = "the configuration";
            Proxy::parse(&address.to_string(), from).map_err(|error| bad_proxy((from, error)))
        });
        let proxy = self
            .proxy
            .map_or_else(|| of_config.transpose(), |proxy| Ok(Some(proxy)))?;
        let origin = origin::of(
            &config,
            self.pod_account.as_deref(),
            self.kubeconfig_user.as_deref(),
        );
        let connection = connection(self.pod_account.as_deref(), proxy.as_ref());
        if !can_be_sent(&config) {
            return Err(ConnectError::Client(Redacted::no_header()));
        }
        let settings = Settings {
            wrap: self.wrap,
            user_agent,
            searches_own_process: self.searches_own_process,
            images: self.images,
            runtime,
            memory: self.memory,
            plugin: None,
            proxy,
            connection,
            origin,
        };
        let login = Login::of(&config).map_err(|error| ConnectError::of_plugin(&error))?;
        Ok(Parts {
            config,
            settings,
            login,
        })
    }
}

/// Whether the tokens of a configuration can be sent: kube panics if one cannot be in a header.
fn can_be_sent(config: &Config) -> bool {
    let login = &config.auth_info;
    let token = login.token.as_ref().map(ExposeSecret::expose_secret);
    let provider = login.auth_provider.as_ref();
    let of_provider = provider.and_then(|provider| provider.config.get("id-token"));
    let mut tokens = token.into_iter().chain(of_provider.map(String::as_str));
    tokens.all(|token| bearer(token).is_ok())
}

fn bad_proxy((from, error): (&str, BadProxy)) -> ConnectError {
    ConnectError::Proxy {
        from: from.to_owned(),
        why: error.to_string(),
    }
}

/// How the cluster is reached, for a reader; nothing where a kubeconfig says all of it.
fn connection(pod_account: Option<&str>, proxy: Option<&Proxy>) -> Vec<String> {
    let account = pod_account.map(|account| {
        format!("as the account of this pod, {account}: no kubeconfig was found and no context was named")
    });
    let proxy = proxy.map(|proxy| {
        let text = format!("through the proxy {proxy}, by {}", proxy.from());
        visible(&text, 400)
    });
    account.into_iter().chain(proxy).collect()
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
