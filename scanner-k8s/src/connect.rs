//! Connects to a cluster as the operator, and refuses what would not be verified TLS.

mod audited;
mod in_memory;
mod request_info;
mod watch;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use audited::AuditLayer;
pub(crate) use audited::StreamTap;
use base64::{Engine as _, engine::general_purpose::STANDARD};
#[doc(hidden)]
pub use in_memory::InMemory;
use kube::{
    Client, Config,
    client::ClientBuilder,
    config::{AuthInfo, KubeConfigOptions, Kubeconfig},
};
use pem::Pem;
use scanner_core::audit::{AuditLog, Entry, Identity};
use secrecy::{ExposeSecret as _, SecretString};
pub(crate) use watch::TokenWatch;

use crate::{session::ScanClient, token};

/// How every call names itself to the server.
pub const USER_AGENT: &str = concat!("secure-scan/", env!("CARGO_PKG_VERSION"));

/// Which cluster to use.
#[derive(Debug, Clone, Default)]
pub struct ConnectOptions {
    /// Kubeconfig file; `KUBECONFIG` or `~/.kube/config` when absent.
    pub kubeconfig: Option<PathBuf>,
    /// Context in it; its current context when absent.
    pub context: Option<String>,
}

/// Why a cluster is not connected to.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The kubeconfig cannot be read.
    #[error("cannot read the kubeconfig")]
    Kubeconfig(#[source] kube::config::KubeconfigError),
    /// The context does not exist.
    #[error("the kubeconfig has no context {0:?}; it has {1}")]
    NoContext(String, String),
    /// Plain http.
    #[error("refusing {0}: the server is not reached by https")]
    PlainHttp(String),
    /// Certificates would not be checked.
    #[error("refusing {0}: insecure-skip-tls-verify is set, so anyone could pose as the server")]
    SkipsVerification(String),
    /// No CA to check the server's certificate with.
    #[error("refusing {0}: the kubeconfig has no certificate-authority for this cluster")]
    NoAuthority(String),
    /// A client cannot be made from it.
    #[error("cannot use the kubeconfig")]
    Client(#[source] kube::Error),
}

impl ConnectError {
    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Kubeconfig(_) | Self::Client(_) => "name a working file with --kubeconfig",
            Self::NoContext(..) => "name one of them with --context",
            Self::PlainHttp(_) => "use an https:// server in the kubeconfig",
            Self::SkipsVerification(_) => {
                "remove insecure-skip-tls-verify and set certificate-authority-data"
            }
            Self::NoAuthority(_) => "set certificate-authority-data to the cluster's CA",
        }
    }
}

/// A connection as the operator: sets up and cleans up, never touches a target.
#[derive(Clone)]
pub struct Connection {
    pub(crate) operator: Client,
    config: Config,
    /// Absent for a real cluster, which is reached by TLS.
    memory: Option<InMemory>,
    operator_calls: Arc<AtomicU64>,
    scan_calls: Arc<AtomicU64>,
    audit: Arc<AuditLog>,
    tokens: Arc<TokenWatch>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("server", &self.server())
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// Address of the API server.
    pub fn server(&self) -> String {
        self.config.cluster_url.to_string()
    }

    /// The context's namespace.
    pub fn default_namespace(&self) -> &str {
        &self.config.default_namespace
    }

    /// Requests sent so far, as the operator and as scan identities.
    pub fn calls(&self) -> (u64, u64) {
        (
            self.operator_calls.load(Ordering::Relaxed),
            self.scan_calls.load(Ordering::Relaxed),
        )
    }

    /// The log of every call of this connection, and of what its scans decided.
    pub fn audit(&self) -> &Arc<AuditLog> {
        &self.audit
    }

    /// A kubeconfig of the same server that has nothing but `token`.
    pub(crate) fn kubeconfig(&self, token: &SecretString, namespace: &str) -> SecretString {
        let authorities = self.config.root_cert.iter().flatten();
        let authorities: Vec<Pem> = authorities
            .map(|der| Pem::new("CERTIFICATE", der.clone()))
            .collect();
        let authorities = STANDARD.encode(pem::encode_many(&authorities));
        // JSON is YAML, and needs no library that copies the token about.
        let kubeconfig = serde_json::json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "scan",
            "clusters": [{"name": "scan", "cluster": {
                "server": self.config.cluster_url.to_string().trim_end_matches('/'),
                "certificate-authority-data": authorities,
                "tls-server-name": self.config.tls_server_name,
            }}],
            "users": [{"name": "scan", "user": {"token": token.expose_secret()}}],
            "contexts": [{"name": "scan", "context": {
                "cluster": "scan", "user": "scan", "namespace": namespace,
            }}],
        });
        SecretString::from(kubeconfig.to_string())
    }

    pub(crate) fn tokens(&self) -> &TokenWatch {
        &self.tokens
    }

    /// A client of the same server that has nothing but `token`.
    pub(crate) fn with_token(&self, token: SecretString) -> Result<ScanClient, kube::Error> {
        let needle = self.tokens.add(token.expose_secret());
        if let Some(claims) = token::claims(token.expose_secret()) {
            self.audit.record(Entry::Token {
                account: claims.account,
                credential: format!("JTI={}", claims.jti),
            });
        }
        let mut config = Config::new(self.config.cluster_url.clone());
        config.root_cert.clone_from(&self.config.root_cert);
        config
            .tls_server_name
            .clone_from(&self.config.tls_server_name);
        config.auth_info = AuthInfo {
            token: Some(token),
            ..AuthInfo::default()
        };
        let client = client(
            config,
            &AuditLayer {
                log: Arc::clone(&self.audit),
                tokens: Arc::clone(&self.tokens),
                identity: Identity::Scan,
                calls: Arc::clone(&self.scan_calls),
            },
            self.memory.as_ref(),
        )?;
        Ok(ScanClient(client, needle))
    }
}

