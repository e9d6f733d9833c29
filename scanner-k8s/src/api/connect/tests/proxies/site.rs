//! An API server with TLS and proxies in front of it, all of the test's own, each on a port of this machine.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http2,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertificateParams, KeyPair};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::{
    accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{Request as Upgrade, Response as Upgraded},
        http::header::SEC_WEBSOCKET_PROTOCOL,
    },
};

/// The name of the server, which only its proxies know.
pub(super) const NAME: &str = "api.test";

type Seen<T> = Arc<Mutex<Vec<T>>>;

/// A certificate for a name, and the server's side of TLS with it.
pub(super) struct Certificate {
    pub(super) pem: String,
    tls: TlsAcceptor,
}

impl Certificate {
    pub(super) fn of(names: &[&str], h2: bool) -> Self {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let params = CertificateParams::new(names).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let der = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let mut tls = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], der)
            .unwrap();
        if h2 {
            tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        }
        Self {
            pem: certificate.pem(),
            tls: TlsAcceptor::from(Arc::new(tls)),
        }
    }
}

/// An API server: calls share an HTTP/2 connection and get `answer`, and each other connection is an exec that echoes.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) certificate: Certificate,
    /// Who connected.
    peers: Seen<SocketAddr>,
}

impl Server {
    pub(super) async fn start(answer: fn() -> Response<Full<Bytes>>) -> Self {
        let certificate = Certificate::of(&[NAME, "127.0.0.1"], true);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peers = Seen::default();
        let server = Self {
            address: listener.local_addr().unwrap(),
            peers: Arc::clone(&peers),
            certificate: Certificate {
                pem: certificate.pem.clone(),
                tls: certificate.tls.clone(),
            },
        };
        tokio::spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                peers.lock().unwrap().push(peer);
                let tls = certificate.tls.clone();
                tokio::spawn(async move {
                    let Ok(stream) = tls.accept(stream).await else {
                        return;
                    };
                    if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
                        return echo(stream).await;
                    }
                    let service = service_fn(move |_: Request<Incoming>| async move {
                        Ok::<_, Infallible>(answer())
                    });
                    let _ = http2::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        server
    }

    pub(super) fn peers(&self) -> BTreeSet<SocketAddr> {
        self.peers.lock().unwrap().iter().copied().collect()
    }
}

/// Accepts an exec, and sends back what it was sent.
async fn echo(stream: impl AsyncRead + AsyncWrite + Unpin) {
    let accept = |_: &Upgrade, mut answer: Upgraded| {
        let protocol = HeaderValue::from_static("v5.channel.k8s.io");
        answer
            .headers_mut()
            .insert(SEC_WEBSOCKET_PROTOCOL, protocol);
        Ok(answer)
    };
    let Ok(mut stream) = accept_hdr_async(stream, accept).await else {
        return;
    };
    while let Some(Ok(Message::Binary(message))) = stream.next().await {
        let Some((0, data)) = message.split_first() else {
            break;
        };
        let back = [&[1], data].concat();
        stream.send(Message::Binary(back.into())).await.unwrap();
    }
    let status = [&[3][..], br#"{"status":"Success"}"#].concat();
    let _ = stream.send(Message::Binary(status.into())).await;
    let _ = stream.close(None).await;
}

/// What a proxy does.
#[derive(Clone)]
pub(super) enum Does {
    /// CONNECT, for those who send this header of a login, if it is named.
    Connect(Option<&'static str>),
    /// SOCKS5, for those who log in so, if it is named.
    Socks(Option<(&'static str, &'static str)>),
    /// Answers so, whatever it is asked, and reads on.
    Says(Vec<u8>),
}

/// A proxy to one server, whatever name it is asked for.
pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    /// What it was asked for, one for each connection.
    asked: Seen<String>,
    /// From where it connected to the server.
    from: Seen<SocketAddr>,
    /// The first byte that each client sent to the server.
    first: Seen<u8>,
}

impl Proxy {
    pub(super) async fn start(server: SocketAddr, does: Does, tls: Option<&Certificate>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self {
            address: listener.local_addr().unwrap(),
            asked: Seen::default(),
            from: Seen::default(),
            first: Seen::default(),
        };
        let shared = Arc::new(Self {
            address: server,
            asked: Arc::clone(&proxy.asked),
            from: Arc::clone(&proxy.from),
            first: Arc::clone(&proxy.first),
        });
        let tls = tls.map(|certificate| certificate.tls.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, does, to) = (tls.clone(), does.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    match tls {
                        None => to.serve(stream, does).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => to.serve(stream, does).await,
                            Err(_) => None,
                        },
                    }
                });
            }
        });
        proxy
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    pub(super) fn from(&self) -> BTreeSet<SocketAddr> {
        self.from.lock().unwrap().iter().copied().collect()
    }

    pub(super) fn first(&self) -> Vec<u8> {
        self.first.lock().unwrap().clone()
    }

    /// `None` where the connection ends.
    async fn serve(
        &self,
        mut client: impl AsyncRead + AsyncWrite + Unpin,
        does: Does,
    ) -> Option<()> {
        let (opened, refused): (Vec<u8>, Option<Vec<u8>>) = match does {
            Does::Connect(login) => {
                let head = head(&mut client).await?;
                let may = login.is_none_or(|login| head.contains(login));
                self.asked.lock().unwrap().push(head);
                let refused = "HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n";
                let opened = "HTTP/1.1 200 Connection established\r\n\r\n";
                (opened.into(), (!may).then(|| refused.into()))
            }
            Does::Socks(login) => {
                let asked = socks(&mut client, login).await?;
                self.asked.lock().unwrap().push(asked);
                (vec![5, 0, 0, 1, 0, 0, 0, 0, 0, 0], None)
            }
            Does::Says(answer) => {
                let asked = head(&mut client).await?;
                self.asked.lock().unwrap().push(asked);
                (Vec::new(), Some(answer))
            }
        };
        if let Some(refused) = refused {
            client.write_all(&refused).await.ok()?;
            client.flush().await.ok()?;
            if refused.is_empty() {
                return None;
            }
            let _ = client.read_to_end(&mut Vec::new()).await;
            return None;
        }
        let mut server = TcpStream::connect(self.address).await.ok()?;
        self.from.lock().unwrap().push(server.local_addr().ok()?);
        client.write_all(&opened).await.ok()?;
        client.flush().await.ok()?;
        let mut first = [0];
        client.read_exact(&mut first).await.ok()?;
        self.first.lock().unwrap().push(first[0]);
        server.write_all(&first).await.ok()?;
        copy_bidirectional(&mut client, &mut server).await.ok()?;
        None
    }
}

