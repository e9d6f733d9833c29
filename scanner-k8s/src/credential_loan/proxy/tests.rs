//! The proxy as a client on this machine sees it, with TLS, before a server of the test's own.

mod closing;
mod logged;
mod streams;
mod support;

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

use super::{answers::tests::target, service::Slot, *};
use crate::credential_loan::terms::{AllowedCommand, LoanTerms};
use support::{Client, Does, SOON, Site, UPGRADE, body, exec_request, status};

fn terms(commands: &[(&[&str], u32)]) -> LoanTerms {
    let commands = commands.iter().map(|(argv, times)| AllowedCommand {
        argv: argv.iter().map(|word| (*word).to_owned()).collect(),
        times: *times,
    });
    LoanTerms {
        commands: commands.collect(),
        ..LoanTerms::default()
    }
}

const POD: &str = "/api/v1/namespaces/shop/pods/web";

#[tokio::test]
async fn what_kubectl_asks_first_is_answered_without_the_server() {
    let site = Site::start(&terms(&[(&["id"], 1)])).await;
    let mut client = Client::of(&site).await;
    for (path, kind) in [
        ("/api?timeout=32s", "APIVersions"),
        ("/apis", "APIGroupList"),
        ("/api/v1", "APIResourceList"),
        (POD, "Pod"),
    ] {
        let answer = client.ask("GET", path, "").await;
        assert_eq!(status(&answer), 200, "{path}");
        let answer: Value = serde_json::from_str(body(&answer)).unwrap();
        assert_eq!(answer["kind"], kind, "{path}");
    }
    let version = client.ask("GET", "/version", "").await;
    assert!(body(&version).contains("\"major\":\"1\""));
    assert!(site.asked().is_empty());
}

#[tokio::test]
async fn the_kubeconfig_has_no_token_and_the_way_to_the_proxy_alone() {
    let site = Site::start(&terms(&[(&["id"], 1)])).await;
    let kubeconfig = site.kubeconfig();
    let user = kubeconfig["users"][0]["user"].as_object().unwrap();
    let keys: Vec<&String> = user.keys().collect();
    assert_eq!(keys, ["client-certificate-data", "client-key-data"]);
    let cluster = &kubeconfig["clusters"][0]["cluster"];
    let server = cluster["server"].as_str().unwrap();
    assert!(server.starts_with("https://127.0.0.1:"), "{server}");
    assert!(cluster["certificate-authority-data"].is_string());
    assert_eq!(kubeconfig["contexts"][0]["context"]["namespace"], "shop");
}

