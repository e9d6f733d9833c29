//! One exec, as the command in the container sees it.

use bytes::Bytes;
use scanner_inventory::{InventoryRequest, collector};
use serde_json::{Value, json};
use tokio::sync::mpsc;

pub(crate) const STDOUT: u8 = 1;
const STDERR: u8 = 2;
/// Bytes of one message.
const CHUNK: usize = 32 * 1024;

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// With this code.
    Code(i32),
    /// The container runtime could not run it, in its words.
    Failed(String),
    /// The stream ended without a status.
    Cut,
}

impl Exit {
    /// The words of runc for a program that is not in the container.
    pub fn not_found(program: &str) -> Self {
        let why = if program.contains('/') {
            format!("stat {program}: no such file or directory")
        } else {
            "executable file not found in $PATH".into()
        };
        Self::Failed(format!(
            "error executing command in container: failed to exec in container: failed to start exec \
             \"fake\": OCI runtime exec failed: exec failed: unable to start container process: exec: \
             {program:?}: {why}"
        ))
    }

    /// The status frame: a `metav1.Status`.
    pub(crate) fn status(&self, command: &[String]) -> Option<Value> {
        let metadata = json!({});
        Some(match self {
            Self::Code(0) => json!({"metadata": metadata, "status": "Success"}),
            Self::Code(code) => json!({
                "metadata": metadata, "status": "Failure", "reason": "NonZeroExitCode",
                "message": format!("command terminated with non-zero exit code: error executing command {command:?}, exit code {code}"),
                "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
            }),
            Self::Failed(message) => json!({
                "metadata": metadata, "status": "Failure", "reason": "InternalError", "code": 500,
                "message": format!("Internal error occurred: {message}"),
                "details": {"causes": [{"message": message}]},
            }),
            Self::Cut => return None,
        })
    }
}

/// One exec, as the command in the container sees it.
#[derive(Debug)]
pub struct Exec {
    command: Vec<String>,
    container: String,
    stdin: mpsc::Receiver<Bytes>,
    unread: Vec<u8>,
    out: mpsc::Sender<(u8, Bytes)>,
}

/// Whether the input ends as every script of the collector does.
fn is_script(input: &[u8]) -> bool {
    let line = input.strip_suffix(b"\n");
    line.is_some_and(|input| input.ends_with(collector::LAST_LINE.as_bytes()))
}

impl Exec {
    /// A command in a container: its input, and the receiver of its output, with the channel of each message.
    pub(crate) fn new(
        command: Vec<String>,
        container: String,
        stdin: mpsc::Receiver<Bytes>,
        out: mpsc::Sender<(u8, Bytes)>,
    ) -> Self {
        Self {
            command,
            container,
            stdin,
            unread: Vec::new(),
            out,
        }
    }

    /// The command and its arguments.
    pub fn command(&self) -> &[String] {
        &self.command
    }

    /// The container.
    pub fn container(&self) -> &str {
        &self.container
    }

    /// Everything that comes on standard input until the client closes it, or until a collector's script is complete: its
    /// sender keeps standard input open.
    pub async fn stdin_to_end(&mut self) -> Vec<u8> {
        let mut all = std::mem::take(&mut self.unread);
        while !is_script(&all) {
            let Some(bytes) = self.stdin.recv().await else {
                break;
            };
            all.extend_from_slice(&bytes);
        }
        all
    }

    /// The request on standard input, whose sender keeps that open; `None` if it ends before the request does.
    pub(crate) async fn request(&mut self) -> Option<InventoryRequest> {
        loop {
            if let Ok(request) = serde_json::from_slice(&self.unread) {
                return Some(request);
            }
            let bytes = self.stdin.recv().await?;
            self.unread.extend_from_slice(&bytes);
        }
    }

    /// The next line of standard input; `None` at its end.
    pub async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return Some(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            let bytes = self.stdin.recv().await?;
            self.unread.extend_from_slice(&bytes);
        }
    }

    /// Writes to standard output; a client that does not read holds it up.
    pub async fn print(&mut self, bytes: &[u8]) {
        self.send(STDOUT, bytes).await;
    }

    /// Writes to standard error.
    pub async fn print_error(&mut self, bytes: &[u8]) {
        self.send(STDERR, bytes).await;
    }

    async fn send(&mut self, channel: u8, bytes: &[u8]) {
        for chunk in bytes.chunks(CHUNK) {
            // If the client is gone, nobody listens.
            let _ = self
                .out
                .send((channel, Bytes::copy_from_slice(chunk)))
                .await;
        }
    }
}
