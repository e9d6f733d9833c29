//! The server half of an exec: WebSocket with subprotocol `v5.channel.k8s.io`.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role},
};

use crate::{
    Exec, Exit, FakeCluster,
    agent::{self, Place},
    exec::STDOUT,
    runs::Run,
};

const STDIN: u8 = 0;
const STATUS: u8 = 3;
const CLOSE: u8 = 255;
/// Messages that are under way in each direction.
const UNDER_WAY: usize = 64;
/// How long the server waits for the client to close.
const CLOSING: Duration = Duration::from_secs(1);

/// The subprotocol that the fake speaks.
pub(crate) const PROTOCOL: &str = "v5.channel.k8s.io";

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
                            // A command that has ended reads no more input.
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
    let exec = Exec::new(command.clone(), place.container.clone(), stdin, out);
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
