//! Opens a way through a SOCKS5 proxy, which resolves the server's name.

use std::io;

use http::Uri;
use hyper_util::client::legacy::connect::proxy::SocksV5;
use secrecy::ExposeSecret as _;
use tower::{Service as _, service_fn};

use super::{
    error::WayError,
    proxy::{Login, MAX_SOCKS, Proxy, SOCKS_SERVER},
    stream::Duplex,
};

/// Opens a way to `server` over a connection with `proxy`, as `login` where there is one.
///
/// # Errors
///
/// Fails where the proxy refuses, wants a login, or answers with something else.
pub(super) async fn open<S: Duplex + 'static>(
    io: S,
    proxy: &Proxy,
    login: Option<&Login>,
    server: &Uri,
) -> Result<S, WayError> {
    let name = server.host().unwrap_or_default().len();
    let name = name.max(SOCKS_SERVER);
    if login.is_some_and(|login| login.len() + name > MAX_SOCKS) {
        return Err(WayError::LongLogin {
            proxy: proxy.to_string(),
            most: MAX_SOCKS,
        });
    }
    let mut held = Some(io);
    let given = service_fn(move |_: Uri| {
        let io = held
            .take()
            .ok_or_else(|| io::Error::other("one connection is one way"));
        async move { io }
    });
    let mut socks = SocksV5::new(Uri::from_static("socks5://proxy"), given);
    if let Some(login) = login {
        socks = socks.with_auth(
            login.user.expose_secret().to_owned(),
            login.password.expose_secret().to_owned(),
        );
    }
    let opened = socks.call(server.clone()).await;
    opened.map_err(|error| {
        let why = error.to_string();
        let why = why.strip_prefix("SOCKS error: ").unwrap_or(&why);
        failed(why, proxy, login.is_some(), server)
    })
}

/// Classifies an error of the library by its text, because the library has no error type.
fn failed(why: &str, proxy: &Proxy, sent: bool, server: &Uri) -> WayError {
    let proxy = proxy.to_string();
    if why.contains("authentication") || why.contains("credentials") {
        let how = if sent {
            why
        } else {
            "it opens no way without one"
        };
        return WayError::Login {
            proxy,
            sent,
            how: how.to_owned(),
            by_basic: true,
            page: false,
        };
    }
    if why.contains("parsing") || why.contains("io error") {
        let source = io::Error::other("it does not speak SOCKS5");
        return WayError::Odd {
            proxy,
            source: source.into(),
        };
    }
    WayError::Refused {
        proxy,
        server: server
            .authority()
            .map(ToString::to_string)
            .unwrap_or_default(),
        why: why.to_owned(),
    }
}
