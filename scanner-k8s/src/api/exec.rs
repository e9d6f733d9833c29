//! A bounded exec client over the v5 WebSocket channel protocol.
//!
//! Streams of an exec can end early without an error, so a run only counts when its status frame
//! was seen. Bytes and time are bounded against a hostile other side. See
//! `k8s.io/apimachinery/pkg/util/remotecommand` for the channels.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Client,
    api::{AttachParams, Request},
};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use crate::api::{
    call::{CallError, call},
    stream_tap::StreamTap,
};

mod channel;
mod error;
mod limits;
mod lines;
mod output;
mod socket;
mod status;
mod tally;

use channel::{CLOSE, STATUS, STDERR, STDIN, STDOUT};
pub use error::{ExecError, ExecErrorKind};
pub use limits::Limits;
use limits::Silence;
use output::Gather;
pub use output::{Output, Refusal};
use socket::Socket;
use status::evaluate;
use tally::Tally;

/// How long a command may take to end once its standard input has.
const ENDS: Duration = Duration::from_secs(3);

/// An open stream into one container; the server has checked the credential already.
pub struct ExecStream {
    socket: Socket,
    tally: Tally,
    /// Output that arrived and was not read as a line yet.
    unread: Vec<u8>,
    /// Whether the command may still wait for the end of its standard input.
    takes_input: bool,
}

/// One container.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) namespace: &'a str,
    pub(super) pod: &'a str,
    pub(super) container: &'a str,
}

/// Opens an exec of `argv` in `place`; `what` says in an error what was tried.
///
/// # Errors
///
/// Fails when the server refuses it. Does not fail when the command does not exist: the run does.
pub(super) async fn open(
    client: &Client,
    what: String,
    place: Place<'_>,
    argv: &[&str],
) -> Result<ExecStream, ExecError> {
    let params = AttachParams::default()
        .container(place.container)
        .stdin(true)
        .stdout(true)
        .stderr(true);
    let url = <Pod as kube::Resource>::url_path(&(), Some(place.namespace));
    let request = Request::new(url).exec(place.pod, argv.iter().copied(), &params);
    let tap = StreamTap::default();
    let connect = async {
        let mut request = request.map_err(kube::Error::BuildRequest)?;
        request.extensions_mut().insert(tap.clone());
        client.connect(request).await
    };
    let connection = call(what, connect).await.map_err(CallError::of_exec)?;
    Ok(ExecStream {
        socket: Socket::new(connection.into_stream()),
        tally: Tally::new(tap),
        unread: Vec::new(),
        takes_input: true,
    })
}

impl ExecStream {
    /// Sends `stdin`, closes it, and returns standard output once the command succeeded.
    ///
    /// # Errors
    ///
    /// Fails when anything is cut, too long, too late, or the command did not succeed.
    pub async fn run(&mut self, stdin: &[u8], limits: Limits) -> Result<Vec<u8>, ExecError> {
        let mut all = Gather::default();
        self.run_into(stdin, limits, &mut all).await?;
        Ok(all.0)
    }

    /// The same, but hands standard output to `output` as it arrives. Output counts only if this returns without an error.
    ///
    /// # Errors
    ///
    /// As [`ExecStream::run`], and when `output` refuses a chunk. The caller then closes the stream as after any other run.
    pub async fn run_into(
        &mut self,
        stdin: &[u8],
        limits: Limits,
        output: &mut dyn Output,
    ) -> Result<(), ExecError> {
        self.bounded(stdin, false, limits, output).await
    }

    /// As [`ExecStream::run`], for a command that treats the end of its standard input as the end of its client: standard
    /// input stays open until the command is over, or until [`ExecStream::close`].
    ///
    /// # Errors
    ///
    /// As [`ExecStream::run`].
    pub async fn run_held(&mut self, stdin: &[u8], limits: Limits) -> Result<Vec<u8>, ExecError> {
        let mut all = Gather::default();
        self.run_held_into(stdin, limits, &mut all).await?;
        Ok(all.0)
    }

    /// As [`ExecStream::run_into`], for a command of the kind of [`ExecStream::run_held`].
    ///
    /// # Errors
    ///
    /// As [`ExecStream::run_into`].
    pub async fn run_held_into(
        &mut self,
        stdin: &[u8],
        limits: Limits,
        output: &mut dyn Output,
    ) -> Result<(), ExecError> {
        self.bounded(stdin, true, limits, output).await
    }

