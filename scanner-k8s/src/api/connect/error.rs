//! Why a cluster is not used.

use scanner_core::{Remedy, escape::visible, similar::similar};

use crate::api::{plugin::PluginError, redacted::Redacted};

/// Why a cluster is not used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The kubeconfig cannot be read.
    #[error("cannot read the kubeconfig{}{}", if .file.is_empty() { "" } else { " " }, .file)]
    Kubeconfig {
        /// The file; empty where it is what several of them make together.
        file: String,
        /// Why.
        #[source]
        source: Redacted,
    },
    /// There is no kubeconfig.
    #[error("there is no kubeconfig: {0}")]
    NoKubeconfig(String),
    /// The context does not exist.
    #[error("the kubeconfig has no context \"{}\"; it has {}", visible(.0, 100), visible(&.1.join(", "), 1000))]
    NoContext(String, Vec<String>),
    /// No context is named.
    #[error("the kubeconfig has no current context; it has {}", visible(&.0.join(", "), 1000))]
    NoCurrentContext(Vec<String>),
    /// The kubeconfig has no contexts at all.
    #[error("the kubeconfig has no contexts, so it names no cluster")]
    NoContexts,
    /// This process does not run in a pod of a cluster, or its pod has no account.
    #[error("cannot log in as the account of this pod: {0}")]
    InCluster(String),
    /// A proxy cannot be used.
    #[error("cannot use the proxy of {from}: {why}")]
    Proxy {
        /// What names it, such as `HTTPS_PROXY`.
        from: String,
        /// Why.
        why: String,
    },
    /// The credential plugin of the kubeconfig gives no credential.
    #[error("{reason}")]
    Plugin {
        /// Why.
        reason: String,
        /// What to do.
        advice: &'static str,
    },
    /// Plain http.
    #[error("refusing {0}: the server is not reached by https")]
    PlainHttp(String),
    /// Certificates would not be checked.
    #[error("refusing {0}: insecure-skip-tls-verify is set, so anyone could pose as the server")]
    SkipsVerification(String),
    /// No CA to check the server's certificate with.
    #[error("refusing {0}: the configuration has no certificate authority for this cluster")]
    NoAuthority(String),
    /// The file of the CA cannot be used.
    #[error("cannot use the certificate authority in {path}")]
    UnusableAuthority {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Nothing decides which cryptography rustls uses.
    #[error(
        "rustls has no cryptography provider: turn on the cargo feature `ring` or `aws-lc-rs`, or install one \
         with rustls::crypto::CryptoProvider::install_default"
    )]
    NoCryptoProvider,
    /// Called outside of a tokio runtime.
    #[error("no tokio runtime: a cluster's connections are tasks of one")]
    NoRuntime,
    /// The name that the program gave itself cannot be sent.
    #[error("\"{}\" is not a valid user agent", visible(.0, 100))]
    UserAgent(String),
    /// A client cannot be made from the configuration.
    #[error("cannot make a client from the configuration")]
    Client(#[source] Redacted),
}

/// Kinds of [`ConnectError`], to branch on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectErrorKind {
    /// The kubeconfig, or the configuration of a pod, is not there or cannot be read.
    Unreadable,
    /// The kubeconfig has no such context.
    NoContext,
    /// The server would be reached by plain http.
    PlainHttp,
    /// The server's certificate would not be verified.
    SkipsVerification,
    /// There is no CA to verify it with.
    NoAuthority,
    /// The proxy that is named cannot be used.
    Proxy,
    /// The credential plugin gives no credential, or may not run.
    Plugin,
    /// No cryptography provider for rustls.
    NoCryptoProvider,
    /// No tokio runtime.
    NoRuntime,
    /// The configuration cannot be used.
    Unusable,
}

impl ConnectError {
    /// The error for a credential plugin that gives no credential.
    pub(super) fn of_plugin(error: &PluginError) -> Self {
        Self::Plugin {
            reason: error.to_string(),
            advice: error.advice(),
        }
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ConnectErrorKind {
        match self {
            Self::Kubeconfig { .. } | Self::NoKubeconfig(_) | Self::InCluster(_) => {
                ConnectErrorKind::Unreadable
            }
            Self::NoContext(..) | Self::NoCurrentContext(_) | Self::NoContexts => {
                ConnectErrorKind::NoContext
            }
            Self::Proxy { .. } => ConnectErrorKind::Proxy,
            Self::Plugin { .. } => ConnectErrorKind::Plugin,
            Self::PlainHttp(_) => ConnectErrorKind::PlainHttp,
            Self::SkipsVerification(_) => ConnectErrorKind::SkipsVerification,
            Self::NoAuthority(_) => ConnectErrorKind::NoAuthority,
            Self::NoCryptoProvider => ConnectErrorKind::NoCryptoProvider,
            Self::NoRuntime => ConnectErrorKind::NoRuntime,
            Self::UnusableAuthority { .. } | Self::UserAgent(_) | Self::Client(_) => {
                ConnectErrorKind::Unusable
            }
        }
    }

    /// What to do next.
    pub fn remedy(&self) -> Option<Remedy> {
        Some(match self {
            Self::NoContext(name, known) => {
                let similar = similar(name, known);
                let shown: Vec<String> = similar.iter().map(|name| visible(name, 100)).collect();
                Remedy::did_you_mean(&shown, Remedy::NameContext)
            }
            Self::NoCurrentContext(_) => Remedy::NameContext,
            Self::Plugin { advice, .. } => Remedy::advice(*advice),
            Self::Proxy { .. } => Remedy::advice(
                "correct it, as in http://HOST:PORT, or unset it; write `/`, `?`, `#` and `@` of a password as %2F, %3F, %23 \
                 and %40",
            ),
            Self::InCluster(_) => Remedy::advice("run it in a pod, or name a kubeconfig"),
            Self::PlainHttp(_) => Remedy::advice("use an https:// server in the kubeconfig"),
            Self::SkipsVerification(_) => {
                Remedy::advice("remove insecure-skip-tls-verify and set certificate-authority-data")
            }
            Self::NoAuthority(_) => Remedy::TrustSystemRoots,
            Self::NoContexts
            | Self::Kubeconfig { .. }
            | Self::NoKubeconfig(_)
            | Self::UnusableAuthority { .. } => Remedy::NameKubeconfig,
            Self::Client(why) => match why.advice() {
                Some(advice) => Remedy::advice(advice),
                None => Remedy::NameKubeconfig,
            },
            Self::NoCryptoProvider => {
                Remedy::advice("turn on the cargo feature ring or aws-lc-rs, or install a provider")
            }
            Self::NoRuntime => Remedy::advice("call it within a tokio runtime"),
            Self::UserAgent(_) => Remedy::advice("choose a name of visible ASCII characters"),
        })
    }
}
