//! Why a proxy does not start.

use std::io;

/// Why there is no proxy.
#[derive(Debug, thiserror::Error)]
pub(in crate::credential_loan) enum ProxyError {
    #[error("no certificates for the proxy can be made")]
    Certificate(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("nothing decides which cryptography rustls uses")]
    NoCryptoProvider,
    #[error("the proxy cannot listen on the loopback address")]
    Listen(#[source] io::Error),
}
