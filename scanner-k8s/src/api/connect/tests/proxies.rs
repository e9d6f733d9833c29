//! All connections with a server go by the proxy that is named, and TLS is with the server itself.

mod site;

use std::error::Error as _;

use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::body::Bytes;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::ListParams;
use scanner_core::{Target, cause::chain};
use secrecy::SecretString;

use super::super::*;
use crate::api::{call::call, environment::Environment, exec::Limits, segment::Segment};
use site::{Certificate, Does, NAME, Proxy, Server, base64};

const TOKEN: &str = "e30.e30.aBcDaBcDaBcDaBcDaBcDaBcDaBcDaBcDaBcD";
const PASSWORD: &str = "PROXY-SECRET";

fn empty_list() -> Response<Full<Bytes>> {
    let list = r#"{"kind":"ConfigMapList","apiVersion":"v1","metadata":{},"items":[]}"#;
    Response::new(Full::new(Bytes::from(list)))
}

/// A cluster by a kubeconfig whose cluster has `more`.
async fn cluster(
    environment: &[(&str, &str)],
    server: &str,
    authorities: &str,
    more: &str,
) -> Result<Cluster, ConnectError> {
    let (_dir, path) = super::file(&format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: x\n\
         clusters: [{{name: c, cluster: {{server: '{server}', certificate-authority-data: {}{more}}}}}]\n\
         users: [{{name: u, user: {{token: operator-token}}}}]\n\
         contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\n",
        base64(authorities)
    ));
    let environment = Environment::of(environment);
    ClusterBuilder::kubeconfig_of(&environment, Some(&path), None)
        .await?
        .build()
}

async fn list(segment: &Segment) -> Result<(), crate::api::call::CallError> {
    let api = segment.operator().api::<ConfigMap>("shop");
    call("list ConfigMaps", api.list(&ListParams::default()))
        .await
        .map(|_| ())
}

fn target() -> Target {
    serde_json::from_value(serde_json::json!({
        "namespace": "shop", "pod": "web", "pod_uid": "1", "container": "app", "container_id": "c",
        "image": "i", "image_id": "j", "restarts": 0, "started_at": "", "node": "n",
    }))
    .unwrap()
}

/// Everything that a scan does with connections: calls of both identities, one opened ahead, and execs.
async fn everything(cluster: &Cluster) {
    let segment = cluster.begin();
    segment.expect_scan();
    list(&segment).await.unwrap();
    let identity = segment.identity(SecretString::from(TOKEN)).unwrap();
    let review = identity.review();
    assert_eq!(review.try_call("GET", "/x", b"").await.unwrap(), 200);
    for _ in 0..2 {
        let scan = identity.scan();
        let mut stream = scan.exec(&target(), &["cat"]).await.unwrap();
        let limits = Limits {
            bytes: 1 << 10,
            total: std::time::Duration::from_secs(10),
            idle: None,
        };
        assert_eq!(stream.run(b"hello", limits).await.unwrap(), b"hello");
        stream.close().await;
    }
    list(&segment).await.unwrap();
    assert!(!segment.audit().text().contains(PASSWORD));
}