#[tokio::test]
async fn a_client_without_the_certificate_of_this_loan_gets_nothing() {
    let site = Site::start(&terms(&[(&["id"], 1)])).await;
    let other = Site::start(&terms(&[(&["id"], 1)])).await;
    for tls12 in [false, true] {
        assert!(Client::refused(&site, None, tls12).await);
        assert!(Client::refused(&site, Some(&other), tls12).await);
        // The same with the right one.
        assert!(!Client::refused(&site, Some(&site), tls12).await);
    }
    // Without TLS at all.
    let mut plain = tokio::net::TcpStream::connect(site.address())
        .await
        .unwrap();
    plain
        .write_all(b"GET /api HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(!answer.contains("HTTP"), "{answer:?}");
    assert!(site.asked().is_empty());
    let text = site.log();
    assert_eq!(
        text.matches("no TLS with the certificate").count(),
        5,
        "{text}"
    );
}

#[tokio::test]
async fn all_else_is_refused_with_a_status_that_says_why() {
    let mut all = terms(&[(&["id"], 100)]);
    all.any_command = 100;
    all.whole_pod = true;
    let site = Site::start(&all).await;
    for (method, path) in [
        ("GET", "/api/v1/namespaces/shop/pods"),
        ("GET", "/api/v1/namespaces/shop/pods/web2"),
        ("GET", "/api/v1/namespaces/other/pods/web"),
        ("GET", "/api/v1/namespaces/shop/secrets"),
        ("GET", "/api/v1/namespaces/shop/pods/web/log"),
        ("GET", "/api/v1/namespaces/shop/pods/web/exec/"),
        ("GET", "/api/v1/namespaces/shop/pods//web/exec?command=id"),
        (
            "GET",
            "/api/v1/namespaces/shop/pods/web/../web2/exec?command=id",
        ),
        ("GET", "/api/v1/namespaces/shop/pods/web%2Fexec?command=id"),
        ("GET", "/api/v1/namespaces/shop/pods/db/exec?command=id"),
        ("POST", "/api/v1/namespaces/shop/pods/db/exec?command=id"),
        ("GET", "/api/v1/namespaces/shop/pods/web/attach"),
        (
            "GET",
            "/api/v1/namespaces/shop/pods/web/portforward?ports=80",
        ),
        ("GET", "/api/v1/namespaces/shop/pods/web/proxy/"),
        ("GET", "/api/v1/nodes/n1/proxy/exec/shop/web/app?command=id"),
        (
            "POST",
            "/api/v1/namespaces/shop/serviceaccounts/secure-scan-a/token",
        ),
        ("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews"),
        ("PUT", POD),
        ("PATCH", POD),
        ("DELETE", POD),
        ("HEAD", POD),
        ("OPTIONS", "*"),
        ("DELETE", "/api/v1/namespaces/shop/pods/web/exec?command=id"),
        ("GET", "/openapi/v3"),
        ("GET", "/metrics"),
    ] {
        let mut client = Client::of(&site).await;
        let answer = client.ask(method, path, UPGRADE).await;
        let code = status(&answer);
        assert!(matches!(code, 400 | 403), "{method} {path}: {answer}");
        if method != "HEAD" {
            let answer: Value = serde_json::from_str(body(&answer)).unwrap();
            assert_eq!(answer["kind"], "Status", "{method} {path}");
            assert_eq!(answer["status"], "Failure", "{method} {path}");
            assert_eq!(answer["code"], code, "{method} {path}");
            let why = answer["message"].as_str().unwrap();
            assert!(why.starts_with("secure-scan: "), "{why}");
        }
    }
    // It is not a proxy to other servers either.
    let mut client = Client::of(&site).await;
    let answer = client.ask("CONNECT", "example.com:443", "").await;
    assert_eq!(status(&answer), 403, "{answer}");
    let answer = Client::of(&site)
        .await
        .ask("GET", "http://example.com/", "")
        .await;
    assert_eq!(status(&answer), 403, "{answer}");
    assert!(site.asked().is_empty(), "{:?}", site.asked());
}

#[tokio::test]
async fn a_planned_exec_goes_to_the_planned_container_as_often_as_planned() {
    let mut all = terms(&[(&["id", "-u"], 2), (&["sh"], 1)]);
    all.any_command = 1;
    let site = Site::start(&all).await;
    for (query, code) in [
        ("command=id", 101),
        ("command=id", 403),
        ("command=id&command=-u&container=app&stdout=true", 101),
        ("command=id&command=-u", 101),
        ("command=id&command=-u", 403),
        ("command=sh&tty=true", 403),
        ("command=sh&container=proxy", 403),
        ("command=sh&stdin=true", 101),
        ("command=sh", 403),
    ] {
        let mut client = Client::of(&site).await;
        let answer = client
            .ask("GET", &format!("{POD}/exec?{query}"), UPGRADE)
            .await;
        assert_eq!(status(&answer), code, "{query}: {answer}");
    }
    let asked = site.asked();
    let commands: Vec<String> = asked.iter().map(|asked| asked.argv.join(" ")).collect();
    assert_eq!(commands, ["id", "id -u", "id -u", "sh"]);
    assert!(asked.iter().all(|asked| !asked.terminal));
    let text = site.log();
    let lines: Vec<&str> = text.lines().filter(|l| l.contains("loan_call")).collect();
    let allowed = |yes: &str| lines.iter().filter(|l| l.contains(yes)).count();
    assert_eq!(allowed("\"allowed\":true"), 4, "{text}");
    assert_eq!(allowed("\"allowed\":false"), 5, "{text}");
    assert!(text.contains("[\"id\",\"-u\"]"), "{text}");
}

#[tokio::test]
async fn an_exec_that_the_server_refuses_is_used_up_and_its_words_are_passed_on() {
    let site = Site::start(&terms(&[(&["id"], 1)])).await;
    site.server_does(Does::Refuses(403, "not today".into()));
    let path = format!("{POD}/exec?command=id");
    let mut client = Client::of(&site).await;
    let answer = client.ask("GET", &path, UPGRADE).await;
    assert_eq!(status(&answer), 403);
    assert!(body(&answer).contains("not today"), "{answer}");
    // On the same connection, as after any answer.
    let answer = client.ask("GET", &path, UPGRADE).await;
    assert!(body(&answer).contains("as often as planned"), "{answer}");
    assert_eq!(site.asked().len(), 1);
}

#[tokio::test]
async fn bytes_go_through_as_they_are_and_a_half_closed_side_still_reads() {
    let site = Site::start(&terms(&[(&["cat"], 1)])).await;
    let mut client = Client::of(&site).await;
    let path = format!("{POD}/exec?command=cat&stdin=true&stdout=true");
    let answer = client.ask("GET", &path, UPGRADE).await;
    assert_eq!(status(&answer), 101);
    let lower = answer.to_lowercase();
    for header in [
        "sec-websocket-accept: from-the-server",
        "sec-websocket-protocol: v5.channel.k8s.io",
        "upgrade: websocket",
        "connection: upgrade",
    ] {
        assert!(lower.contains(header), "{header}: {answer}");
    }
    assert!(
        !lower.contains("x-internal"),
        "only headers of the upgrade: {answer}"
    );
    let mut server = site.server().await;
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let mut got = vec![0; bytes.len()];
    let (sent, received) =
        tokio::join!(client.stream.write_all(&bytes), server.read_exact(&mut got));
    sent.unwrap();
    received.unwrap();
    assert!(got == bytes, "nothing is changed on the way");
    client.stream.shutdown().await.unwrap();
    let end = timeout(SOON, server.read(&mut [0; 1])).await;
    assert_eq!(end.expect("its end arrives").unwrap(), 0);
    let (sent, received) = tokio::join!(
        async {
            server.write_all(&bytes).await.unwrap();
            server.shutdown().await
        },
        client.stream.read_exact(&mut got),
    );
    sent.unwrap();
    received.unwrap();
    assert!(got == bytes);
    let end = timeout(SOON, client.stream.read(&mut [0; 1])).await;
    assert_eq!(end.expect("its end arrives").unwrap_or(0), 0);
}

#[tokio::test]
async fn what_a_client_sends_with_its_request_arrives_after_the_answer() {
    let site = Site::start(&terms(&[(&["cat"], 1)])).await;
    let mut client = Client::of(&site).await;
    let path = format!("{POD}/exec?command=cat&stdin=true");
    let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\n{UPGRADE}\r\nearly");
    client.stream.write_all(head.as_bytes()).await.unwrap();
    let mut server = site.server().await;
    let mut early = [0; 5];
    server.read_exact(&mut early).await.unwrap();
    assert_eq!(&early, b"early");
}
