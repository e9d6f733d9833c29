//! What a hostile program can make of the audit log: it has a bounded part of it, and the release finds room.

use super::*;

/// Many long words, so that few calls fill much; about 30,000 bytes.
fn long_command() -> String {
    let word = format!("&command={}", "%1b".repeat(160));
    format!("{POD}/exec?command=sh{}", word.repeat(60))
}

#[tokio::test]
async fn no_flood_of_execs_fills_the_log() {
    let mut all = terms(&[]);
    all.any_command = 10_000;
    let site = Site::start(&all).await;
    site.server_does(Does::Refuses(400, "no".into()));
    let path = long_command();
    let mut client = Client::of(&site).await;
    let (mut opened, mut refused) = (0, 0);
    while refused < 3 {
        let answer = client.ask("GET", &path, UPGRADE).await;
        match status(&answer) {
            400 => opened += 1,
            403 => {
                assert!(body(&answer).contains("the audit log of this loan is full"));
                refused += 1;
            }
            other => panic!("{other}: {answer}"),
        }
        assert!(opened < 2000, "{} bytes", site.log().len());
    }
    assert!(opened > 500, "{opened}");
    // Nobody was asked, and what is not an exec is still answered.
    assert_eq!(site.asked().len(), opened);
    assert_eq!(status(&client.ask("GET", "/api", "").await), 200);
    site.loan.log.finish();
    let length = site.log().len();
    assert!(site.log_is_whole() && length < 33 << 20, "{length}");
}

#[tokio::test]
async fn ten_thousand_execs_have_room() {
    let mut all = terms(&[]);
    all.any_command = 10_000;
    let site = Site::start(&all).await;
    let path = format!(
        "{POD}/exec?command=sh&command=-c&command={}",
        "x".repeat(200)
    );
    for _ in 0..10_000 {
        let answer = site
            .loan
            .answer(exec_request(&path), &Slot::default())
            .await;
        assert_eq!(answer.status(), 101);
    }
    assert_eq!(site.log().matches("\"event\":\"tunnel\"").count(), 10_000);
    assert!(site.log_is_whole());
}

#[tokio::test]
async fn no_flood_of_refused_calls_fills_the_log() {
    let site = Site::start(&terms(&[(&["id"], 1)])).await;
    let path = long_command();
    let mut client = Client::of(&site).await;
    for _ in 0..1500 {
        assert_eq!(status(&client.ask("GET", &path, UPGRADE).await), 403);
    }
    site.loan.log.finish();
    let text = site.log();
    assert_eq!(text.matches("loan_call").count(), 1000);
    assert!(text.contains("500 more calls of the program"));
    assert!(text.len() < 4 << 20, "{}", text.len());
}

#[tokio::test]
async fn connections_of_strangers_take_no_line_of_the_program() {
    let site = Site::start(&terms(&[(&["id"], 1)])).await;
    for _ in 0..150 {
        let mut plain = tokio::net::TcpStream::connect(site.address())
            .await
            .unwrap();
        plain.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let _ = plain.read_to_end(&mut Vec::new()).await;
    }
    let mut client = Client::of(&site).await;
    client.ask("GET", "/api", "").await;
    site.logged("no TLS with the certificate of this loan", 100)
        .await;
    site.logged("\"path\":\"/api\"", 1).await;
    site.loan.log.finish();
    let text = site.log();
    assert_eq!(text.matches("no TLS with the certificate").count(), 100);
    assert!(
        text.contains("50 more connections without the certificate"),
        "{text}"
    );
    assert!(!text.contains("more calls of the program"), "{text}");
}

#[tokio::test]
async fn a_request_that_cannot_be_read_is_logged() {
    let site = Site::start(&terms(&[(&["id"], 1)])).await;
    for (sent, why) in [
        ("GET /api HTTP/2.0\r\n\r\n", "no request of HTTP/1.1"),
        (
            "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
            "no request of HTTP/1.1",
        ),
        ("\u{1b}[31m\r\n\r\n", "no request of HTTP/1.1"),
        ("GET /api HTTP/1.1\r\nHo", "ended within a request"),
    ] {
        let before = site.log().matches(why).count();
        let mut client = Client::of(&site).await;
        client.stream.write_all(sent.as_bytes()).await.unwrap();
        client.stream.shutdown().await.unwrap();
        let _ = timeout(SOON, client.stream.read_to_end(&mut Vec::new())).await;
        let lines = site.logged(why, before + 1).await;
        assert_eq!(lines[before]["entry"]["allowed"], false);
    }
    // One that is closed between two requests is none of these.
    let mut client = Client::of(&site).await;
    client.ask("GET", "/api", "").await;
    client.stream.shutdown().await.unwrap();
    let _ = client.stream.read_to_end(&mut Vec::new()).await;
    assert_eq!(site.log().matches("loan_call").count(), 5);
}
