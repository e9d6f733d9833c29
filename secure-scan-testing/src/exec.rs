//! The server half of an exec: WebSocket with subprotocol `v5.channel.k8s.io`.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role},
};

use crate::{agent, cluster::FakeCluster, kubelet::Run, target::Target};

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const STATUS: u8 = 3;
const CLOSE: u8 = 255;
/// Bytes of one message.
const CHUNK: usize = 32 * 1024;
/// Messages that are under way in each direction.
const UNDER_WAY: usize = 64;
/// How long the server waits for the client to close.
const CLOSING: Duration = Duration::from_secs(1);

/// The subprotocol that the fake speaks.
pub(crate) const PROTOCOL: &str = "v5.channel.k8s.io";

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
    fn status(&self, command: &[String]) -> Option<Value> {
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

impl Exec {
    /// The command and its arguments.
    pub fn command(&self) -> &[String] {
        &self.command
    }

    /// The container.
    pub fn container(&self) -> &str {
        &self.container
    }

    /// Everything that comes on standard input until the client closes it.
    pub async fn stdin_to_end(&mut self) -> Vec<u8> {
        let mut all = std::mem::take(&mut self.unread);
        while let Some(bytes) = self.stdin.recv().await {
            all.extend_from_slice(&bytes);
        }
        all
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
            // Where the client is gone, nobody listens.
            let _ = self
                .out
                .send((channel, Bytes::copy_from_slice(chunk)))
                .await;
        }
    }
}

/// What an exec is in.
pub(crate) struct Place {
    pub(crate) pod: Value,
    pub(crate) container: String,
    pub(crate) command: Vec<String>,
    pub(crate) stdin: bool,
    pub(crate) target: Target,
    pub(crate) run: Option<Run>,
}

/// Serves one exec, once the connection was upgraded.
pub(crate) async fn serve(cluster: FakeCluster, upgrade: OnUpgrade, place: Place) {
    let Ok(upgraded) = upgrade.await else { return };
    let stream = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
    let (mut sink, mut messages) = stream.split();
    let (input, stdin) = mpsc::channel(UNDER_WAY);
    let (out, mut output) = mpsc::channel(UNDER_WAY);
    let (left, mut gone) = tokio::sync::oneshot::channel::<()>();
    let reads = place.stdin;
    let reader = tokio::spawn(async move {
        let mut input = Some(input).filter(|_| reads);
        while let Some(Ok(message)) = messages.next().await {
            match message {
                Message::Binary(message) => match (message.first(), message.get(1)) {
                    (Some(&STDIN), Some(_)) => {
                        if let Some(input) = &input {
                            // A command that ended takes no more.
                            let _ = input.send(message.slice(1..)).await;
                        }
                    }
                    (Some(&CLOSE), Some(&STDIN)) => input = None,
                    _ => {}
                },
                Message::Close(_) => break,
                _ => {}
            }
        }
        drop(left);
    });
    let command = place.command.clone();
    let entered = place.run.as_ref().map(Run::enter);
    let mut life = place.run.as_ref().map(|run| run.life.subscribe());
    let exec = Exec {
        command: place.command.clone(),
        container: place.container.clone(),
        stdin,
        unread: Vec::new(),
        out,
    };
    // As a kubelet does it, so that a client knows at once that the stream is there.
    let opened = sink.send(Message::Binary(vec![STDOUT].into())).await;
    let mut program = Box::pin(agent::run(cluster, place, exec));
    let mut exit = opened.err().map(|_| Exit::Cut);
    while exit.is_none() {
        let killed = async {
            match &mut life {
                Some(life) => drop(life.wait_for(|life| life.killed).await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some((channel, bytes)) = output.recv() => {
                if sink.send(frame(channel, &bytes)).await.is_err() {
                    exit = Some(Exit::Cut);
                }
            }
            _ = &mut gone => exit = Some(Exit::Cut),
            ended = &mut program => exit = Some(ended),
            () = killed => exit = Some(Exit::Code(137)),
        }
    }
    drop(program);
    let mut open = true;
    while let Ok((channel, bytes)) = output.try_recv() {
        open &= sink.send(frame(channel, &bytes)).await.is_ok();
    }
    drop(entered);
    let status = exit.and_then(|exit| exit.status(&command));
    // Without a status the stream is cut: the connection ends without a word.
    if let Some(status) = status.filter(|_| open) {
        let status = frame(STATUS, status.to_string().as_bytes());
        let _ = sink.send(status).await;
        let _ = sink.close().await;
        let _ = tokio::time::timeout(CLOSING, gone).await;
    }
    // It has the other half of the connection.
    reader.abort();
}

fn frame(channel: u8, bytes: &[u8]) -> Message {
    let mut message = Vec::with_capacity(bytes.len() + 1);
    message.push(channel);
    message.extend_from_slice(bytes);
    Message::Binary(message.into())
}