#[tokio::test]
async fn every_connection_goes_by_the_proxy_of_the_kubeconfig() {
    let login = "Proxy-Authorization: Basic dXNlcjpQUk9YWS1TRUNSRVQ=";
    for (scheme, user, does) in [
        ("http", "", Does::Connect(None)),
        ("http", "user:PROXY-SECRET@", Does::Connect(Some(login))),
        ("https", "", Does::Connect(None)),
        ("https", "user:PROXY-SECRET@", Does::Connect(Some(login))),
        ("socks5", "", Does::Socks(None)),
        (
            "socks5",
            "user:PROXY-SECRET@",
            Does::Socks(Some(("user", PASSWORD))),
        ),
        // Some take no login, whatever the address says.
        ("socks5", "user:PROXY-SECRET@", Does::Socks(None)),
    ] {
        let server = Server::start(empty_list).await;
        let of_proxy = Certificate::of(&["127.0.0.1"], false);
        let tls = (scheme == "https").then_some(&of_proxy);
        let proxy = Proxy::start(server.address, does, tls).await;
        let url = format!(", proxy-url: '{scheme}://{user}{}'", proxy.address);
        let both = format!("{}{}", server.certificate.pem, of_proxy.pem);
        // Nobody but the proxy knows that name; and the environment does not change what the kubeconfig names.
        for (environment, name, port) in [
            (&[][..], NAME, 6443),
            (
                &[("NO_PROXY", "*"), ("HTTPS_PROXY", "http://192.0.2.1:1")],
                "127.0.0.1",
                server.address.port(),
            ),
        ] {
            let address = format!("https://{name}:{port}");
            let cluster = cluster(environment, &address, &both, &url).await.unwrap();
            let shown = format!(
                "through the proxy {scheme}://{}, by proxy-url in the kubeconfig",
                proxy.address
            );
            assert_eq!(cluster.connection(), [shown]);
            everything(&cluster).await;
            let asked = proxy.asked().pop().unwrap();
            let (name, asked) = (
                format!("{name}:{port}"),
                asked.lines().next().unwrap().to_owned(),
            );
            let wanted = if scheme == "socks5" {
                name
            } else {
                format!("CONNECT {name} HTTP/1.1")
            };
            assert_eq!(asked, wanted);
        }
        // Two clients with one shared connection each, and one for each exec.
        assert!(server.peers().len() >= 8, "{:?}", server.peers());
        assert_eq!(
            server.peers(),
            proxy.from(),
            "{scheme}: none went past the proxy"
        );
        assert!(
            proxy.first().iter().all(|byte| *byte == 22),
            "nothing but TLS is sent to the server"
        );
        let heads = proxy.asked().concat();
        assert!(
            !heads.contains("token") && !heads.contains("e30"),
            "{heads}"
        );
    }
}

#[tokio::test]
async fn the_proxy_of_the_environment_is_used_unless_it_is_excluded() {
    let server = Server::start(empty_list).await;
    let proxy = Proxy::start(server.address, Does::Connect(None), None).await;
    let authority = server.certificate.pem.as_str();
    let url = format!("http://user:{PASSWORD}@{}", proxy.address);
    let named = format!("https://{NAME}:6443");
    let by = cluster(&[("https_proxy", &url)], &named, authority, "")
        .await
        .unwrap();
    assert_eq!(
        by.connection(),
        [format!(
            "through the proxy http://{}, by https_proxy",
            proxy.address
        )]
    );
    everything(&by).await;
    assert_eq!(server.peers(), proxy.from());
    let count = proxy.asked().len();
    // No name server knows it, so a connection past the proxy fails.
    for list in [NAME, "*", ".test", "x, api.test:6443"] {
        let past = cluster(
            &[("HTTPS_PROXY", &url), ("NO_PROXY", list)],
            &named,
            authority,
            "",
        )
        .await
        .unwrap();
        assert!(past.connection().is_empty());
        let error = list_of(&past).await;
        assert!(
            error.starts_with("cannot list ConfigMaps: no connection: dns error"),
            "{error}"
        );
    }
    // The environment's proxy is for no server on this machine.
    let here = format!("https://{}", server.address);
    everything(
        &cluster(&[("HTTPS_PROXY", &url)], &here, authority, "")
            .await
            .unwrap(),
    )
    .await;
    assert_eq!(proxy.asked().len(), count, "the proxy saw none of these");
}

async fn list_of(cluster: &Cluster) -> String {
    chain(&list(&cluster.begin()).await.unwrap_err())
}

const PAGE: &str = "<html>Log in: PROXY-SECRET</html>";

/// Headers and body of a page.
fn html() -> String {
    let length = PAGE.len();
    format!("Content-Type: text/html\r\nContent-Length: {length}\r\n\r\n{PAGE}")
}

fn said(head: &str, rest: &str) -> String {
    format!("HTTP/1.1 {head}\r\n{rest}")
}

