//! The listener of a proxy: its connections are tasks that end with it.

use std::{convert::Infallible, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use secrecy::SecretString;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use super::{
    certificates::{self, ADDRESS},
    error::ProxyError,
    kubeconfig,
    service::{Loan, Slot},
};

/// Connections at once; more wait.
const MAX_CONNECTIONS: usize = 128;
/// How long a client may take for the TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a client may take for the head of its next request.
const HEAD: Duration = Duration::from_secs(30);
/// Longest head of a request, in bytes.
const MAX_HEAD: usize = 32 << 10;
/// Most headers of a request.
const MAX_HEADERS: usize = 64;
/// Pause when no connection can be accepted, for example because there are no file descriptors left.
const PAUSE: Duration = Duration::from_millis(50);

/// A proxy that listens. When it is dropped, it stops, and every stream through it is closed.
pub(in crate::credential_loan) struct Proxy {
    listener: JoinHandle<()>,
    kubeconfig: SecretString,
}

/// Shows that nothing of a proxy runs any more.
pub(in crate::credential_loan) struct Ended(mpsc::Receiver<Infallible>);

/// Held by everything that runs for a proxy.
#[derive(Clone)]
struct Alive {
    _sender: mpsc::Sender<Infallible>,
}

impl Proxy {
    /// Listens for the program of `loan`, whose kubeconfig has `namespace`.
    ///
    /// # Errors
    ///
    /// Fails when there are no certificates or no port for it.
    pub(in crate::credential_loan) async fn start(
        loan: Arc<Loan>,
        namespace: &str,
    ) -> Result<(Self, Ended), ProxyError> {
        let (config, files) = certificates::make()?;
        let listener = TcpListener::bind((ADDRESS, 0)).await;
        let listener = listener.map_err(ProxyError::Listen)?;
        let address = listener.local_addr().map_err(ProxyError::Listen)?;
        let kubeconfig = kubeconfig::write(&format!("https://{address}"), &files, namespace);
        let (sender, receiver) = mpsc::channel(1);
        let alive = Alive { _sender: sender };
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let proxy = Self {
            listener: tokio::spawn(listen(listener, acceptor, loan, alive)),
            kubeconfig,
        };
        Ok((proxy, Ended(receiver)))
    }

    /// What the program gets.
    pub(in crate::credential_loan) fn kubeconfig(&self) -> SecretString {
        self.kubeconfig.clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // With this task go its connections.
        self.listener.abort();
    }
}

impl Ended {
    /// The handle of a proxy that counts as running until the returned sender is dropped.
    #[cfg(test)]
    pub(in crate::credential_loan) fn of_running() -> (Self, mpsc::Sender<Infallible>) {
        let (sender, receiver) = mpsc::channel(1);
        (Self(receiver), sender)
    }

    /// Waits until nothing of the proxy runs any more, and gives whether that is so within `limit`. The proxy must have been
    /// dropped.
    pub(in crate::credential_loan) async fn within(mut self, limit: Duration) -> bool {
        let ended = async { while self.0.recv().await.is_some() {} };
        timeout(limit, ended).await.is_ok()
    }
}

async fn listen(listener: TcpListener, acceptor: TlsAcceptor, loan: Arc<Loan>, alive: Alive) {
    // Dropped in reverse order: nobody can connect when the connections end.
    let mut connections = JoinSet::new();
    let listener = listener;
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let Ok((socket, _)) = listener.accept().await else {
            sleep(PAUSE).await;
            continue;
        };
        let (acceptor, loan, alive) = (acceptor.clone(), Arc::clone(&loan), alive.clone());
        connections.spawn(async move {
            serve(socket, &acceptor, &loan).await;
            drop((permit, alive));
        });
    }
}

/// Serves one connection to its end.
async fn serve(socket: TcpStream, acceptor: &TlsAcceptor, loan: &Arc<Loan>) {
    // An exec is a conversation of small messages.
    let _ = socket.set_nodelay(true);
    let secured = match timeout(HANDSHAKE, acceptor.accept(socket)).await {
        Ok(Ok(secured)) => secured,
        Ok(Err(_)) => {
            let why = "no TLS with the certificate of this loan";
            return loan.log.stranger(why);
        }
        Err(_) => return loan.log.stranger("no TLS handshake in time"),
    };
    let slot = Arc::new(Slot::default());
    let service = service_fn(|request| {
        let (loan, slot) = (Arc::clone(loan), Arc::clone(&slot));
        async move { Ok::<_, Infallible>(loan.answer(request, &slot).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(secured), service)
        .with_upgrades()
        .await;
    let bridge = slot.take();
    match served {
        Ok(()) => {
            if let Some(bridge) = bridge {
                bridge.run().await;
            }
        }
        // A client that breaks the protocol has its connection closed.
        Err(error) => {
            if let Some(why) = unread(&error) {
                loan.log.unread(why);
            }
            if let Some(bridge) = bridge {
                bridge.left();
            }
        }
    }
}

/// Why a request was not read, where that is what closed a connection.
fn unread(error: &hyper::Error) -> Option<&'static str> {
    if error.is_parse() {
        Some("no request of HTTP/1.1 within the bounds of this proxy")
    } else if error.is_timeout() {
        Some("no whole request in time")
    } else if error.is_incomplete_message() {
        Some("the connection ended within a request")
    } else {
        None
    }
}
