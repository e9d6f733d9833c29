//! A shell in a child process, with bounds on its answer and its time.

use std::{io, path::Path, process::Stdio, time::Duration};

use scanner_core::{AccessError, FailureKind, inventory::collector};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, Command},
    time::timeout,
};

/// Longest answer in bytes.
const MAX_ANSWER: u64 = 64 << 20;
/// Longest time for an answer.
const LIMIT: Duration = Duration::from_mins(2);

/// A shell that waits for its script.
pub(super) struct Shell(Child);

impl Shell {
    /// Starts it with nothing of this process's environment.
    pub(super) fn start(folder: &Path) -> io::Result<Self> {
        let [program, arguments @ ..] = collector::COMMAND;
        let child = Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self(child))
    }

    /// Sends the script and reads everything that it prints.
    pub(super) async fn ask(&mut self, script: &str) -> Result<Vec<u8>, AccessError> {
        let (stdin, stdout) = (self.0.stdin.take(), self.0.stdout.take());
        let (Some(mut stdin), Some(stdout)) = (stdin, stdout) else {
            return Err(AccessError::new(
                FailureKind::Internal,
                "the shell was asked twice",
            ));
        };
        // Both at once: a shell that prints before it has read everything would wait for ever.
        let send = async move { stdin.write_all(script.as_bytes()).await };
        let receive = async move {
            let mut answer = Vec::new();
            // One more than is allowed shows that there was more.
            stdout.take(MAX_ANSWER + 1).read_to_end(&mut answer).await?;
            Ok(answer)
        };
        let both = timeout(LIMIT, async { tokio::try_join!(send, receive) });
        let failed = |kind, message: &str| AccessError::new(kind, message);
        let answer = both
            .await
            .map_err(|_| failed(FailureKind::TooLate, "the shell did not answer in time"))?;
        let ((), answer) = answer.map_err(|error: io::Error| {
            failed(FailureKind::Cut, "the shell ended early").with_source(error)
        })?;
        if answer.len() as u64 > MAX_ANSWER {
            return Err(failed(
                FailureKind::TooLong,
                "the shell answered more than is allowed",
            ));
        }
        Ok(answer)
    }

    /// Ends it. What it started ends at its next line, since nobody reads any more.
    pub(super) async fn end(mut self) {
        // It fails where the shell has ended, which is what is wanted.
        let _ = self.0.kill().await;
    }
}
