//! A loan with a server of the test's own, and clients of its proxy.

use std::{
    future::pending,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use form_urlencoded::Serializer;
use http::{HeaderMap, HeaderValue};
use kube::core::Status;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use scanner_core::audit::{Answer, AuditLog, Call, Entry, Identity};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    net::{TcpSocket, TcpStream},
    sync::{Mutex as AsyncMutex, mpsc},
    time::{sleep, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    super::{bridge::tests::Broken, upstream::Upstream},
    *,
};
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

/// The server: keeps what it was asked, logs it as the real client does, and hands out its ends of the streams.
struct Fake {
    asked: Mutex<Vec<ExecAsked>>,
    does: Mutex<Does>,
    ends: mpsc::UnboundedSender<DuplexStream>,
    log: Arc<AuditLog>,
}

/// What the server does with an exec.
#[derive(Clone, Default)]
pub(super) enum Does {
    #[default]
    Opens,
    /// It answers with that status and those words.
    Refuses(u16, String),
    /// It never answers.
    Waits,
    /// It opens it, and takes nothing that is sent.
    TakesNothing,
}

impl Fake {
    /// Logs a call to the server, and ties its stream to it.
    fn call(&self, asked: &ExecAsked) -> StreamTap {
        let mut query = Serializer::new(String::new());
        query.extend_pairs(asked.argv.iter().map(|word| ("command", word)));
        let id = format!("exec-{}", self.asked.lock().unwrap().len());
        let tap = StreamTap::default();
        tap.fill(&self.log, &id, &Arc::default());
        self.log.record(Entry::Call(Call {
            id: id.clone(),
            identity: Identity::Scan,
            verb: "create".into(),
            resource: "pods/exec".into(),
            namespace: None,
            name: None,
            uri: format!("{POD}/exec?{}", query.finish()),
            payload: None,
        }));
        self.log.record(Entry::Answer(Answer {
            id,
            status: Some(101),
            echoed: true,
            error: None,
        }));
        tap
    }
}

#[async_trait]
impl Upstream for Fake {
    async fn open(&self, asked: &ExecAsked) -> Result<Tunnel, CallError> {
        self.asked.lock().unwrap().push(asked.clone());
        let tap = self.call(asked);
        let does = self.does.lock().unwrap().clone();
        if let Does::Refuses(code, words) = does {
            let status = Status::failure(&words, "Forbidden").with_code(code);
            let answer = async { Err(kube::Error::Api(status.boxed())) };
            return call("exec", answer).await;
        }
        let (ours, theirs) = duplex(4096);
        self.ends.send(theirs).unwrap();
        if matches!(does, Does::Waits) {
            let _held = ours;
            return pending().await;
        }
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
            stream: if matches!(does, Does::TakesNothing) {
                Box::new(Broken {
                    inner: ours,
                    written: true,
                    read: false,
                })
            } else {
                Box::new(ours)
            },
            tap,
        })
    }
}

/// A loan whose proxy runs.
pub(super) struct Site {
    pub(super) proxy: Proxy,
    pub(super) ended: Ended,
    pub(super) loan: Arc<Loan>,
    fake: Arc<Fake>,
    ends: AsyncMutex<mpsc::UnboundedReceiver<DuplexStream>>,
    log: Arc<AuditLog>,
}

impl Site {
    pub(super) async fn start(terms: &LoanTerms) -> Self {
        let (sender, ends) = mpsc::unbounded_channel();
        let log = Arc::new(AuditLog::new());
        let fake = Arc::new(Fake {
            asked: Mutex::default(),
            does: Mutex::default(),
            ends: sender,
            log: Arc::clone(&log),
        });
        let answers = Answers::new(&target(), &pod(), terms.whole_pod);
        let upstream: Arc<dyn Upstream> = Arc::clone(&fake) as _;
        let log_of = LoanLog::new(&log);
        let loan = Arc::new(Loan::new(&target(), terms, answers, upstream, log_of));
        let (proxy, ended) = Proxy::start(Arc::clone(&loan), "shop").await.unwrap();
        Self {
            proxy,
            ended,
            loan,
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

    /// Ends the proxy, and gives its address and the log.
    pub(super) async fn end(self) -> (SocketAddr, String) {
        let address = self.address();
        let Self {
            proxy, ended, log, ..
        } = self;
        drop(proxy);
        assert!(ended.within(SOON).await, "nothing of it runs any more");
        (address, log.text())
    }

    /// What the server was asked.
    pub(super) fn asked(&self) -> Vec<ExecAsked> {
        self.fake.asked.lock().unwrap().clone()
    }

    pub(super) fn server_does(&self, does: Does) {
        *self.fake.does.lock().unwrap() = does;
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

    /// The first `count` lines of the log that contain `words`, once they are there.
    pub(super) async fn logged(&self, words: &str, count: usize) -> Vec<Value> {
        let lines = async {
            loop {
                let text = self.log();
                let found = text.lines().filter(|line| line.contains(words));
                let found: Vec<&str> = found.take(count).collect();
                if found.len() == count {
                    let parsed = found.iter().map(|line| serde_json::from_str(line).unwrap());
                    return parsed.collect();
                }
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(SOON, lines).await.expect("lines in the log")
    }

    /// Whether the log lost a line.
    pub(super) fn log_is_whole(&self) -> bool {
        self.log.holds()
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

    /// A client that has room for few bytes that it did not read yet.
    pub(super) async fn narrow(site: &Site) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let socket = socket.connect(site.address()).await.unwrap();
        let name = ServerName::from(site.address().ip());
        let secured = site.connector(Some(site), false).connect(name, socket);
        Self {
            stream: secured.await.unwrap(),
        }
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

/// A request for an exec, as the service gets it.
pub(super) fn exec_request(path: &str) -> http::Request<()> {
    let mut request = http::Request::builder().uri(path);
    for (name, value) in UPGRADE.lines().filter_map(|line| line.split_once(": ")) {
        request = request.header(name, value);
    }
    request.body(()).unwrap()
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