#[tokio::test]
async fn a_login_that_a_proxy_wants_is_named() {
    let html = html();
    let basic = "Proxy-Authenticate: Basic realm=\"x\"\r\n";
    for (answer, words, advice) in [
        (
            said("407 A", &format!("{basic}Content-Length: 0\r\n\r\n")),
            "wants a login: 407 by Basic",
            "USER:PASSWORD@",
        ),
        (
            said("407 A", &format!("{basic}{html}")),
            "wants a login: 407 by Basic; it answered with its login page",
            "USER:PASSWORD@",
        ),
        (
            said("407 A", &html),
            "wants a login: 407 Proxy Authentication Required; it answered with its login page",
            "USER",
        ),
        (
            said(
                "407 A",
                "Proxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n",
            ),
            "407 by Negotiate or NTLM, and only Basic is supported here",
            "name a proxy that accepts Basic authentication or needs no login",
        ),
        (
            said(
                "407 A",
                "Proxy-Authenticate: Negotiate, NTLM, A realm=\"x\", B, C, Basic realm=\"x\", charset=\"UTF-8\"\r\n\
                 Content-Length: 0\r\n\r\n",
            ),
            "407 by Negotiate or NTLM or A or B or C",
            "USER:PASSWORD@",
        ),
    ] {
        is_named(&answer, words, advice).await;
    }
}

#[tokio::test]
async fn what_a_proxy_answers_in_place_of_a_way_is_named() {
    let page = PAGE;
    let html = html();
    let chunked = format!(
        "Content-Type: text/html; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{page}\r\n0\r\n\r\n",
        page.len()
    );
    for (answer, words, advice) in [
        (
            said("200 OK", &html),
            "answered with a web page, such as its login page",
            "browser",
        ),
        (
            said("200 OK", &chunked),
            "answered with a web page, such as its login page",
            "browser",
        ),
        (
            said("200 OK", &format!("Content-Length: 9\r\n\r\n\n {page}")),
            "answered with a web page",
            "browser",
        ),
        (
            said(
                "302 Found",
                "Location: http://login.test/?t=PROXY-SECRET\r\nContent-Length: 0\r\n\r\n",
            ),
            "answered with a web page (302 Found)",
            "browser",
        ),
        (
            said("302 Found", &html),
            "answered with a web page (302 Found)",
            "browser",
        ),
        (
            said("403 No", &html),
            "answered with a web page (403 Forbidden)",
            "browser",
        ),
        (
            said("403 No", &format!("Content-Length: 33\r\n\r\n{page}")),
            "answered with a web page (403 Forbidden)",
            "browser",
        ),
        (
            said("403 No", "Content-Length: 2\r\n\r\nno"),
            "does not connect to api.test:6443: 403 Forbidden",
            "check the proxy",
        ),
        (
            said("502 No", &html),
            "does not connect to api.test:6443: 502 Bad Gateway",
            "check the proxy",
        ),
        (
            said("200 OK", "\r\nHTTP/1.1 400 Bad Request\r\n\r\n"),
            "what answers does not speak TLS",
            "check the server's address",
        ),
        (
            "SSH-2.0-OpenSSH_9\r\n".to_owned(),
            "does not answer as a proxy does",
            "check the proxy",
        ),
        (
            said("200 OK", &format!("X: {}\r\n\r\n", "x".repeat(100_000))),
            "does not answer as a proxy does",
            "check the proxy",
        ),
        (
            String::new(),
            "does not answer as a proxy does",
            "check the proxy",
        ),
    ] {
        is_named(&answer, words, advice).await;
    }
}

#[tokio::test]
async fn a_refusal_whose_page_comes_late_in_pieces_or_not_at_all_is_still_that_refusal() {
    let page = format!("{:x}\r\n{PAGE}\r\n", PAGE.len());
    let refused = "does not connect to api.test:6443: 403 Forbidden";
    for (body, words) in [
        ("Content-Length: 33\r\n\r\n", refused),
        ("Transfer-Encoding: chunked\r\n\r\n", refused),
        ("Transfer-Encoding: chunked\r\n\r\n1\r\n\n\r\n", refused),
        ("Transfer-Encoding: chunked\r\n\r\n1\r\nn\r\n", refused),
        (
            &format!("Content-Length: 100000\r\n\r\n{}", " ".repeat(20_000)),
            refused,
        ),
        (
            &format!("Transfer-Encoding: chunked\r\n\r\n1\r\n\n\r\n{page}"),
            "answered with a web page (403 Forbidden)",
        ),
    ] {
        let advice = if words == refused { "check" } else { "browser" };
        is_named(&said("403 No", body), words, advice).await;
    }
}

