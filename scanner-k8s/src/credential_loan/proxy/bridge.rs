//! Hands the bytes of an exec on in both directions, as they are.

use std::time::Duration;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use scanner_core::audit::{Entry, TunnelEnd};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy, sink, split},
    time::timeout,
};

use crate::api::{
    stream_tap::StreamTap,
    tunnel::{Duplex, Tunnel},
};

/// Bytes that are read at once.
const CHUNK: usize = 16 << 10;
/// How long the program may take to read the last of an exec, and to close its side, once the server's side has ended.
const LINGER: Duration = Duration::from_secs(30);

/// An exec that the server opened, and the client whose connection becomes it. When it is dropped, both sides are closed and
/// its end is written down.
pub(super) struct Bridge {
    upgrade: OnUpgrade,
    server: Box<dyn Duplex>,
    tally: Tally,
}

impl Bridge {
    pub(super) fn new(upgrade: OnUpgrade, tunnel: Tunnel) -> Self {
        Self {
            upgrade,
            server: tunnel.stream,
            tally: Tally {
                tap: tunnel.tap,
                sent: 0,
                received: 0,
                outcome: "closed by secure-scan",
            },
        }
    }

    /// Runs until one side closes or fails.
    pub(super) async fn run(self) {
        let (upgrade, server, mut tally) = (self.upgrade, self.server, self.tally);
        match upgrade.await {
            Ok(client) => tally.copy(TokioIo::new(client), server).await,
            Err(_) => tally.outcome = LEFT,
        }
    }

    /// Ends the exec if the program's connection ended before it became this exec.
    pub(super) fn left(mut self) {
        self.tally.outcome = LEFT;
    }
}

const LEFT: &str = "the program closed the connection";

/// Counts what goes through, and writes it down when it is dropped.
struct Tally {
    tap: StreamTap,
    sent: u64,
    received: u64,
    outcome: &'static str,
}

impl Tally {
    async fn copy(
        &mut self,
        client: impl AsyncRead + AsyncWrite,
        server: impl AsyncRead + AsyncWrite,
    ) {
        let (mut from_client, mut to_client) = split(client);
        let (from_server, to_server) = split(server);
        let Self {
            tap,
            sent,
            received,
            outcome,
        } = self;
        let ended = {
            let up = async {
                let mut carry = Vec::new();
                let count = |data: &[u8]| {
                    *sent += data.len() as u64;
                    tap.look(true, &mut carry, data);
                };
                // A server that takes no more may still send: the program is read on, and what it sends is discarded.
                pump(&mut from_client, to_server, true, count).await
            };
            let down = async {
                let mut carry = Vec::new();
                let count = |data: &[u8]| {
                    *received += data.len() as u64;
                    tap.look(false, &mut carry, data);
                };
                pump(from_server, &mut to_client, false, count).await
            };
            tokio::pin!(up, down);
            tokio::select! {
                ended = &mut down => Some(ended),
                ended = &mut up => match ended {
                    // The program sends nothing more and still reads.
                    Ended::Closed => Some(down.await),
                    Ended::Unread | Ended::Unwritten => None,
                },
            }
        };
        let (words, lingers) = match ended {
            Some(Ended::Closed) => ("the server closed the connection", true),
            Some(Ended::Unread) => ("the server's connection failed", true),
            Some(Ended::Unwritten) => ("the program reads no more", false),
            None => ("the program's connection failed", false),
        };
        *outcome = words;
        if !lingers {
            return;
        }
        // A connection that is closed while something in it is unread loses what was sent last.
        let linger = async {
            let _ = to_client.shutdown().await;
            let _ = copy(&mut from_client, &mut sink()).await;
        };
        let _ = timeout(LINGER, linger).await;
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        let Some((log, id)) = self.tap.call() else {
            return;
        };
        log.record(Entry::Tunnel(TunnelEnd {
            id: id.to_owned(),
            sent_bytes: self.sent,
            received_bytes: self.received,
            outcome: self.outcome.into(),
        }));
    }
}

/// Why no more is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// There is no more.
    Closed,
    /// No more can be read.
    Unread,
    /// What was read cannot be written.
    Unwritten,
}

