//! The way to a server: straight, or through a proxy. TLS with the server itself goes through either, end to end.

mod connector;
mod environment;
mod error;
mod http_connect;
mod no_proxy;
pub(super) mod page;
mod proxy;
mod socks;
mod stream;

pub(super) use connector::Way;
pub(super) use environment::proxy_for;
pub(super) use error::WayError;
pub(super) use proxy::{BadProxy, Proxy};
