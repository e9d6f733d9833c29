//! Why there is no connection by a proxy, and what came in place of the API server's answer.

use std::{error::Error, io};

use http::StatusCode;
use tower::BoxError;

/// Why a server is not reached. No login is in it.
#[derive(Debug, thiserror::Error)]
pub(in crate::api) enum WayError {
    /// No connection with the server, without a proxy.
    #[error("no connection")]
    Direct(#[source] BoxError),
    /// No connection with the proxy itself.
    #[error("no connection to the proxy {proxy}")]
    NoProxy {
        proxy: String,
        #[source]
        source: BoxError,
    },
    /// The proxy wants a login, or another one.
    #[error("the proxy {proxy} wants {}: {how}{}", if *.sent { "a login other than the one in its address" } else { "a login" }, if *.page { "; it answered with its login page" } else { "" })]
    Login {
        proxy: String,
        sent: bool,
        how: String,
        /// Whether a user and a password may help.
        by_basic: bool,
        page: bool,
    },
    /// The login does not fit into what is sent to a proxy.
    #[error(
        "the login of the proxy {proxy} is too long: user, password and the server's name have more than {most} bytes together"
    )]
    LongLogin { proxy: String, most: usize },
    /// The proxy does not open the way.
    #[error("the proxy {proxy} does not connect to {server}: {why}")]
    Refused {
        proxy: String,
        server: String,
        why: String,
    },
    /// What answers does not speak the proxy's protocol.
    #[error("{proxy} does not answer as a proxy does")]
    Odd {
        proxy: String,
        #[source]
        source: BoxError,
    },
    /// A page for a person came in place of a way to the server.
    #[error("the proxy {proxy} answered with a web page{}, such as its login page, and not with a connection to the server", .status.map(|s| format!(" ({s})")).unwrap_or_default())]
    Page {
        proxy: String,
        status: Option<StatusCode>,
    },
    /// A page for a person came in place of the API server's answer.
    #[error(
        "a web page came ({0}), such as the login page of a proxy, instead of an answer from the API server"
    )]
    PageOfServer(StatusCode),
    /// What answers does not speak TLS.
    #[error("what answers does not speak TLS")]
    NoTls,
}

impl WayError {
    /// The one among an error and its causes.
    pub(in crate::api) fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            // An error of input or output names what it was made of no source of its own.
            let inner = error.downcast_ref::<io::Error>();
            next = match inner.and_then(io::Error::get_ref) {
                Some(inner) => Some(inner),
                None => error.source(),
            };
        }
        None
    }

    /// Whether another try may well succeed a moment later.
    pub(in crate::api) fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Direct(_) | Self::NoProxy { .. } | Self::Refused { .. }
        )
    }

    /// What to do next; `None` where the server itself does not answer.
    pub(in crate::api) fn advice(&self) -> Option<&'static str> {
        Some(match self {
            Self::Direct(_) => return None,
            Self::Login {
                by_basic: false, ..
            } => "name a proxy that accepts Basic authentication or needs no login",
            Self::Login { .. } => {
                "put user and password into the proxy's address, as in http://USER:PASSWORD@HOST:PORT, or log in there"
            }
            Self::LongLogin { .. } => "name a proxy that accepts a shorter login, or an http proxy",
            Self::Page { .. } | Self::PageOfServer(_) => {
                "log in at the proxy with a browser; or name another way: proxy-url in the kubeconfig, HTTPS_PROXY, NO_PROXY"
            }
            Self::NoTls => {
                "check the server's address in the kubeconfig, and the proxy, if there is one"
            }
            Self::NoProxy { .. } | Self::Refused { .. } | Self::Odd { .. } => {
                "check the proxy: proxy-url in the kubeconfig, or HTTPS_PROXY and NO_PROXY"
            }
        })
    }
}
