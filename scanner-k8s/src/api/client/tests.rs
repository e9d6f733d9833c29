//! The identities against a server of the test's own, in this process.

use std::sync::{Arc, Mutex};

use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderValue, Request, header::AUTHORIZATION};
use kube::{
    Config,
    client::{Body, ClientBuilder},
};
use scanner_core::{Target, audit::AuditLog};
use secrecy::SecretString;
use tokio::{
    io::{DuplexStream, duplex},
    runtime::Handle,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};
use tokio_tungstenite::{
    accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{Request as Upgrade, Response as Upgraded},
        http::header::SEC_WEBSOCKET_PROTOCOL,
    },
};

use crate::api::{
    exec::Limits,
    segment::Segment,
    transport::{InMemory, Settings, Transport},
};

const TOKEN: &str = "e30.e30.aBcDaBcDaBcDaBcDaBcDaBcDaBcDaBcDaBcD";

const STATUS: &[u8] = br#"{"status":"Success"}"#;

/// Accepts one exec, sends back what it was sent, and gives the token that came with it.
async fn echo(mut dialled: UnboundedReceiver<DuplexStream>) -> Option<String> {
    let connection = dialled.recv().await.unwrap();
    let mut token = None;
    let accept = |request: &Upgrade, mut answer: Upgraded| {
        let sent = request.headers().get(AUTHORIZATION);
        token = sent.and_then(|v| v.to_str().ok()).map(str::to_owned);
        let protocol = HeaderValue::from_static("v5.channel.k8s.io");
        answer
            .headers_mut()
            .insert(SEC_WEBSOCKET_PROTOCOL, protocol);
        Ok(answer)
    };
    let mut stream = accept_hdr_async(connection, accept).await.unwrap();
    while let Some(Ok(Message::Binary(message))) = stream.next().await {
        match message.split_first() {
            Some((0, data)) => {
                let back = [&[1], data].concat();
                stream.send(Message::Binary(back.into())).await.unwrap();
            }
            _ => break,
        }
    }
    let status = [&[3], STATUS].concat();
    stream.send(Message::Binary(status.into())).await.unwrap();
    let _ = stream.close(None).await;
    token
}

fn target() -> Target {
    serde_json::from_value(serde_json::json!({
        "namespace": "shop", "pod": "web", "pod_uid": "1", "container": "app", "container_id": "c",
        "image": "i", "image_id": "j", "restarts": 0, "started_at": "", "node": "n",
    }))
    .unwrap()
}

#[tokio::test]
async fn an_exec_over_shared_connections_is_recorded_to_its_end() {
    let (ends, dialled) = unbounded_channel();
    let memory = InMemory::new(move || {
        let (ours, theirs) = duplex(1 << 16);
        ends.send(theirs).unwrap();
        ours
    });
    let echo = tokio::spawn(echo(dialled));
    // What a program's own layer sees of the requests that pass it.
    let passed = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&passed);
    let settings = Settings {
        wrap: Arc::new(move |builder: ClientBuilder<_>| {
            let seen = Arc::clone(&seen);
            let look = tower::util::MapRequestLayer::new(move |request: Request<Body>| {
                let authorized = request.headers().contains_key(AUTHORIZATION);
                seen.lock().unwrap().push(authorized);
                request
            });
            builder.with_layer(&look).build()
        }),
        user_agent: HeaderValue::from_static("acme/1"),
        images: Arc::new(crate::api::image_memory::InProcess::default()),
        searches_own_process: false,
        memory: Some(memory),
        proxy: None,
        plugin: None,
        connection: Vec::new(),
        origin: scanner_core::report::Origin::default(),
        runtime: Handle::current(),
    };
    let config = Config::new("https://h:6443".parse().unwrap());
    let transport = Transport::new(config, settings).unwrap();
    let segment = Segment::new(Arc::new(transport), Arc::new(AuditLog::new()));
    let identity = segment
        .identity(SecretString::from(TOKEN.to_owned()))
        .unwrap();
    let limits = Limits {
        bytes: 1 << 10,
        total: std::time::Duration::from_secs(10),
        idle: None,
    };
    let mut stream = identity.scan().exec(&target(), &["cat"]).await.unwrap();
    // A token that goes through a target is found by the segment's own detector.
    let out = stream.run(TOKEN.as_bytes(), limits).await.unwrap();
    stream.close().await;
    assert_eq!(out, TOKEN.as_bytes());
    assert_eq!(echo.await.unwrap().unwrap(), format!("Bearer {TOKEN}"));
    assert_eq!(
        *passed.lock().unwrap(),
        [false],
        "the layer sees the call and no token"
    );
    assert_eq!(segment.calls(), (0, 1));
    let length = TOKEN.len() as u64;
    let received = length + STATUS.len() as u64;
    assert_eq!(segment.tokens().streams(), (length, received, 2));
    let text = segment.audit().text();
    for part in [
        "pods/exec",
        "\"event\":\"stream\"",
        "\"outcome\":\"success\"",
        "\"status\":101",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains(TOKEN) && segment.audit().holds());
}

#[tokio::test]
async fn what_only_tries_never_opens_a_stream() {
    let request = Request::get("/exec").header("Connection", "Upgrade");
    let request = request.header("Upgrade", "websocket").body(vec![]).unwrap();
    let sent = super::review::never_upgraded(request);
    assert!(sent.headers().is_empty());
}
