//! Reads the subject of a local scan: a thread reads, and its output is passed on as it arrives.

use std::{
    io::{self, BufWriter, Write},
    time::Duration,
};

use async_trait::async_trait;
use scanner_core::{
    AccessError, FailureKind, Remedy, TargetAccess,
    inventory::{InventoryRequest, parse::AnswerReader, sink::InventorySink, wire::WireError},
};
use scanner_probe::answer;
use tokio::{
    sync::mpsc::{Sender, channel},
    time::{Instant, timeout},
};

use super::source::Opened;
use crate::host::in_thread;

/// The nonce of an answer that never leaves this process.
const NONCE: &str = "local";
/// Bytes that the thread hands over at once.
const CHUNK: usize = 64 * 1024;
/// Most pieces that wait for the engines; the thread waits when there are more.
const WAITING: usize = 8;

pub(super) struct Reader {
    opened: Option<Opened>,
    limit: Duration,
}

impl Reader {
    pub(super) const fn new(opened: Opened, limit: Duration) -> Self {
        Self {
            opened: Some(opened),
            limit,
        }
    }

    fn too_late(&self) -> AccessError {
        let seconds = self.limit.as_secs();
        let message = format!("the scan took longer than {seconds} s and was given up");
        AccessError::new(FailureKind::TooLate, message).with_remedy(longer())
    }
}

#[async_trait]
impl TargetAccess for Reader {
    /// The limit is for reading: the time that the engines take does not count.
    async fn stream(
        &mut self,
        request: &InventoryRequest,
        sink: &mut dyn InventorySink,
    ) -> Result<(), AccessError> {
        let opened = self.opened.take().ok_or_else(|| {
            AccessError::new(FailureKind::Internal, "what is scanned was read before")
        })?;
        let (send, mut pieces) = channel(WAITING);
        let asked = request.clone();
        let read = in_thread("read", move || {
            let mut out = BufWriter::with_capacity(CHUNK, Pieces(send));
            answer(&opened.subject(), &asked, NONCE, &mut out)?;
            out.flush()
        });
        let read = read.map_err(|error| {
            AccessError::new(FailureKind::Internal, "cannot start a thread").with_source(error)
        })?;
        let mut reader = AnswerReader::new(scanner_probe::NAME, NONCE, request);
        let mut left = self.limit;
        loop {
            let begun = Instant::now();
            let piece = timeout(left, pieces.recv()).await;
            left = left.saturating_sub(begun.elapsed());
            match piece {
                Ok(Some(piece)) => reader.feed(&piece, sink).await.map_err(unusable)?,
                Ok(None) => break,
                Err(_) => return Err(self.too_late()),
            }
        }
        match timeout(left, read).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => return Err(unreadable(FailureKind::CommandFailed, error)),
            Ok(Err(_)) => {
                let message = "the reader panicked";
                return Err(AccessError::new(FailureKind::Internal, message));
            }
            Err(_) => return Err(self.too_late()),
        }
        let end = reader.end(sink).await.map_err(unusable)?;
        sink.end(end).await;
        Ok(())
    }

    async fn close(self: Box<Self>) {}
}

/// What to do if the time was too short.
pub(super) fn longer() -> Remedy {
    Remedy::advice("name a smaller directory or a profile that looks at less, or give it longer")
}

fn unusable(error: WireError) -> AccessError {
    unreadable(FailureKind::AnswerUnusable, error)
}

fn unreadable(
    kind: FailureKind,
    error: impl std::error::Error + Send + Sync + 'static,
) -> AccessError {
    AccessError::new(kind, "cannot read what is scanned").with_source(error)
}

/// Where the thread writes. It waits while the receiving side is busy, and fails when that is gone.
struct Pieces(Sender<Vec<u8>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(bytes.to_vec());
        sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
