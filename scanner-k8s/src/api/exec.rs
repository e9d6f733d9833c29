//! A bounded exec client over the v5 WebSocket channel protocol.
//!
//! Streams of an exec can end early without an error, so a run only counts when its status frame
//! was seen. Bytes and time are bounded against a hostile other side. See
//! `k8s.io/apimachinery/pkg/util/remotecommand` for the channels.

use std::time::Duration;

use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Client,
    api::{AttachParams, Request},
};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use crate::api::{
    call::{CallError, call},
    stream_tap::StreamTap,
};

mod channel;
mod error;
mod status;
mod tally;

use channel::{CLOSE, STATUS, STDERR, STDIN, STDOUT};
pub use error::{ExecError, ExecErrorKind};
use status::evaluate;
use tally::Tally;

/// Longest line of a command that answers line by line.
const MAX_LINE: usize = 4096;
/// How long a command may take to end once its standard input has.
const ENDS: Duration = Duration::from_secs(3);

/// Bounds of one run.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of standard output.
    pub bytes: usize,
    /// Time in all.
    pub total: Duration,
    /// Time without any message.
    pub idle: Duration,
}

/// An open stream into one container; the server has checked the credential already.
pub struct ExecStream {
    messages: Box<dyn Messages>,
    tally: Tally,
    /// Output that came and was not read as a line yet.
    unread: Vec<u8>,
    /// Whether the command may still wait for the end of its standard input.
    held: bool,
}

trait Messages:
    Stream<Item = Result<Message, WsError>> + Sink<Message, Error = WsError> + Send + Unpin
{
}
impl<T> Messages for T where
    T: Stream<Item = Result<Message, WsError>> + Sink<Message, Error = WsError> + Send + Unpin
{
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
    let connection = call(what, connect).await.map_err(CallError::by_node)?;
    Ok(ExecStream {
        messages: Box::new(connection.into_stream()),
        tally: Tally::new(tap),
        unread: Vec::new(),
        held: false,
    })
}

impl ExecStream {
    /// Sends `stdin`, closes it, and returns standard output once the command succeeded.
    ///
    /// # Errors
    ///
    /// Fails when anything is cut, too long, too late, or the command did not succeed.
    pub async fn run(&mut self, stdin: &[u8], limits: Limits) -> Result<Vec<u8>, ExecError> {
        self.exchanged(stdin, limits).await
    }

    /// The same for a command that takes the end of its standard input for the end of whoever asked: it is closed when
    /// the command is over, and by [`ExecStream::close`].
    ///
    /// # Errors
    ///
    /// As [`ExecStream::run`].
    pub async fn run_held(&mut self, stdin: &[u8], limits: Limits) -> Result<Vec<u8>, ExecError> {
        self.held = true;
        self.exchanged(stdin, limits).await
    }

    async fn exchanged(&mut self, stdin: &[u8], limits: Limits) -> Result<Vec<u8>, ExecError> {
        let ran = tokio::time::timeout(limits.total, self.exchange(stdin, limits))
            .await
            .unwrap_or(Err(ExecError::TooLate));
        self.tally.end(ran.as_ref().err());
        ran
    }

    /// Sends one line and gives the next line of standard output, for a command that answers line
    /// by line.
    ///
    /// # Errors
    ///
    /// Fails when no line comes in time, it is too long, or the command ended.
    pub async fn ask(&mut self, line: &str, limit: Duration) -> Result<String, ExecError> {
        let asked = async {
            let mut message = vec![STDIN];
            message.extend_from_slice(line.as_bytes());
            message.push(b'\n');
            self.tally.sent(&message[1..]);
            self.send(message).await?;
            self.line().await
        };
        tokio::time::timeout(limit, asked)
            .await
            .unwrap_or(Err(ExecError::TooLate))
    }

    /// Ends a stream of [`ExecStream::ask`] that did what it was for, and closes it.
    pub async fn done(mut self) {
        self.tally.end(None);
        self.close().await;
    }

    async fn line(&mut self) -> Result<String, ExecError> {
        let mut stderr = Vec::new();
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            let message = match self.messages.next().await {
                None | Some(Ok(Message::Close(_))) => return Err(ExecError::Cut),
                Some(Err(error)) => return Err(ExecError::ConnectionFailed(Box::new(error))),
                Some(Ok(Message::Binary(message))) => message,
                Some(Ok(_)) => continue,
            };
            if let Some((channel, data)) = message.split_first() {
                self.tally.received(*channel, data);
            }
            match message.split_first() {
                Some((&STDOUT, data)) if self.unread.len() + data.len() > MAX_LINE => {
                    return Err(ExecError::TooLong(MAX_LINE));
                }
                Some((&STDOUT, data)) => self.unread.extend_from_slice(data),
                Some((&STDERR, data)) if stderr.len() < MAX_LINE => {
                    stderr.extend_from_slice(data);
                }
                Some((&STATUS, data)) => {
                    evaluate(data, &stderr)?;
                    return Err(ExecError::Cut);
                }
                _ => {}
            }
        }
    }

    /// Closes the stream. A command that waits for the end of its standard input gets that first, and a moment to end.
    pub async fn close(mut self) {
        if self.held {
            let _ = tokio::time::timeout(ENDS, self.hang_up()).await;
        }
        // What cannot be closed is gone already.
        let _ = tokio::time::timeout(Duration::from_secs(1), self.messages.close()).await;
    }

    /// Ends standard input and waits until the server reports the end of the command.
    async fn hang_up(&mut self) -> Result<(), ExecError> {
        self.send(vec![CLOSE, STDIN]).await?;
        while let Some(Ok(message)) = self.messages.next().await {
            match message {
                Message::Binary(message) if message.first() == Some(&STATUS) => break,
                Message::Close(_) => break,
                _ => {}
            }
        }
        Ok(())
    }

    async fn exchange(&mut self, stdin: &[u8], limits: Limits) -> Result<Vec<u8>, ExecError> {
        // A command that does not exist takes no input: the server still says why.
        let sent = self.send_all(stdin).await;
        let (mut out, mut stderr) = (Vec::new(), Vec::new());
        loop {
            let next = tokio::time::timeout(limits.idle, self.messages.next()).await;
            let message = match next.map_err(|_| ExecError::TooLate)? {
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
                STDOUT if out.len() + data.len() > limits.bytes => {
                    return Err(ExecError::TooLong(limits.bytes));
                }
                STDOUT => out.extend_from_slice(data),
                STDERR if stderr.len() < 4096 => stderr.extend_from_slice(data),
                STATUS => {
                    self.held = false;
                    evaluate(data, &stderr)?;
                    return sent.map(|()| out);
                }
                _ => {}
            }
        }
    }

    /// Sends `stdin`, and closes it unless it is held open.
    async fn send_all(&mut self, stdin: &[u8]) -> Result<(), ExecError> {
        for chunk in stdin.chunks(16 * 1024) {
            let mut message = vec![STDIN];
            message.extend_from_slice(chunk);
            self.tally.sent(chunk);
            self.send(message).await?;
        }
        if self.held {
            return Ok(());
        }
        self.send(vec![CLOSE, STDIN]).await
    }

    async fn send(&mut self, message: Vec<u8>) -> Result<(), ExecError> {
        let sent = self.messages.send(Message::Binary(message.into())).await;
        sent.map_err(|error| ExecError::ConnectionFailed(Box::new(error)))
    }
}