/// Copies until `from` ends or fails, and then ends `to`. If `to` stops accepting data, the copy ends, or, with
/// `discards`, reads the rest of `from` and throws it away.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    discards: bool,
    mut count: impl FnMut(&[u8]),
) -> Ended {
    let mut buffer = vec![0; CHUNK];
    let mut takes = true;
    loop {
        let Ok(length) = from.read(&mut buffer).await else {
            return Ended::Unread;
        };
        let Some(data @ [_, ..]) = buffer.get(..length) else {
            if takes {
                let _ = to.shutdown().await;
            }
            return Ended::Closed;
        };
        if takes {
            count(data);
            takes = to.write_all(data).await.is_ok() && to.flush().await.is_ok();
        }
        if !(takes || discards) {
            return Ended::Unwritten;
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::{
        io::{Error, ErrorKind, Result},
        pin::Pin,
        task::{Context, Poll, ready},
    };

    use tokio::{
        io::{DuplexStream, ReadBuf, duplex},
        time::{Instant, sleep},
    };

    use super::*;

    /// A connection that fails in one direction.
    pub(in crate::credential_loan::proxy) struct Broken {
        pub(in crate::credential_loan::proxy) inner: DuplexStream,
        /// Whether what is written to it fails.
        pub(in crate::credential_loan::proxy) written: bool,
        /// Whether reading it fails where it would end.
        pub(in crate::credential_loan::proxy) read: bool,
    }

    impl AsyncRead for Broken {
        fn poll_read(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<Result<()>> {
            let before = buffer.filled().len();
            ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
            Poll::Ready(if self.read && buffer.filled().len() == before {
                Err(Error::from(ErrorKind::ConnectionReset))
            } else {
                Ok(())
            })
        }
    }

    impl AsyncWrite for Broken {
        fn poll_write(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            data: &[u8],
        ) -> Poll<Result<usize>> {
            if self.written {
                return Poll::Ready(Err(Error::from(ErrorKind::BrokenPipe)));
            }
            Pin::new(&mut self.inner).poll_write(context, data)
        }

        fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
            Pin::new(&mut self.inner).poll_flush(context)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
            Pin::new(&mut self.inner).poll_shutdown(context)
        }
    }

    /// Both ends of a connection, of which one is broken.
    fn broken(written: bool, read: bool) -> (Broken, DuplexStream) {
        let (inner, peer) = duplex(4096);
        let broken = Broken {
            inner,
            written,
            read,
        };
        (broken, peer)
    }

    fn tally() -> Tally {
        Tally {
            tap: StreamTap::default(),
            sent: 0,
            received: 0,
            outcome: "open",
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_takes_no_more_is_still_read_to_its_end() {
        let (client, mut program) = duplex(64);
        let (server, mut node) = broken(true, false);
        let script = async {
            // More than fits: who sends it can only end if it is read.
            program.write_all(&[1; 1000]).await.unwrap();
            node.write_all(b"last words").await.unwrap();
            drop(node);
            let mut got = Vec::new();
            program.read_to_end(&mut got).await.unwrap();
            drop(program);
            got
        };
        let mut tally = tally();
        let ((), got) = tokio::join!(tally.copy(client, server), script);
        assert_eq!(got, b"last words");
        assert_eq!(tally.received, 10);
        assert_eq!(tally.outcome, "the server closed the connection");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_fails_has_what_it_sent_before_read() {
        let (client, mut program) = duplex(4096);
        let (server, mut node) = broken(false, true);
        node.write_all(b"last words").await.unwrap();
        drop(node);
        let script = async {
            let mut got = Vec::new();
            program.read_to_end(&mut got).await.unwrap();
            drop(program);
            got
        };
        let mut tally = tally();
        let ((), got) = tokio::join!(tally.copy(client, server), script);
        assert_eq!(got, b"last words");
        assert_eq!(tally.outcome, "the server's connection failed");
    }

    #[tokio::test(start_paused = true)]
    async fn a_program_that_fails_ends_an_exec_at_once() {
        for (written, read, outcome) in [
            (true, false, "the program reads no more"),
            (false, true, "the program's connection failed"),
        ] {
            let (client, program) = broken(written, read);
            let (server, mut node) = duplex(4096);
            // What the program does not take; or its end, which is a failure.
            let open = if written {
                node.write_all(b"answer").await.unwrap();
                Some(program)
            } else {
                drop(program);
                None
            };
            let (mut tally, started) = (tally(), Instant::now());
            tally.copy(client, server).await;
            assert_eq!(tally.outcome, outcome);
            assert!(started.elapsed() < LINGER, "{outcome}");
            let end = node.read(&mut [0; 1]).await.unwrap();
            assert_eq!(end, 0, "the server's side is closed");
            drop(open);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_program_that_never_closes_its_side_is_waited_for_in_bounds() {
        // One that is silent, and one that sends without end.
        for floods in [false, true] {
            let (client, mut program) = duplex(4096);
            let (server, mut node) = duplex(4096);
            node.write_all(b"last").await.unwrap();
            drop(node);
            let flood = async {
                while floods && program.write_all(&[0; 512]).await.is_ok() {
                    sleep(Duration::from_millis(100)).await;
                }
                sleep(LINGER * 2).await;
            };
            let (mut tally, started) = (tally(), Instant::now());
            tokio::select! {
                () = tally.copy(client, server) => {}
                () = flood => panic!("it is waited for without end"),
            }
            let waited = started.elapsed();
            assert!(waited >= LINGER && waited < LINGER * 2, "{waited:?}");
            let mut got = Vec::new();
            program.read_to_end(&mut got).await.unwrap();
            assert_eq!(got, b"last");
            assert_eq!(tally.outcome, "the server closed the connection");
        }
    }
}
