//! The connection of one exec, kept alive by pings from when it is open to its end.

use std::{sync::Arc, time::Duration};

use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};
use tokio::{sync::Mutex, task::JoinHandle};
use tokio_tungstenite::tungstenite::{Bytes, Error as WsError, Message, error::ProtocolError};

/// Time between two pings. Load balancers close a connection on which nothing was sent for 20 s and more.
const PING: Duration = Duration::from_secs(10);

type Incoming = Box<dyn Stream<Item = Result<Message, WsError>> + Send + Unpin>;
type Outgoing = Box<dyn Sink<Message, Error = WsError> + Send + Unpin>;

/// A connection that sends pings for as long as it is held, whether somebody reads from it or not. Whether the other side
/// answers them does not matter: a load balancer counts what is sent.
pub(super) struct Socket {
    incoming: Incoming,
    outgoing: Arc<Mutex<Outgoing>>,
    pings: JoinHandle<()>,
}

impl Socket {
    /// Takes over a connection that is open. Must be called within a runtime, which sends the pings.
    pub(super) fn new<S>(stream: S) -> Self
    where
        S: Stream<Item = Result<Message, WsError>>
            + Sink<Message, Error = WsError>
            + Send
            + Unpin
            + 'static,
    {
        let (outgoing, incoming) = stream.split();
        let outgoing: Outgoing = Box::new(outgoing);
        let outgoing = Arc::new(Mutex::new(outgoing));
        Self {
            incoming: Box::new(incoming),
            pings: tokio::spawn(ping(Arc::clone(&outgoing))),
            outgoing,
        }
    }

    /// The next message that carries data or closes the connection: pings and pongs are passed over.
    pub(super) async fn next(&mut self) -> Option<Result<Message, WsError>> {
        loop {
            match self.incoming.next().await {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                // Whoever cuts a connection says nothing.
                Some(Err(WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => {
                    return None;
                }
                other => return other,
            }
        }
    }

    pub(super) async fn send(&mut self, message: Message) -> Result<(), WsError> {
        self.outgoing.lock().await.send(message).await
    }

    pub(super) async fn close(&mut self) -> Result<(), WsError> {
        self.pings.abort();
        self.outgoing.lock().await.close().await
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // It holds the other half of the connection.
        self.pings.abort();
    }
}

/// Sends pings until the connection fails; its reader then sees why.
async fn ping(outgoing: Arc<Mutex<Outgoing>>) {
    loop {
        tokio::time::sleep(PING).await;
        let ping = Message::Ping(Bytes::new());
        if outgoing.lock().await.send(ping).await.is_err() {
            return;
        }
    }
}