    async fn bounded(
        &mut self,
        stdin: &[u8],
        held: bool,
        limits: Limits,
        output: &mut dyn Output,
    ) -> Result<(), ExecError> {
        let exchange = self.exchange(stdin, held, limits, output);
        let ran = tokio::time::timeout(limits.total, exchange)
            .await
            .unwrap_or(Err(ExecError::TooLate));
        self.tally.end(ran.as_ref().err());
        ran
    }

    /// Closes the stream. If the command waits for the end of its standard input, that is sent first, and the command gets
    /// a moment to end.
    pub async fn close(mut self) {
        if self.takes_input {
            let _ = tokio::time::timeout(ENDS, self.hang_up()).await;
        }
        // What cannot be closed is gone already.
        let _ = tokio::time::timeout(Duration::from_secs(1), self.socket.close()).await;
    }

    /// Ends standard input and waits until the server reports the end of the command.
    async fn hang_up(&mut self) -> Result<(), ExecError> {
        self.send(vec![CLOSE, STDIN]).await?;
        while let Some(Ok(message)) = self.socket.next().await {
            match message {
                Message::Binary(message) if message.first() == Some(&STATUS) => break,
                Message::Close(_) => break,
                _ => {}
            }
        }
        Ok(())
    }

    async fn exchange(
        &mut self,
        stdin: &[u8],
        held: bool,
        limits: Limits,
        output: &mut dyn Output,
    ) -> Result<(), ExecError> {
        let silence = Silence(limits.idle);
        // A command that does not exist takes no input: the server still says why.
        let sent = silence
            .bounds(Instant::now(), self.send_all(stdin, held))
            .await?;
        let (mut bytes, mut stderr) = (0_u64, Vec::new());
        let mut heard = Instant::now();
        let mut hung_up = false;
        loop {
            let message = match silence.bounds(heard, self.socket.next()).await? {
                None | Some(Ok(Message::Close(_))) => {
                    return Err(sent.err().unwrap_or(ExecError::Cut));
                }
                Some(Err(error)) => {
                    let now = ExecError::ConnectionFailed(Box::new(error));
                    return Err(sent.err().unwrap_or(now));
                }
                Some(Ok(Message::Binary(message))) => message,
                Some(Ok(_)) => continue,
            };
            let Some((channel, data)) = message.split_first() else {
                continue;
            };
            self.tally.received(*channel, data);
            match *channel {
                STATUS => {
                    self.takes_input = false;
                    if !(hung_up && output.is_ended_by_reader()) {
                        evaluate(data, &stderr)?;
                    }
                    return sent;
                }
                // A server sends an empty message to open a channel.
                STDOUT | STDERR if data.is_empty() => continue,
                STDOUT => {
                    bytes += data.len() as u64;
                    if bytes > limits.bytes {
                        return Err(ExecError::TooLong(limits.bytes));
                    }
                    output.chunk(data).await.map_err(ExecError::Refused)?;
                    if self.takes_input && output.is_whole() {
                        self.takes_input = false;
                        hung_up = true;
                        // Where it fails, the next message says why.
                        let _ = self.send(vec![CLOSE, STDIN]).await;
                    }
                }
                STDERR if stderr.len() < 4096 => stderr.extend_from_slice(data),
                STDERR => {}
                _ => continue,
            }
            heard = Instant::now();
        }
    }

    /// Sends `stdin`, and closes it unless it is held open.
    async fn send_all(&mut self, stdin: &[u8], held: bool) -> Result<(), ExecError> {
        for chunk in stdin.chunks(16 * 1024) {
            let mut message = vec![STDIN];
            message.extend_from_slice(chunk);
            self.tally.sent(chunk);
            self.send(message).await?;
        }
        if held {
            return Ok(());
        }
        self.send(vec![CLOSE, STDIN]).await?;
        self.takes_input = false;
        Ok(())
    }

    async fn send(&mut self, message: Vec<u8>) -> Result<(), ExecError> {
        let sent = self.socket.send(Message::Binary(message.into())).await;
        sent.map_err(|error| ExecError::ConnectionFailed(Box::new(error)))
    }
}

#[cfg(test)]
mod tests;
