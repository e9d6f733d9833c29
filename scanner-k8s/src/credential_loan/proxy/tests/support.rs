//! A loan with a server of the test's own, and clients of its proxy.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue};
use kube::core::Status;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use scanner_core::audit::AuditLog;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    net::TcpStream,
    sync::{Mutex as AsyncMutex, mpsc},
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{super::upstream::Upstream, *};
use crate::{
    api::{
        call::{CallError, call},
        stream_tap::StreamTap,
        tunnel::{ExecAsked, Tunnel},
    },
    credential_loan::{proxy::answers::tests::pod, terms::LoanTerms},
};

/// Headers of a WebSocket handshake.
pub(super) const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
     Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n";

/// How long anything may take that must happen at once.
pub(super) const SOON: Duration = Duration::from_secs(10);

/// The server: keeps what it was asked, and hands out its ends of the streams.
struct Fake {
    asked: Mutex<Vec<ExecAsked>>,
    refuses: Mutex<Option<(u16, String)>>,
    ends: mpsc::UnboundedSender<DuplexStream>,
}

#[async_trait]
impl Upstream for Fake {
    async fn open(&self, asked: &ExecAsked) -> Result<Tunnel, CallError> {
        self.asked.lock().unwrap().push(asked.clone());
        let refuses = self.refuses.lock().unwrap().clone();
        if let Some((code, words)) = refuses {
            let status = Status::failure(&words, "Forbidden").with_code(code);
            let answer = async { Err(kube::Error::Api(status.boxed())) };
            return call("exec", answer).await;
        }
        let (ours, theirs) = duplex(4096);
        self.ends.send(theirs).unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-accept", "from-the-server"),
            ("sec-websocket-protocol", "v5.channel.k8s.io"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        Ok(Tunnel {
            headers,
            stream: Box::new(ours),
            tap: StreamTap::default(),
        })
    }
}

/// A loan whose proxy runs.
pub(super) struct Site {
    pub(super) proxy: Proxy,
    pub(super) ended: Ended,
    fake: Arc<Fake>,
    ends: AsyncMutex<mpsc::UnboundedReceiver<DuplexStream>>,
    log: Arc<AuditLog>,
}

impl Site {
    pub(super) async fn start(terms: &LoanTerms) -> Self {
        let (sender, ends) = mpsc::unbounded_channel();
        let fake = Arc::new(Fake {
            asked: Mutex::default(),
            refuses: Mutex::default(),
            ends: sender,
        });
        let log = Arc::new(AuditLog::new());
        let answers = Answers::new(&target(), &pod(), terms.whole_pod);
        let upstream: Arc<dyn Upstream> = Arc::clone(&fake) as _;
        let loan = Loan::new(&target(), terms, answers, upstream, LoanLog::new(&log));
        let (proxy, ended) = Proxy::start(Arc::new(loan), "shop").await.unwrap();
        Self {
            proxy,
            ended,
            fake,
            ends: AsyncMutex::new(ends),
            log,
        }
    }

    pub(super) fn kubeconfig(&self) -> Value {
        serde_json::from_str(self.proxy.kubeconfig().expose_secret()).unwrap()
    }

    pub(super) fn address(&self) -> SocketAddr {
        let kubeconfig = self.kubeconfig();
        let server = kubeconfig["clusters"][0]["cluster"]["server"]
            .as_str()
            .unwrap();
        server.strip_prefix("https://").unwrap().parse().unwrap()
    }

    /// What the server was asked.
    pub(super) fn asked(&self) -> Vec<ExecAsked> {
        self.fake.asked.lock().unwrap().clone()
    }

    pub(super) fn refuse(&self, code: u16, words: &str) {
        *self.fake.refuses.lock().unwrap() = Some((code, words.to_owned()));
    }

