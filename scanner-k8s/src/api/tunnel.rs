//! An exec for another program: opened as that program requested it, and then passed on byte by byte.
//!
//! Both protocols of an exec, WebSocket and the older SPDY, are an upgrade of one HTTP/1.1 request. What follows the answer
//! 101 belongs to the client and the server alone, so that half-closed channels and frames stay as they are.

use std::io;

use form_urlencoded::Serializer;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode,
    header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_PROTOCOL, UPGRADE},
};
use http_body_util::{BodyExt as _, Limited};
use hyper_util::rt::TokioIo;
use kube::{Client, client::Body, core::Status};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::api::{
    call::{CallError, call},
    exec::Place,
    stream_tap::StreamTap,
};

/// Largest answer that is read where the server refuses, in bytes.
const MAX_REFUSAL: usize = 64 << 10;

/// Protocol versions of SPDY that client and server agree on.
pub(crate) const STREAM_VERSION: HeaderName = HeaderName::from_static("x-stream-protocol-version");

/// Headers of the server's answer that the client needs.
const ANSWERED: [HeaderName; 5] = [
    CONNECTION,
    UPGRADE,
    SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_PROTOCOL,
    STREAM_VERSION,
];

/// What another program asks for, read and written anew: no byte of its own URL goes to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExecAsked {
    /// GET or POST.
    pub(crate) method: Method,
    /// The command and its arguments.
    pub(crate) argv: Vec<String>,
    pub(crate) streams: Streams,
    /// Whether it wants a terminal.
    pub(crate) terminal: bool,
    /// The headers of the upgrade.
    pub(crate) upgrade: HeaderMap,
}

/// Which streams of a command are wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Streams {
    pub(crate) stdin: bool,
    pub(crate) stdout: bool,
    pub(crate) stderr: bool,
}

impl ExecAsked {
    /// Path and query of this exec in `place`.
    fn uri(&self, place: Place<'_>) -> String {
        let mut query = Serializer::new(String::new());
        query.append_pair("container", place.container);
        for word in &self.argv {
            query.append_pair("command", word);
        }
        let streams = [
            ("stdin", self.streams.stdin),
            ("stdout", self.streams.stdout),
            ("stderr", self.streams.stderr),
            ("tty", self.terminal),
        ];
        for (name, _) in streams.iter().filter(|(_, wanted)| *wanted) {
            query.append_pair(name, "true");
        }
        format!(
            "/api/v1/namespaces/{}/pods/{}/exec?{}",
            place.namespace,
            place.pod,
            query.finish()
        )
    }
}

/// A connection in both directions.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// An exec that the server opened.
pub(crate) struct Tunnel {
    /// Headers of the server's answer for the client.
    pub(crate) headers: HeaderMap,
    pub(crate) stream: Box<dyn Duplex>,
    /// Ties the stream to its call in the audit log.
    pub(crate) tap: StreamTap,
}

/// Opens `asked` in `place`.
///
/// # Errors
///
/// Fails when the server refuses it, answers with another protocol, or does not answer in time.
pub(in crate::api) async fn open(
    client: &Client,
    what: String,
    place: Place<'_>,
    asked: &ExecAsked,
) -> Result<Tunnel, CallError> {
    let tap = StreamTap::default();
    let request = Request::builder()
        .method(asked.method.clone())
        .uri(asked.uri(place))
        .body(Body::empty())
        .map_err(kube::Error::HttpError);
    let opened = async {
        let mut request = request?;
        request.headers_mut().extend(asked.upgrade.clone());
        request.extensions_mut().insert(tap.clone());
        let response = upgraded(client.send(request).await?, asked).await?;
        let headers = ANSWERED
            .iter()
            .flat_map(|name| {
                let values = response.headers().get_all(name).iter();
                values.map(|value| (name.clone(), value.clone()))
            })
            .collect();
        let stream = hyper::upgrade::on(response).await.map_err(|error| {
            let what = format!("the server's connection was not handed over: {error}");
            kube::Error::Service(what.into())
        })?;
        let stream: Box<dyn Duplex> = Box::new(TokioIo::new(stream));
        Ok((headers, stream))
    };
    let (headers, stream) = call(what, opened).await.map_err(CallError::of_exec)?;
    Ok(Tunnel {
        headers,
        stream,
        tap,
    })
}

/// An answer that upgrades to the protocol that was asked for.
async fn upgraded(response: Response<Body>, asked: &ExecAsked) -> kube::Result<Response<Body>> {
    let status = response.status();
    if status == StatusCode::SWITCHING_PROTOCOLS {
        let lower = |headers: &HeaderMap| {
            let value = headers.get(UPGRADE).map(HeaderValue::as_bytes);
            value.map(<[u8]>::to_ascii_lowercase)
        };
        if lower(response.headers()) == lower(&asked.upgrade) {
            return Ok(response);
        }
        let error = io::Error::other("the server switched to another protocol");
        return Err(kube::Error::Service(error.into()));
    }
    let body = Limited::new(response.into_body(), MAX_REFUSAL);
    let body = body.collect().await.map_err(kube::Error::Service)?;
    let body = body.to_bytes();
    let refusal = serde_json::from_slice::<Status>(&body).unwrap_or_else(|_| {
        let text = String::from_utf8_lossy(&body);
        Status::failure(text.trim(), "Unknown")
    });
    // What the status line says holds.
    Err(kube::Error::Api(refusal.with_code(status.as_u16()).boxed()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_a_command_reaches_the_server_as_one_word() {
        let words = [
            "sh",
            "-c",
            "a=1&container=other;é+%2B #\n",
            "",
            "container=x",
        ];
        let asked = ExecAsked {
            method: Method::GET,
            argv: words.map(str::to_owned).into(),
            streams: Streams {
                stdin: true,
                stdout: true,
                stderr: false,
            },
            terminal: false,
            upgrade: HeaderMap::new(),
        };
        let place = Place {
            namespace: "shop",
            pod: "web",
            container: "app",
        };
        let uri = asked.uri(place);
        let parsed: http::Uri = uri.parse().unwrap();
        assert_eq!(parsed.path(), "/api/v1/namespaces/shop/pods/web/exec");
        let pairs: Vec<(String, String)> =
            form_urlencoded::parse(parsed.query().unwrap().as_bytes())
                .into_owned()
                .collect();
        let of = |key: &str| -> Vec<&str> {
            let found = pairs.iter().filter(|(name, _)| name == key);
            found.map(|(_, value)| value.as_str()).collect()
        };
        assert_eq!(of("command"), words);
        assert_eq!(of("container"), ["app"]);
        assert_eq!((of("stdin"), of("stdout")), (vec!["true"], vec!["true"]));
        assert!(of("stderr").is_empty() && of("tty").is_empty());
    }
}
