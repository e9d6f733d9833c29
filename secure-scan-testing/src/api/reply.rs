//! The result of a request, before it becomes a response.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::StreamExt as _;
use http_body_util::{BodyExt as _, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;
use serde_json::Value;

use crate::agent::Place;

pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// The result of a request.
pub(super) enum Reply {
    Json(u16, Value),
    /// Watch events, line by line.
    Stream(Body),
    /// A WebSocket: the answer to its key, and what is served on it.
    Upgrade(String, Box<Place>),
}

/// A body of values that come one by one, each a line.
pub(super) fn lines(values: impl futures_util::Stream<Item = Value> + Send + 'static) -> Body {
    let frames = values.map(|value| Ok(Frame::data(Bytes::from(format!("{value}\n")))));
    StreamBody::new(frames).boxed_unsync()
}
