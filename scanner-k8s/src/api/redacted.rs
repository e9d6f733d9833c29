//! Errors of the libraries that connect, without what may be secret in them.
//!
//! The text of a kubeconfig is secret, and so is what kube knows of a credential: errors of kube quote both. They are
//! distinguished by their type, never by their text.

use std::{error::Error, path::Path};

use http::Uri;
use kube::{
    client::AuthError,
    config::{KubeconfigError, LoadDataError},
};
use scanner_core::{cause::chain, escape::visible};
use tower::BoxError;

use super::{
    tls_fault::{Peer, TlsFault},
    way::WayError,
};

/// Longest path that is shown, in characters.
const MAX_PATH: usize = 300;

/// Why there is no connection, in words that hold no secret: it is made from an error of another library, and keeps nothing
/// else of that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Redacted {
    text: String,
    /// What to do, where the cause says it.
    advice: Option<&'static str>,
}

impl Redacted {
    fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            advice: None,
        }
    }

    /// What to do, where the cause says more than that the configuration or the server is at fault.
    pub(super) fn advice(&self) -> Option<&'static str> {
        self.advice
    }

    /// Why a kubeconfig cannot be used; quotes only names of files, contexts and clusters from it.
    pub(super) fn kubeconfig(error: &KubeconfigError) -> Self {
        let data = |what: &str, error: &LoadDataError| match error {
            LoadDataError::ReadFile(error, file) => format!("{what}: {}: {error}", path(file)),
            LoadDataError::DecodeBase64(error) => format!("{what} is not base64: {error}"),
            LoadDataError::NoBase64DataOrFile => format!("{what} is missing"),
        };
        Self::new(match error {
            KubeconfigError::Parse(error) => match error.location() {
                Some(at) => format!(
                    "line {}, column {}: it is not a kubeconfig",
                    at.line(),
                    at.column()
                ),
                None => "it is not a kubeconfig".into(),
            },
            KubeconfigError::ReadConfig(error, _) => error.to_string(),
            KubeconfigError::LoadContext(name) => {
                format!("context {} is empty", visible(name, MAX_PATH))
            }
            KubeconfigError::LoadClusterOfContext(name) => {
                format!("there is no cluster {}", visible(name, MAX_PATH))
            }
            KubeconfigError::LoadCertificateAuthority(error) => {
                data("the certificate authority", error)
            }
            KubeconfigError::LoadClientCertificate(error) => data("the client certificate", error),
            KubeconfigError::LoadClientKey(error) => data("the client key", error),
            KubeconfigError::ParseCertificates(_) => "the certificate authority is not PEM".into(),
            KubeconfigError::MissingClusterUrl => "the cluster has no server".into(),
            KubeconfigError::ParseClusterUrl(_) => "the cluster's server is not an address".into(),
            KubeconfigError::ParseProxyUrl(_) => "the proxy is not an address".into(),
            KubeconfigError::CurrentContextNotSet => "it has no current context".into(),
            other => chain(other),
        })
    }

    /// A file of another kind, such as the manifest of a pod.
    pub(super) fn other_kind(kind: &str) -> Self {
        Self::new(format!(
            "it is not a kubeconfig: its kind is {}",
            visible(kind, 60)
        ))
    }

    /// Why a client cannot be made, or a call has no answer.
    pub(super) fn client(error: &kube::Error) -> Self {
        if let Some(error) = credential_error(error) {
            return Self::credential(error);
        }
        let way = WayError::find(error);
        let at_proxy = matches!(way, Some(WayError::NoProxy { .. }));
        if let Some(fault) = TlsFault::find(error)
            && (way.is_none() || at_proxy)
        {
            let peer = if at_proxy { Peer::Proxy } else { Peer::Server };
            // The error of a proxy names which one it is.
            let which = way.map(|way| format!("{way}: ")).unwrap_or_default();
            return Self {
                text: which + &fault.text(peer),
                advice: Some(fault.advice(peer)),
            };
        }
        if let Some(error) = way {
            return Self::new(chain(error));
        }
        Self::new(match error {
            kube::Error::InferKubeconfig(error) => return Self::kubeconfig(error),
            // Its text quotes the answer, which may have a token.
            kube::Error::SerdeError(error) => format!(
                "the answer is not as expected: line {}, column {}",
                error.line(),
                error.column()
            ),
            kube::Error::ProxyProtocolUnsupported { proxy_url }
            | kube::Error::ProxyProtocolDisabled { proxy_url, .. } => format!(
                "the proxy {} cannot be used: its protocol is not supported",
                without_user(proxy_url)
            ),
            // kube's own words are only the name of its own type.
            kube::Error::Service(error) => unconnected(error.as_ref()),
            other => chain(other),
        })
    }

    /// The same for a call that has no answer: an error of the operator's credential is replaced, whatever is around it.
    pub(super) fn call(error: BoxError) -> BoxError {
        match credential_error(error.as_ref()) {
            Some(found) => Self::credential(found).into(),
            None => error,
        }
    }

    /// A credential for which kube cannot even make a header.
    pub(super) fn no_header() -> Self {
        Self::new("the credential has characters that no header may have")
    }

    fn credential(error: &AuthError) -> Self {
        Self::new(match error {
            AuthError::ReadTokenFile(error, file) => {
                format!("cannot read the token file {}: {error}", path(file))
            }
            AuthError::InvalidBasicAuth(_) | AuthError::InvalidBearerToken(_) => {
                return Self::no_header();
            }
            _ => "the credential of the configuration cannot be obtained".into(),
        })
    }
}

/// An error of a connection, without what the library adds to say where in its own code the error arose.
fn unconnected(error: &(dyn Error + 'static)) -> String {
    let failed: Option<&hyper_util::client::legacy::Error> = error.downcast_ref();
    let Some(cause) = failed
        .filter(|error| error.is_connect())
        .and_then(Error::source)
    else {
        return chain(error);
    };
    let late = cause.downcast_ref::<std::io::Error>();
    if late.is_some_and(|error| error.kind() == std::io::ErrorKind::TimedOut) {
        return "no connection in time".into();
    }
    format!("no connection: {}", chain(cause))
}

/// A path for a reader.
pub(super) fn path(path: &Path) -> String {
    visible(&path.to_string_lossy(), MAX_PATH)
}

/// The address without a user and a password.
pub(super) fn without_user(address: &Uri) -> String {
    let text = address.to_string();
    let user = address.authority().and_then(|authority| {
        let (user, _) = authority.as_str().rsplit_once('@')?;
        Some(format!("{user}@"))
    });
    user.map_or(text.clone(), |user| text.replacen(&user, "", 1))
}

/// The error of a credential among an error and its causes.
fn credential_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a AuthError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}
