//! One connection with a server, whose first byte shows whether TLS answers.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{self, Connected};

use super::error::WayError;

/// First bytes of TLS records: change of cipher, alert, handshake, data.
const TLS: std::ops::RangeInclusive<u8> = 20..=23;

/// Bytes in both directions.
pub(super) trait Duplex: Read + Write + Send + Unpin {}
impl<T: Read + Write + Send + Unpin> Duplex for T {}

/// A connection, through a proxy or not.
pub(in crate::api) struct Stream {
    io: Box<dyn Duplex>,
    /// What to say if the first byte is not that of TLS; nothing once it was seen.
    unseen: Option<Unseen>,
}

/// What is known of a connection before its first byte.
pub(super) struct Unseen {
    /// The proxy that opened it.
    pub(super) proxy: Option<String>,
    /// Whether the proxy said that a page for a person follows.
    pub(super) page: bool,
}

impl Stream {
    pub(super) fn new(io: impl Duplex + 'static, unseen: Unseen) -> Self {
        Self {
            io: Box::new(io),
            unseen: Some(unseen),
        }
    }
}

impl Unseen {
    fn of(self, first: u8) -> Result<(), WayError> {
        if TLS.contains(&first) {
            return Ok(());
        }
        // A page begins with a tag, a mark of its encoding or an empty line.
        let is_page = self.page || first == b'<' || first == 0xef || first.is_ascii_whitespace();
        Err(match self.proxy {
            Some(proxy) if is_page => WayError::Page {
                proxy,
                status: None,
            },
            _ => WayError::NoTls,
        })
    }
}

impl connect::Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unseen.is_none() || buffer.remaining() == 0 {
            return Pin::new(&mut *self.io).poll_read(context, buffer);
        }
        let mut first = [0; 1];
        let mut one = ReadBuf::new(&mut first);
        ready!(Pin::new(&mut *self.io).poll_read(context, one.unfilled()))?;
        if let Some(&byte) = one.filled().first() {
            if let Some(unseen) = self.unseen.take() {
                unseen.of(byte).map_err(io::Error::other)?;
            }
            buffer.put_slice(&[byte]);
        }
        Poll::Ready(Ok(()))
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.io).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.io).poll_write_vectored(context, parts)
    }
}
