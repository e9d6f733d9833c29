//! The end of a proxy, and its bounds: no client can hold it up.

use tokio::net::TcpStream;

use super::*;

#[tokio::test]
async fn the_end_of_a_proxy_closes_every_stream_and_its_port() {
    let site = Site::start(&terms(&[(&["cat"], 3)])).await;
    let path = format!("{POD}/exec?command=cat&stdin=true");
    let mut clients = Vec::new();
    let mut servers = Vec::new();
    for _ in 0..3 {
        let mut client = Client::of(&site).await;
        assert_eq!(status(&client.ask("GET", &path, UPGRADE).await), 101);
        servers.push(site.server().await);
        clients.push(client);
    }
    let (address, _) = site.end().await;
    for (mut client, mut server) in clients.into_iter().zip(servers) {
        let closed = timeout(SOON, client.stream.read(&mut [0; 1])).await;
        assert!(matches!(closed, Ok(Ok(0) | Err(_))), "{closed:?}");
        let closed = timeout(SOON, server.read(&mut [0; 1])).await;
        assert!(matches!(closed, Ok(Ok(0) | Err(_))), "{closed:?}");
    }
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn no_client_holds_up_the_end() {
    let site = Site::start(&terms(&[(&["cat"], 2)])).await;
    // One that says nothing, one in the middle of a request, one idle after an answer.
    let silent = TcpStream::connect(site.address()).await.unwrap();
    let mut slow = Client::of(&site).await;
    slow.stream
        .write_all(b"GET /api HTTP/1.1\r\nHost")
        .await
        .unwrap();
    let mut idle = Client::of(&site).await;
    idle.ask("GET", "/api", "").await;
    // One that sends without end into a stream that the server does not read.
    let path = format!("{POD}/exec?command=cat&stdin=true");
    let mut flood = Client::of(&site).await;
    assert_eq!(status(&flood.ask("GET", &path, UPGRADE).await), 101);
    let _unread = site.server().await;
    let flood =
        tokio::spawn(async move { while flood.stream.write_all(&[0; 4096]).await.is_ok() {} });
    // One that reads nothing of what the server sends without end.
    let mut deaf = Client::of(&site).await;
    assert_eq!(status(&deaf.ask("GET", &path, UPGRADE).await), 101);
    let mut server = site.server().await;
    let sends = tokio::spawn(async move { while server.write_all(&[0; 4096]).await.is_ok() {} });
    // Some that ask without end.
    let asks: Vec<_> = (0..4)
        .map(|_| {
            let address = site.address();
            tokio::spawn(async move { while TcpStream::connect(address).await.is_ok() {} })
        })
        .collect();
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    site.end().await;
    for task in [flood, sends].into_iter().chain(asks) {
        assert!(timeout(SOON, task).await.is_ok(), "its connection is gone");
    }
    drop((silent, slow, idle, deaf));
}

#[tokio::test]
async fn an_exec_that_the_server_never_answers_ends_with_the_proxy() {
    for does in [Does::Waits, Does::Opens] {
        let site = Site::start(&terms(&[(&["cat"], 1)])).await;
        site.server_does(does);
        let mut client = Client::of(&site).await;
        let path = format!("{POD}/exec?command=cat");
        let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\n{UPGRADE}\r\n");
        client.stream.write_all(head.as_bytes()).await.unwrap();
        // No answer is read, and nothing is sent.
        let mut server = site.server().await;
        site.end().await;
        let closed = timeout(SOON, server.read(&mut [0; 1])).await;
        assert!(matches!(closed, Ok(Ok(0) | Err(_))), "{closed:?}");
    }
}

#[tokio::test]
async fn a_request_is_bounded() {
    let site = Site::start(&terms(&[(&["id"], 1)])).await;
    for head in [
        format!(
            "GET /api?{} HTTP/1.1\r\nHost: x\r\n\r\n",
            "a".repeat(100_000)
        ),
        format!(
            "GET /api HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n",
            "a".repeat(100_000)
        ),
        format!("GET /api HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(1000)),
        "\r\n".repeat(100_000),
        "not http".repeat(10_000),
    ] {
        let mut client = Client::of(&site).await;
        let _ = client.stream.write_all(head.as_bytes()).await;
        let mut answer = Vec::new();
        let read = client.stream.read_to_end(&mut answer);
        assert!(timeout(SOON, read).await.is_ok(), "it is closed");
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", &head[..40]);
    }
    site.logged("no request of HTTP/1.1 within the bounds", 5)
        .await;
    // Others are still answered.
    let answer = Client::of(&site).await.ask("GET", "/api", "").await;
    assert_eq!(status(&answer), 200);
}
