//! The streams of execs on real connections: what is sent last arrives, and what went through is counted.

use super::*;

const CAT: &str = "/api/v1/namespaces/shop/pods/web/exec?command=cat&stdin=true";

#[tokio::test]
async fn what_went_through_is_in_the_log() {
    let site = Site::start(&terms(&[(&["cat"], 1)])).await;
    let mut client = Client::of(&site).await;
    assert_eq!(status(&client.ask("GET", CAT, UPGRADE).await), 101);
    let mut server = site.server().await;
    client.stream.write_all(&vec![1; 70_000]).await.unwrap();
    server.read_exact(&mut vec![0; 70_000]).await.unwrap();
    server.write_all(&[2; 300]).await.unwrap();
    client.stream.read_exact(&mut [0; 300]).await.unwrap();
    client.stream.shutdown().await.unwrap();
    server.shutdown().await.unwrap();
    let end = &site.logged("\"event\":\"tunnel\"", 1).await[0]["entry"];
    assert_eq!(end["id"], "exec-1");
    assert_eq!(end["sent_bytes"], 70_000);
    assert_eq!(end["received_bytes"], 300);
    assert_eq!(end["outcome"], "the server closed the connection");
}

#[tokio::test]
async fn a_stream_that_the_end_of_the_loan_closes_is_in_the_log() {
    let site = Site::start(&terms(&[(&["cat"], 1)])).await;
    let mut client = Client::of(&site).await;
    assert_eq!(status(&client.ask("GET", CAT, UPGRADE).await), 101);
    client.stream.write_all(b"begun").await.unwrap();
    let mut server = site.server().await;
    server.read_exact(&mut [0; 5]).await.unwrap();
    let (_, log) = site.end().await;
    let words = r#""sent_bytes":5,"received_bytes":0,"outcome":"closed by secure-scan""#;
    assert!(log.contains(words), "{log}");
}

#[tokio::test]
async fn an_exec_that_was_opened_for_a_client_that_is_gone_is_in_the_log() {
    let site = Site::start(&terms(&[(&["cat"], 1)])).await;
    let slot = Slot::default();
    let answer = site.loan.answer(exec_request(CAT), &slot).await;
    assert_eq!(answer.status(), 101);
    let mut server = site.server().await;
    // As where the answer cannot be sent any more.
    slot.take().unwrap().left();
    let end = &site.logged("\"event\":\"tunnel\"", 1).await[0]["entry"];
    assert_eq!(end["id"], "exec-1");
    assert_eq!(end["outcome"], "the program closed the connection");
    assert_eq!(server.read(&mut [0; 1]).await.unwrap(), 0);
}

#[tokio::test]
async fn what_the_server_sends_last_arrives_though_it_takes_nothing_more() {
    let site = Site::start(&terms(&[(&["cat"], 1)])).await;
    site.server_does(Does::TakesNothing);
    let mut client = Client::of(&site).await;
    assert_eq!(status(&client.ask("GET", CAT, UPGRADE).await), 101);
    let mut server = site.server().await;
    for _ in 0..20 {
        client.stream.write_all(&[1; 10_000]).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    server.write_all(b"last words").await.unwrap();
    server.shutdown().await.unwrap();
    let mut got = Vec::new();
    let read = client.stream.read_to_end(&mut got);
    timeout(SOON, read).await.expect("its end arrives").unwrap();
    assert_eq!(got, b"last words");
}

#[tokio::test]
async fn what_is_under_way_to_a_slow_program_is_not_lost_when_the_server_closes() {
    let site = Site::start(&terms(&[(&["cat"], 1)])).await;
    let mut client = Client::narrow(&site).await;
    assert_eq!(status(&client.ask("GET", CAT, UPGRADE).await), 101);
    let mut server = site.server().await;
    // More than the server reads: some of it stays unread in the proxy's connection.
    client.stream.write_all(&vec![1; 100_000]).await.unwrap();
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let sent = bytes.clone();
    let server = tokio::spawn(async move {
        server.write_all(&sent).await.unwrap();
        server.shutdown().await.unwrap();
        server
    });
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let mut got = Vec::new();
    let read = client.stream.read_to_end(&mut got);
    timeout(SOON, read).await.expect("its end arrives").unwrap();
    assert!(got == bytes, "{} of {} bytes", got.len(), bytes.len());
    drop(server.await.unwrap());
}