/// The head of a request.
async fn head(client: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

/// The server that a client of SOCKS5 asks for.
async fn socks(
    client: &mut (impl AsyncRead + AsyncWrite + Unpin),
    login: Option<(&str, &str)>,
) -> Option<String> {
    let mut head = [0; 2];
    client.read_exact(&mut head).await.ok()?;
    let mut methods = vec![0; head[1].into()];
    client.read_exact(&mut methods).await.ok()?;
    let wanted = if login.is_some() { 2 } else { 0 };
    if !methods.contains(&wanted) {
        client.write_all(&[5, 0xff]).await.ok()?;
        return None;
    }
    client.write_all(&[5, wanted]).await.ok()?;
    if let Some(login) = login {
        client.read_u8().await.ok()?;
        let sent = (counted(client).await?, counted(client).await?);
        let known = (sent.0.as_str(), sent.1.as_str()) == login;
        client.write_all(&[1, u8::from(!known)]).await.ok()?;
        known.then_some(())?;
    }
    let mut request = [0; 4];
    client.read_exact(&mut request).await.ok()?;
    let host = match request[3] {
        1 => {
            let mut four = [0; 4];
            client.read_exact(&mut four).await.ok()?;
            std::net::Ipv4Addr::from(four).to_string()
        }
        3 => counted(client).await?,
        _ => return None,
    };
    let port = client.read_u16().await.ok()?;
    Some(format!("{host}:{port}"))
}

async fn counted(client: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut text = vec![0; client.read_u8().await.ok()?.into()];
    client.read_exact(&mut text).await.ok()?;
    String::from_utf8(text).ok()
}

pub(super) fn base64(text: &str) -> String {
    STANDARD.encode(text)
}
