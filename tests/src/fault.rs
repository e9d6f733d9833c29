//! A proxy between the program and the real API server that breaks one call on purpose.

use std::{
    convert::Infallible,
    io::{self, Write as _},
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI32, Ordering},
    },
    time::Duration,
};

use futures_util::stream;
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::BoxBody};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Frame, Incoming},
    client, server,
    service::service_fn,
    upgrade::{self, OnUpgrade},
};
use hyper_util::rt::TokioIo;
use kube::{
    Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use nix::{sys::signal, unistd::Pid};
use rcgen::{CertificateParams, KeyPair};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName},
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

type Body = BoxBody<Bytes, io::Error>;
type Answer = io::Result<Response<Body>>;

/// What goes wrong with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: for counting.
    None,
    /// The server does not do it, and answers with this status.
    Status(u16),
    /// The server does it, and answers 500.
    DoneBut500,
    /// The server does it, and the connection ends before the answer.
    AnswerLost,
    /// The connection ends before the server sees it.
    Reset,
    /// The server sees it two seconds late.
    Delay,
    /// The server sees it, and never answers.
    Silence,
    /// The server sees it twice and the second answer counts.
    Twice,
    /// The answer, or the stream, ends in the middle.
    Cut,
    /// The program is killed before the server sees the call.
    KillBefore,
    /// The program is killed when the server has done it.
    KillAfter,
}

/// Faults that the program lives through.
pub const FAULTS: [Fault; 11] = [
    Fault::Status(403),
    Fault::Status(409),
    Fault::Status(429),
    Fault::Status(500),
    Fault::DoneBut500,
    Fault::AnswerLost,
    Fault::Reset,
    Fault::Delay,
    Fault::Silence,
    Fault::Twice,
    Fault::Cut,
];

/// One proxy for one run of the program.
pub struct Proxy {
    address: SocketAddr,
    certificate: String,
    state: Arc<State>,
}

struct State {
    upstream: Upstream,
    fault: Fault,
    /// Which call is broken, from 1.
    call: usize,
    /// Start of the verb and part of the path of calls that come late.
    late: Mutex<Option<(&'static str, &'static str)>>,
    seen: Mutex<Vec<String>>,
    broken: Mutex<Option<String>>,
    program: AtomicI32,
}

struct Upstream {
    authority: String,
    name: ServerName<'static>,
    tls: TlsConnector,
}

