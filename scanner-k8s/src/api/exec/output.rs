//! Where standard output goes as it comes.

use std::error::Error;

use async_trait::async_trait;

/// Why a reader does not want what came.
pub type Refusal = Box<dyn Error + Send + Sync>;

/// Takes standard output as it comes, so that nobody has to hold all of it.
///
/// While it takes a chunk, nothing more is read from the connection: a reader that is slow slows the command down, and
/// its time does not count as silence of the command.
#[async_trait]
pub trait Output: Send {
    /// Takes what came next. Chunks end where the connection cut them, and none is empty.
    ///
    /// # Errors
    ///
    /// Fails when the reader wants no more of it. The run then ends at once with
    /// [`ExecError::Refused`](super::ExecError::Refused), which has this error as its source.
    async fn chunk(&mut self, bytes: &[u8]) -> Result<(), Refusal>;

    /// Whether the output is complete, for a command that waits for the end of its standard input so that no output is lost
    /// when it ends. If it is, standard input is closed.
    fn is_whole(&self) -> bool {
        false
    }

    /// Whether closing standard input ends the command, so that its exit says nothing about its output.
    fn is_ended_by_reader(&self) -> bool {
        false
    }
}

/// Keeps everything; [`Limits::bytes`](super::Limits::bytes) bounds how much that is.
#[derive(Debug, Default)]
pub(super) struct Gather(pub(super) Vec<u8>);

#[async_trait]
impl Output for Gather {
    async fn chunk(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}