/// Connects as the operator; sends nothing yet.
///
/// # Errors
///
/// Fails on an unusable kubeconfig, and refuses plain http, skipped verification and a missing CA.
pub async fn connect(options: &ConnectOptions) -> Result<Connection, ConnectError> {
    let kubeconfig = match &options.kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    }
    .map_err(ConnectError::Kubeconfig)?;
    let name = options
        .context
        .clone()
        .or_else(|| kubeconfig.current_context.clone())
        .unwrap_or_default();
    let Some(context) = kubeconfig.contexts.iter().find(|c| c.name == name) else {
        let known: Vec<&str> = kubeconfig
            .contexts
            .iter()
            .map(|c| c.name.as_str())
            .collect();
        return Err(ConnectError::NoContext(name, known.join(", ")));
    };
    let cluster = context
        .context
        .as_ref()
        .and_then(|c| kubeconfig.clusters.iter().find(|k| k.name == c.cluster))
        .and_then(|named| named.cluster.clone())
        .unwrap_or_default();
    let server = cluster.server.clone().unwrap_or_default();
    if !server.starts_with("https://") {
        return Err(ConnectError::PlainHttp(server));
    }
    if cluster.insecure_skip_tls_verify == Some(true) {
        return Err(ConnectError::SkipsVerification(server));
    }
    let selection = KubeConfigOptions {
        context: Some(name),
        ..KubeConfigOptions::default()
    };
    let config = Config::from_custom_kubeconfig(kubeconfig, &selection)
        .await
        .map_err(ConnectError::Kubeconfig)?;
    if config.root_cert.as_ref().is_none_or(Vec::is_empty) {
        return Err(ConnectError::NoAuthority(server));
    }
    connected(config, None)
}

impl Connection {
    /// Connects to a fake cluster in this process's memory; see `secure-scan-testing`.
    ///
    /// # Errors
    ///
    /// Fails on credentials that cannot be used.
    #[doc(hidden)]
    pub fn in_memory(config: Config, memory: InMemory) -> Result<Self, ConnectError> {
        connected(config, Some(memory))
    }
}

fn connected(config: Config, memory: Option<InMemory>) -> Result<Connection, ConnectError> {
    let audit = Arc::new(AuditLog::new());
    audit.record(Entry::Opened {
        tool_version: env!("CARGO_PKG_VERSION").into(),
        server: config.cluster_url.to_string(),
    });
    let by = AuditLayer {
        log: Arc::clone(&audit),
        tokens: Arc::default(),
        identity: Identity::Operator,
        calls: Arc::default(),
    };
    let operator = client(config.clone(), &by, memory.as_ref()).map_err(ConnectError::Client)?;
    Ok(Connection {
        operator,
        config,
        memory,
        operator_calls: by.calls,
        scan_calls: Arc::new(AtomicU64::new(0)),
        audit,
        tokens: by.tokens,
    })
}

fn client(
    mut config: Config,
    by: &AuditLayer,
    memory: Option<&InMemory>,
) -> Result<Client, kube::Error> {
    // A retry would be a call that nobody planned or counted.
    config.default_retry = false;
    config.connect_timeout = Some(Duration::from_secs(5));
    config.read_timeout = None;
    let builder = match memory {
        Some(memory) => memory.builder(&config)?,
        None => ClientBuilder::try_from(config)?,
    };
    Ok(builder.with_layer(by).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn refused(cluster: &str) -> ConnectError {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        let text = format!(
            "apiVersion: v1\nkind: Config\nclusters: [{{name: c, cluster: {{{cluster}}}}}]\n\
             users: [{{name: u, user: {{token: secret-token}}}}]\n\
             contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\ncurrent-context: x\n"
        );
        std::fs::write(&path, text).unwrap();
        let options = ConnectOptions {
            kubeconfig: Some(path),
            context: None,
        };
        connect(&options).await.unwrap_err()
    }

    #[tokio::test]
    async fn what_is_not_verified_tls_is_refused() {
        let error = refused("server: 'http://127.0.0.1:1'").await;
        assert!(matches!(error, ConnectError::PlainHttp(_)), "{error}");
        let error = refused("server: 'https://h', insecure-skip-tls-verify: true").await;
        assert!(
            matches!(error, ConnectError::SkipsVerification(_)),
            "{error}"
        );
        let error = refused("server: 'https://h'").await;
        assert!(matches!(error, ConnectError::NoAuthority(_)), "{error}");
        assert!(!format!("{error:?}").contains("secret-token"));
    }
}
