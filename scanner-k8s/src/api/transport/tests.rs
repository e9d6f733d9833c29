//! Segments over one transport, against a server that answers every request with what it was asked.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use http::{Response, header::USER_AGENT};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::ListParams;
use scanner_core::audit::AuditLog;

use super::*;
use crate::api::segment::Segment;

/// What a server saw of a request: its path, its user agent, and whose token it carries.
type Seen = (String, String, Option<String>);

/// A transport to a server that refuses everything, behind what a program puts around it.
fn transport(seen: &Arc<Mutex<Vec<Seen>>>) -> Arc<Transport> {
    let stack = || {
        let seen = Arc::clone(seen);
        let service = tower::service_fn(move |request: Request<Body>| {
            let header = |name| {
                let value: Option<&HeaderValue> = request.headers().get(name);
                value.and_then(|v| v.to_str().ok()).map(str::to_owned)
            };
            let agent = header(USER_AGENT).unwrap_or_default();
            let path = request.uri().path().to_owned();
            seen.lock()
                .unwrap()
                .push((path, agent, header(AUTHORIZATION)));
            let body = r#"{"kind":"Status","status":"Failure","message":"no","code":403}"#;
            let answer = Response::builder().status(403);
            let answer = answer.body(Body::from(body.as_bytes().to_vec())).unwrap();
            async move { Ok::<_, Infallible>(answer) }
        });
        Client::new(service.map_request(authorize), "default")
    };
    Arc::new(Transport {
        operator: stack(),
        scan: stack(),
        handshakes: None,
        config: Config::new("https://h:6443".parse().unwrap()),
        connection: Vec::new(),
        origin: scanner_core::report::Origin::default(),
        plugins: None,
        user_agent: HeaderValue::from_static("acme/1 secure-scan/0"),
        searches_own_process: false,
        images: Arc::new(crate::api::image_memory::InProcess::default()),
        runtime: Handle::current(),
    })
}

async fn list(segment: &Segment, namespace: &str) {
    let api = segment.operator().api::<ConfigMap>(namespace);
    let refused = api.list(&ListParams::default()).await;
    assert!(matches!(refused, Err(kube::Error::Api(status)) if status.code == 403));
}

#[tokio::test]
async fn segments_at_once_do_not_mix_counters_logs_or_tokens() {
    let seen = Arc::default();
    let transport = transport(&seen);
    let begin = || Segment::new(Arc::clone(&transport), Arc::new(AuditLog::new()));
    let (one, two) = (begin(), begin());
    let token = |letter: &str| SecretString::from(format!("e30.e30.{}", letter.repeat(80)));
    let (a, b) = (
        one.identity(token("a")).unwrap(),
        two.identity(token("b")).unwrap(),
    );
    let (review_a, review_b) = (a.review(), b.review());
    tokio::join!(
        async {
            for _ in 0..3 {
                list(&one, "one").await;
                assert_eq!(review_a.try_call("GET", "/of-one", b"").await.unwrap(), 403);
            }
        },
        async {
            for _ in 0..5 {
                list(&two, "two").await;
                assert!(
                    review_b
                        .review_rules("two")
                        .await
                        .unwrap_err()
                        .is_forbidden()
                );
            }
        },
    );
    assert_eq!((one.calls(), two.calls()), ((3, 3), (5, 5)));
    for (own, other) in [(&one, "two"), (&two, "one")] {
        let text = own.audit().text();
        assert!(own.audit().holds());
        assert!(!text.contains(&format!("/namespaces/{other}/")), "{text}");
        // Opened, and each call with its answer.
        let (operator, scan) = own.calls();
        assert_eq!(text.lines().count() as u64, 1 + 2 * (operator + scan));
    }
    assert!(!one.audit().text().contains("selfsubjectrulesreviews"));
    // Each detector knows its own token alone.
    let letters = |letter: &str| letter.repeat(80).into_bytes();
    assert!(one.tokens().finds(&letters("a")) && !one.tokens().finds(&letters("b")));
    assert!(two.tokens().finds(&letters("b")) && !two.tokens().finds(&letters("a")));
    // And each identity sends its own token alone, the operator none of them.
    for (path, agent, token) in seen.lock().unwrap().iter() {
        assert_eq!(agent, "acme/1 secure-scan/0");
        let letter = match path.as_str() {
            "/of-one" => Some("a"),
            path if path.contains("review") => Some("b"),
            _ => None,
        };
        // A review may spell it in another way, from where the detector knows it already.
        let expected = letter.map(|l| format!("Bearer e30.e30.{}", l.repeat(79)));
        let length = expected.as_ref().map_or(0, String::len);
        let known = |token: &String| token.replace('\t', "")[..length].to_owned();
        assert_eq!(token.as_ref().map(known), expected, "{path}");
    }
}

#[tokio::test]
async fn segments_of_one_log_count_apart() {
    let seen = Arc::default();
    let one = Segment::new(transport(&seen), Arc::new(AuditLog::new()));
    list(&one, "a").await;
    let two = one.next();
    list(&two, "b").await;
    list(&two, "b").await;
    assert_eq!((one.calls(), two.calls()), ((1, 0), (2, 0)));
    assert!(Arc::ptr_eq(one.audit(), two.audit()));
    assert_eq!(one.audit().text().lines().count(), 2 + 2 * 3);
    let closed = two.audit().close().unwrap();
    assert_eq!(closed, one.audit().checkpoint());
}

#[tokio::test]
async fn a_million_calls_of_others_do_not_fill_the_log_of_a_scan() {
    let seen = Arc::default();
    let transport = transport(&seen);
    let full = Segment::new(Arc::clone(&transport), Arc::new(AuditLog::new()));
    let line = "x".repeat(1 << 20);
    for _ in 0..66 {
        full.audit()
            .record(scanner_core::audit::Entry::Done { what: line.clone() });
    }
    assert!(!full.audit().holds());
    let next = Segment::new(transport, Arc::new(AuditLog::new()));
    list(&next, "a").await;
    assert!(next.audit().holds());
}

#[tokio::test]
async fn a_token_that_no_header_may_have_makes_no_identity() {
    let seen = Arc::default();
    let segment = Segment::new(transport(&seen), Arc::new(AuditLog::new()));
    assert!(
        segment
            .identity(SecretString::from("a\nb".to_owned()))
            .is_err()
    );
}

#[test]
fn a_scan_takes_the_way_to_the_server_over_and_no_credential() {
    let mut config = Config::new("https://h:6443".parse().unwrap());
    config.tls_server_name = Some("kubernetes".into());
    config.root_cert = Some(vec![vec![1, 2, 3]]);
    config.root_cert_file = Some("/ca.crt".into());
    config.auth_info.token = Some(SecretString::from("operator".to_owned()));
    config.auth_info.impersonate = Some("admin".into());
    config.headers = vec![(USER_AGENT, HeaderValue::from_static("x"))];
    let shared = without_credential(&config);
    assert_eq!(shared.cluster_url, config.cluster_url);
    assert_eq!(shared.tls_server_name, config.tls_server_name);
    assert_eq!(shared.root_cert, config.root_cert);
    assert_eq!(shared.root_cert_file, config.root_cert_file);
    assert!(shared.auth_info.token.is_none() && shared.auth_info.impersonate.is_none());
    assert!(shared.headers.is_empty());
}

#[test]
fn a_segment_can_begin_outside_of_the_runtime() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let seen = Arc::default();
    let transport = runtime.block_on(async { transport(&seen) });
    let segment = Segment::new(transport, Arc::new(AuditLog::new()));
    runtime.block_on(list(&segment, "a"));
    assert_eq!(segment.calls(), (1, 0));
}
