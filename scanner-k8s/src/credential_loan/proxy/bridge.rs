//! Hands the bytes of an exec on in both directions, as they are.

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use scanner_core::audit::{Entry, TunnelEnd};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::api::tunnel::Tunnel;

/// Bytes that are read at once.
const CHUNK: usize = 16 << 10;

/// An exec that the server opened, and the client whose connection becomes it.
pub(super) struct Bridge {
    pub(super) upgrade: OnUpgrade,
    pub(super) tunnel: Tunnel,
}

impl Bridge {
    /// Runs until one side closes or fails. Dropping it closes both.
    pub(super) async fn run(self) {
        let Self { upgrade, tunnel } = self;
        let mut tally = Tally {
            tunnel,
            sent: 0,
            received: 0,
            outcome: "closed by secure-scan",
        };
        tally.outcome = match upgrade.await {
            Ok(client) => tally.copy(TokioIo::new(client)).await,
            Err(_) => "the program closed the connection",
        };
    }
}

/// Counts what goes through, and writes it down when it is dropped.
struct Tally {
    tunnel: Tunnel,
    sent: u64,
    received: u64,
    outcome: &'static str,
}

impl Tally {
    async fn copy(&mut self, client: impl AsyncRead + AsyncWrite) -> &'static str {
        let (mut from_client, mut to_client) = tokio::io::split(client);
        let (mut from_server, mut to_server) = tokio::io::split(&mut self.tunnel.stream);
        let (tap, sent, received) = (&self.tunnel.tap, &mut self.sent, &mut self.received);
        let up = async {
            let mut carry = Vec::new();
            let count = |data: &[u8]| {
                *sent += data.len() as u64;
                tap.look(true, &mut carry, data);
            };
            pump(&mut from_client, &mut to_server, count).await
        };
        let down = async {
            let mut carry = Vec::new();
            let count = |data: &[u8]| {
                *received += data.len() as u64;
                tap.look(false, &mut carry, data);
            };
            pump(&mut from_server, &mut to_client, count).await
        };
        tokio::pin!(up, down);
        tokio::select! {
            ended = &mut down => server_ended(&ended),
            ended = &mut up => match ended {
                // The program sends nothing more and still reads.
                Ok(()) => server_ended(&down.await),
                Err(_) => "the program's connection failed",
            },
        }
    }
}

fn server_ended(ended: &std::io::Result<()>) -> &'static str {
    match ended {
        Ok(()) => "the server closed the connection",
        Err(_) => "the server's connection failed, or the program reads no more",
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        let Some((log, id)) = self.tunnel.tap.call() else {
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

/// Copies until `from` ends, and then ends `to`.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut count: impl FnMut(&[u8]),
) -> std::io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let length = from.read(&mut buffer).await?;
        let Some(data @ [_, ..]) = buffer.get(..length) else {
            return to.shutdown().await;
        };
        count(data);
        to.write_all(data).await?;
        to.flush().await?;
    }
}