/// A proxy that answers so is named with those words, and that is to be done.
async fn is_named(answer: &str, words: &str, advice: &str) {
    let server = Server::start(empty_list).await;
    let proxy = Proxy::start(server.address, Does::Says(answer.as_bytes().to_vec()), None).await;
    let url = format!(", proxy-url: 'http://{}'", proxy.address);
    let cluster = cluster(&[], "https://api.test:6443", &server.certificate.pem, &url)
        .await
        .unwrap();
    let segment = cluster.begin();
    let error = list(&segment).await.unwrap_err();
    let text = chain(&error);
    assert!(text.contains(words), "{answer}: {text}");
    assert!(
        text.contains(&proxy.address.to_string()) || words.contains("TLS"),
        "{text}"
    );
    let remedy = error.remedy().unwrap().to_string();
    assert!(remedy.contains(advice), "{answer}: {remedy}");
    for text in [&text, &format!("{error:?}"), &segment.audit().text()] {
        assert!(!text.contains(PASSWORD), "{text}");
    }
    // The scan's identity says the same.
    let identity = segment.identity(SecretString::from(TOKEN)).unwrap();
    let error = identity
        .scan()
        .exec(&target(), &["cat"])
        .await
        .err()
        .unwrap();
    assert!(chain(&error).contains(words), "{}", chain(&error));
    assert!(server.peers().is_empty(), "nothing went past the proxy");
}

#[tokio::test]
async fn a_login_that_a_proxy_does_not_know_is_said_and_never_shown() {
    let login = Does::Connect(Some("Proxy-Authorization: Basic other"));
    for (scheme, does) in [
        ("http", login),
        ("socks5", Does::Socks(Some(("user", "other")))),
    ] {
        let server = Server::start(empty_list).await;
        let proxy = Proxy::start(server.address, does, None).await;
        for (user, words) in [
            ("", "wants a login"),
            (
                "user:PROXY-SECRET@",
                "login other than the one in its address",
            ),
        ] {
            let url = format!(", proxy-url: '{scheme}://{user}{}'", proxy.address);
            let cluster = cluster(&[], "https://api.test:6443", &server.certificate.pem, &url)
                .await
                .unwrap();
            let text = list_of(&cluster).await;
            assert!(text.contains(words) && !text.contains(PASSWORD), "{text}");
        }
        assert!(server.peers().is_empty());
    }
}

#[tokio::test]
async fn a_login_that_does_not_fit_beside_the_name_of_the_server_is_said_and_not_sent() {
    let server = Server::start(empty_list).await;
    let proxy = Proxy::start(server.address, Does::Socks(None), None).await;
    let password = "p".repeat(200);
    let url = format!(", proxy-url: 'socks5://user:{password}@{}'", proxy.address);
    let name = format!("https://{}.api.test:6443", "n".repeat(60));
    let cluster = cluster(&[], &name, &server.certificate.pem, &url).await;
    let text = list_of(&cluster.unwrap()).await;
    assert!(
        text.contains("is too long: user, password and the server's name"),
        "{text}"
    );
    assert!(
        !text.contains(&password) && proxy.asked().is_empty(),
        "{text}"
    );
}

#[tokio::test]
async fn a_proxy_cannot_pose_as_the_server() {
    let (server, other) = (
        Server::start(empty_list).await,
        Server::start(empty_list).await,
    );
    let proxy = Proxy::start(other.address, Does::Connect(None), None).await;
    let url = format!(", proxy-url: 'http://{}'", proxy.address);
    let cluster = cluster(&[], "https://api.test:6443", &server.certificate.pem, &url)
        .await
        .unwrap();
    let text = list_of(&cluster).await;
    assert!(text.contains("certificate"), "{text}");
    assert!(
        !text.contains("Error {") && !text.contains("Some("),
        "{text}"
    );
}