    /// The server's end of the next stream.
    pub(super) async fn server(&self) -> DuplexStream {
        let next = async { self.ends.lock().await.recv().await };
        timeout(SOON, next)
            .await
            .expect("a stream")
            .expect("a server")
    }

    pub(super) fn log(&self) -> String {
        self.log.text()
    }

    fn pem(&self, list: &str, object: &str, key: &str) -> Vec<u8> {
        let kubeconfig = self.kubeconfig();
        let text = kubeconfig[list][0][object][key].as_str().unwrap();
        STANDARD.decode(text).unwrap()
    }

    /// TLS to this proxy with the certificate that a client of `identity` has.
    fn connector(&self, identity: Option<&Self>, tls12: bool) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        let authority = self.pem("clusters", "cluster", "certificate-authority-data");
        roots
            .add(CertificateDer::from_pem_slice(&authority).unwrap())
            .unwrap();
        let versions = if tls12 {
            &[&rustls::version::TLS12][..]
        } else {
            rustls::ALL_VERSIONS
        };
        let provider = crate::api::connect::crypto_provider::server().unwrap();
        let provider = Arc::clone(provider.crypto_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let config = match identity {
            None => config.with_no_client_auth(),
            Some(identity) => {
                let certificate = identity.pem("users", "user", "client-certificate-data");
                let key = identity.pem("users", "user", "client-key-data");
                let certificate = CertificateDer::from_pem_slice(&certificate).unwrap();
                let key = PrivateKeyDer::from_pem_slice(&key).unwrap();
                config
                    .with_client_auth_cert(vec![certificate], key)
                    .unwrap()
            }
        };
        TlsConnector::from(Arc::new(config))
    }
}

/// A connection to a proxy.
pub(super) struct Client {
    pub(super) stream: TlsStream<TcpStream>,
}

impl Client {
    pub(super) async fn of(site: &Site) -> Self {
        Self::connect(site, Some(site), false).await.unwrap()
    }

    async fn connect(site: &Site, identity: Option<&Site>, tls12: bool) -> std::io::Result<Self> {
        let socket = TcpStream::connect(site.address()).await?;
        let name = ServerName::from(site.address().ip());
        let stream = site
            .connector(identity, tls12)
            .connect(name, socket)
            .await?;
        Ok(Self { stream })
    }

    /// Whether a client with that identity gets no answer at all.
    pub(super) async fn refused(site: &Site, identity: Option<&Site>, tls12: bool) -> bool {
        let Ok(mut client) = Self::connect(site, identity, tls12).await else {
            return true;
        };
        let asked = b"GET /api HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        let _ = client.stream.write_all(asked).await;
        let mut answer = Vec::new();
        let _ = timeout(SOON, client.stream.read_to_end(&mut answer)).await;
        answer.is_empty()
    }

    /// Sends a request, and gives its answer: the head, and the body where there is one.
    pub(super) async fn ask(&mut self, method: &str, path: &str, headers: &str) -> String {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
        self.stream.write_all(request.as_bytes()).await.unwrap();
        let answer = timeout(SOON, self.answer(method == "HEAD")).await;
        answer.expect("an answer in time")
    }

    async fn answer(&mut self, no_body: bool) -> String {
        let mut text = Vec::new();
        while !text.ends_with(b"\r\n\r\n") {
            match self.stream.read_u8().await {
                Ok(byte) => text.push(byte),
                Err(_) => return String::from_utf8(text).unwrap(),
            }
        }
        let head = String::from_utf8(text).unwrap();
        let length = head.to_lowercase();
        let length = length
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length = length.and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; if no_body { 0 } else { length }];
        self.stream.read_exact(&mut body).await.unwrap();
        head + std::str::from_utf8(&body).unwrap()
    }
}

/// The status of an answer.
pub(super) fn status(answer: &str) -> u16 {
    let code = answer.split(' ').nth(1);
    code.and_then(|code| code.parse().ok()).unwrap_or(0)
}

/// Its body.
pub(super) fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}