impl Proxy {
    /// Starts a proxy that breaks call number `call` (from 1) with `fault`.
    pub async fn start(call: usize, fault: Fault) -> Self {
        let key = KeyPair::generate().expect("key");
        let names = vec!["127.0.0.1".to_owned()];
        let params = CertificateParams::new(names).expect("name");
        let certificate = params.self_signed(&key).expect("certificate");
        let der = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let tls = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], der)
            .expect("server");
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listen");
        let address = listener.local_addr().expect("address");
        let state = Arc::new(State {
            upstream: Upstream::from_kubeconfig().await,
            fault,
            call,
            late: Mutex::default(),
            seen: Mutex::default(),
            broken: Mutex::new(None),
            program: AtomicI32::new(0),
        });
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(acceptor.clone(), stream, Arc::clone(&shared)));
            }
        });
        Self {
            address,
            certificate: certificate.pem(),
            state,
        }
    }

    /// A kubeconfig that leads to the proxy, for an operator with that token.
    pub fn kubeconfig(&self, token: &str) -> tempfile::NamedTempFile {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "lab",
            "clusters": [{"name": "c", "cluster": {
                "server": format!("https://{}", self.address),
                "certificate-authority-data": base64(self.certificate.as_bytes()),
            }}],
            "users": [{"name": "u", "user": {"token": token}}],
            "contexts": [{"name": "lab", "context": {"cluster": "c", "user": "u"}}],
        });
        let mut file = tempfile::NamedTempFile::new().expect("file");
        file.write_all(config.to_string().as_bytes())
            .expect("write");
        file
    }

    /// From now on each call of that verb whose path has `part` reaches the server ten seconds late.
    pub fn delay(&self, verb: &'static str, part: &'static str) {
        let mut late = self
            .state
            .late
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *late = Some((verb, part));
    }

    /// Sets the process that a kill is meant for.
    pub fn program(&self, pid: u32) {
        let pid = i32::try_from(pid).unwrap_or_default();
        self.state.program.store(pid, Ordering::SeqCst);
    }

    /// Verb and path of every call that came by.
    pub fn calls(&self) -> Vec<String> {
        let seen = self.state.seen.lock();
        seen.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The call that was broken, if the program got that far.
    pub fn broken(&self) -> Option<String> {
        let broken = self.state.broken.lock();
        broken.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Upstream {
    async fn from_kubeconfig() -> Self {
        let options = KubeConfigOptions {
            context: std::env::var("SCANNER_E2E_CONTEXT").ok(),
            ..KubeConfigOptions::default()
        };
        let kubeconfig = Kubeconfig::read().expect("kubeconfig");
        let config = Config::from_custom_kubeconfig(kubeconfig, &options)
            .await
            .expect("context");
        let mut roots = RootCertStore::empty();
        for der in config.root_cert.into_iter().flatten() {
            roots.add(CertificateDer::from(der)).expect("CA");
        }
        let tls = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let host = config.cluster_url.host().expect("host").to_owned();
        let port = config.cluster_url.port_u16().unwrap_or(443);
        Self {
            authority: format!("{host}:{port}"),
            name: ServerName::try_from(host).expect("host name"),
            tls: TlsConnector::from(Arc::new(tls)),
        }
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> io::Result<Response<Incoming>> {
        let tcp = TcpStream::connect(&self.authority).await?;
        let tls = self.tls.connect(self.name.clone(), tcp).await?;
        let (mut sender, connection) = client::conn::http1::handshake(TokioIo::new(tls))
            .await
            .map_err(io::Error::other)?;
        tokio::spawn(connection.with_upgrades());
        sender.send_request(request).await.map_err(io::Error::other)
    }
}

async fn serve(acceptor: TlsAcceptor, stream: TcpStream, state: Arc<State>) {
    let Ok(tls) = acceptor.accept(stream).await else {
        return;
    };
    let service = service_fn(move |request| handle(request, Arc::clone(&state)));
    // An error is a connection that ends, as it is meant to.
    let _ = server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(tls), service)
        .with_upgrades()
        .await;
}

async fn handle(mut request: Request<Incoming>, state: Arc<State>) -> Answer {
    let what = format!("{} {}", request.method(), request.uri().path());
    let number = {
        let mut seen = state.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push(what.clone());
        seen.len()
    };
    let fault = if number == state.call {
        *state.broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
        state.fault
    } else {
        Fault::None
    };
    let upgrading = upgrade::on(&mut request);
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let late = *state.late.lock().unwrap_or_else(PoisonError::into_inner);
    let late = late.filter(|(verb, part)| parts.method == *verb && parts.uri.path().contains(part));
    if late.is_some() {
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    let send = || {
        let copy = Request::from_parts(parts.clone(), Full::new(body.clone()));
        state.upstream.send(copy)
    };
    match fault {
        Fault::Status(code) => return Ok(refusal(code)),
        Fault::Reset => return Err(io::Error::other("reset")),
        Fault::Delay => tokio::time::sleep(Duration::from_secs(2)).await,
        Fault::KillBefore => kill(&state),
        Fault::Twice => drop(send().await?),
        _ => {}
    }
    let answer = send().await?;
    match fault {
        Fault::DoneBut500 => Ok(refusal(500)),
        Fault::AnswerLost => Err(io::Error::other("answer lost")),
        Fault::Silence => {
            tokio::time::sleep(Duration::from_mins(5)).await;
            Err(io::Error::other("silence"))
        }
        Fault::KillAfter => {
            kill(&state);
            Err(io::Error::other("killed"))
        }
        _ => pass(answer, upgrading, fault == Fault::Cut).await,
    }
}

fn kill(state: &State) {
    let pid = Pid::from_raw(state.program.load(Ordering::SeqCst));
    assert!(pid.as_raw() > 1, "the program was not named");
    let _ = signal::kill(pid, signal::Signal::SIGKILL);
}

/// Passes an answer on, whole or cut in the middle.
async fn pass(mut answer: Response<Incoming>, upgrading: OnUpgrade, cut: bool) -> Answer {
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        let far = upgrade::on(&mut answer);
        tokio::spawn(async move {
            let (Ok(near), Ok(far)) = (upgrading.await, far.await) else {
                return;
            };
            let (mut near, mut far) = (TokioIo::new(near), TokioIo::new(far));
            if cut {
                let _ = copy_some(&mut near, &mut far).await;
            } else {
                let _ = copy_bidirectional(&mut near, &mut far).await;
            }
        });
        return Ok(answer.map(|_| empty()));
    }
    if !cut {
        return Ok(answer.map(|body| body.map_err(io::Error::other).boxed()));
    }
    // Nothing is left of the connection after half a body.
    let (parts, body) = answer.into_parts();
    let whole = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let half = whole.slice(..whole.len() / 2);
    let frames = [Ok(Frame::data(half)), Err(io::Error::other("cut"))];
    let body = StreamBody::new(stream::iter(frames)).boxed();
    Ok(Response::from_parts(parts, body))
}

/// Lets everything through to the server, and a kilobyte of the answer.
async fn copy_some<A, B>(near: &mut A, far: &mut B) -> io::Result<()>
where
    A: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    B: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let (mut there, mut back) = ([0; 4096], [0; 1024]);
    let mut left = back.len();
    while left > 0 {
        tokio::select! {
            read = near.read(&mut there) => match read? {
                0 => break,
                n => far.write_all(&there[..n]).await?,
            },
            read = far.read(&mut back[..left]) => match read? {
                0 => break,
                n => {
                    near.write_all(&back[..n]).await?;
                    left -= n;
                }
            },
        }
    }
    Ok(())
}

fn empty() -> Body {
    Full::new(Bytes::new())
        .map_err(|never: Infallible| match never {})
        .boxed()
}

fn refusal(code: u16) -> Response<Body> {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
        "reason": "InternalError", "message": "this answer is a test's",
    });
    let body = Full::new(Bytes::from(status.to_string()))
        .map_err(|never: Infallible| match never {})
        .boxed();
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or_default();
    let json = hyper::header::HeaderValue::from_static("application/json");
    let headers = response.headers_mut();
    headers.insert(hyper::header::CONTENT_TYPE, json);
    response
}

fn base64(data: &[u8]) -> String {
    use k8s_openapi::ByteString;
    let text = serde_json::to_value(ByteString(data.to_vec())).expect("text");
    text.as_str().unwrap_or_default().to_owned()
}