#[tokio::test]
async fn a_proxy_by_https_needs_a_certificate_that_is_known() {
    let server = Server::start(empty_list).await;
    let unknown = Certificate::of(&["127.0.0.1"], false);
    let proxy = Proxy::start(server.address, Does::Connect(None), Some(&unknown)).await;
    let url = format!(", proxy-url: 'https://user:{PASSWORD}@{}'", proxy.address);
    let cluster = cluster(&[], "https://api.test:6443", &server.certificate.pem, &url)
        .await
        .unwrap();
    let text = list_of(&cluster).await;
    assert!(
        text.contains("no connection to the proxy https://127.0.0.1"),
        "{text}"
    );
    assert!(
        text.contains("certificate") && proxy.asked().is_empty(),
        "{text}"
    );
}

#[tokio::test]
async fn a_page_in_place_of_an_answer_of_the_server_is_named() {
    fn page<const STATUS: u16>() -> Response<Full<Bytes>> {
        let page = Full::new(Bytes::from("<html>Log in</html>"));
        let answer = Response::builder().status(STATUS);
        answer
            .header("content-type", "text/html")
            .body(page)
            .unwrap()
    }
    fn elsewhere() -> Response<Full<Bytes>> {
        let answer = Response::builder()
            .status(302)
            .header("location", "https://login.test/");
        answer.body(Full::default()).unwrap()
    }
    for (answer, status) in [
        (page::<200> as fn() -> _, StatusCode::OK),
        (page::<302>, StatusCode::FOUND),
        (page::<401>, StatusCode::UNAUTHORIZED),
        (page::<407>, StatusCode::PROXY_AUTHENTICATION_REQUIRED),
        (elsewhere, StatusCode::FOUND),
    ] {
        let server = Server::start(answer).await;
        let address = format!("https://{}", server.address);
        let cluster = cluster(&[], &address, &server.certificate.pem, "")
            .await
            .unwrap();
        let segment = cluster.begin();
        let error = list(&segment).await.unwrap_err();
        let words = format!("a web page came ({status}), such as the login page of a proxy");
        assert!(chain(&error).contains(&words), "{}", chain(&error));
        assert!(error.remedy().unwrap().to_string().contains("browser"));
        // What a proxy answers says nothing of a token.
        let identity = segment.identity(SecretString::from(TOKEN)).unwrap();
        assert!(identity.review().try_call("GET", "/x", b"").await.is_err());
    }
}

#[tokio::test]
async fn a_proxy_that_cannot_be_used_is_refused_before_anything_is_sent() {
    for bad in [
        "ftp://user:PROXY-SECRET@p",
        "socks4://user:PROXY-SECRET@p:1",
        "http://user:PROXY-SECRET@ p",
        "http://svc:4711/PROXY-SECRET@p:1",
        "http://svc:4711?PROXY-SECRET@p:1",
        "http://svc:4711#PROXY-SECRET@p:1",
    ] {
        let url = format!(", proxy-url: '{bad}'");
        let pem = Certificate::of(&[NAME], false).pem;
        for (environment, more, from) in [
            (vec![], url.as_str(), "proxy-url in the kubeconfig"),
            (vec![("HTTPS_PROXY", bad)], "", "HTTPS_PROXY"),
        ] {
            let error = cluster(&environment, "https://api.test", &pem, more)
                .await
                .unwrap_err();
            assert_eq!(error.kind(), ConnectErrorKind::Proxy);
            let text = format!("{error} {error:?} {:?}", error.source());
            assert!(text.contains(from) && !text.contains(PASSWORD), "{text}");
            let advice = error.remedy().unwrap().to_string();
            assert!(advice.contains("%2F, %3F, %23 and %40"), "{advice}");
        }
        // The environment of a proxy that the kubeconfig names does not matter, nor that of an excluded server.
        for (environment, more) in [
            (vec![("HTTPS_PROXY", bad)], ", proxy-url: 'http://p:1'"),
            (vec![("HTTPS_PROXY", bad), ("NO_PROXY", ".test")], ""),
        ] {
            assert!(
                cluster(&environment, "https://api.test", &pem, more)
                    .await
                    .is_ok()
            );
        }
    }
}
