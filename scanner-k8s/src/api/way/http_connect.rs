//! Opens a way through an HTTP proxy: CONNECT, which names the server and nothing else of what is sent there.

use std::time::Duration;

use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri,
    header::{self, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION},
};
use http_body_util::{BodyExt as _, Empty};
use hyper::{
    body::{Bytes, Incoming},
    client::conn::http1,
    upgrade::Upgraded,
};
use scanner_core::escape::visible;
use tokio::time::timeout;
use tower::BoxError;

use super::{
    error::WayError,
    page,
    proxy::{Login, Proxy},
    stream::Duplex,
};
use crate::names::USER_AGENT;

/// Longest head of a proxy's answer, in bytes.
const MAX_HEAD: usize = 16 << 10;

/// Most of the body of a refusal that is read, in bytes, and how long: a page is known by how it begins.
const MAX_BEGUN: usize = 512;
const BEGINS_WITHIN: Duration = Duration::from_secs(1);

/// What came of CONNECT: bytes to and from the server, and whether the proxy said that a page follows.
pub(super) struct Opened {
    pub(super) io: Upgraded,
    pub(super) page: bool,
}

/// Opens a way to `server`, a host and a port, over a connection with `proxy`.
///
/// # Errors
///
/// Fails where the proxy refuses, wants a login, or answers with something else.
pub(super) async fn open(
    io: impl Duplex + 'static,
    proxy: &Proxy,
    server: &str,
) -> Result<Opened, WayError> {
    let odd = |source: BoxError| WayError::Odd {
        proxy: proxy.to_string(),
        source,
    };
    let mut builder = http1::Builder::new();
    // Some know names of headers in no other case.
    builder.max_buf_size(MAX_HEAD).title_case_headers(true);
    let (mut sender, connection) = builder.handshake(io).await.map_err(|e| odd(e.into()))?;
    // Ends with the answer, or with `sender`.
    tokio::spawn(connection.with_upgrades());
    let request = request(proxy, server).map_err(|e| odd(e.into()))?;
    let answer = sender.send_request(request).await;
    let answer = answer.map_err(|e| odd(e.into()))?;
    if !answer.status().is_success() {
        return Err(refused(answer, proxy, server).await);
    }
    let page = page::is_announced(answer.headers());
    let io = hyper::upgrade::on(answer).await;
    let io = io.map_err(|e| odd(e.into()))?;
    Ok(Opened { io, page })
}

fn request(proxy: &Proxy, server: &str) -> http::Result<Request<Empty<Bytes>>> {
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .uri(server.parse::<Uri>()?)
        .header(HOST, server)
        .header(header::USER_AGENT, USER_AGENT)
        .body(Empty::new())?;
    if let Some(basic) = proxy.login.as_ref().and_then(Login::basic) {
        request.headers_mut().insert(PROXY_AUTHORIZATION, basic);
    }
    Ok(request)
}

/// What an answer other than success means.
async fn refused(answer: Response<Incoming>, proxy: &Proxy, server: &str) -> WayError {
    let (status, mut page) = (answer.status(), page::is_announced(answer.headers()));
    let how = schemes(answer.headers());
    // An HTML page of 500 and above is no login, but says that the proxy fails.
    if !page && !status.is_server_error() {
        page = page::is_begun(&beginning(answer.into_body()).await);
    }
    let proxy_name = proxy.to_string();
    if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        return WayError::Login {
            proxy: proxy_name,
            sent: proxy.login.is_some(),
            by_basic: how.as_ref().is_none_or(|(_, basic)| *basic),
            how: how.map_or_else(|| status.to_string(), |(how, _)| how),
            page,
        };
    }
    if status.is_redirection() || (page && !status.is_server_error()) {
        return WayError::Page {
            proxy: proxy_name,
            status: Some(status),
        };
    }
    WayError::Refused {
        proxy: proxy_name,
        server: server.to_owned(),
        why: status.to_string(),
    }
}

/// How a body begins: as much of it as comes in time.
async fn beginning(mut body: Incoming) -> Vec<u8> {
    let mut begun = Vec::new();
    let reading = async {
        while begun.len() < MAX_BEGUN && !page::is_decided(&begun) {
            let Some(Ok(frame)) = body.frame().await else {
                break;
            };
            begun.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
        }
    };
    // What came until then is enough to know.
    let _ = timeout(BEGINS_WITHIN, reading).await;
    begun
}

/// How a proxy lets clients log in, in its own words, and whether Basic is among it.
fn schemes(headers: &HeaderMap) -> Option<(String, bool)> {
    let offers = headers.get_all(PROXY_AUTHENTICATE).iter();
    // A header may name several (RFC 9110, section 11.6.1); what has no "=" in its first word is one.
    let named: Vec<&str> = offers
        .filter_map(|value: &HeaderValue| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|offer| offer.split_whitespace().next())
        .filter(|word| !word.contains('='))
        .collect();
    let basic = named.iter().any(|word| word.eq_ignore_ascii_case("basic"));
    let words = named.iter().take(5).map(|word| visible(word, 20));
    let words: Vec<String> = words.collect();
    let only = if basic {
        ""
    } else {
        ", and only Basic is supported here"
    };
    (!words.is_empty()).then(|| (format!("407 by {}{only}", words.join(" or ")), basic))
}
