//! A stream against a server of the test's own, in memory and in virtual time.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    io::{DuplexStream, duplex},
    time::{Instant, sleep, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role},
};

use super::{
    ExecError, ExecErrorKind, ExecStream, Limits, Output, Refusal,
    channel::{CLOSE, STATUS, STDERR, STDIN, STDOUT},
    socket::Socket,
    tally::Tally,
};
use crate::api::stream_tap::StreamTap;

type Server = WebSocketStream<DuplexStream>;

const HOUR: Duration = Duration::from_hours(1);

const UNBOUNDED: Limits = Limits {
    bytes: 1 << 20,
    total: HOUR,
    idle: None,
};

/// A stream, and the server's end of its connection, whose buffer has room for `room` bytes.
async fn pair(room: usize) -> (ExecStream, Server) {
    let (ours, theirs) = duplex(room);
    let ours = WebSocketStream::from_raw_socket(ours, Role::Client, None).await;
    let stream = ExecStream {
        socket: Socket::new(ours),
        tally: Tally::new(StreamTap::default()),
        unread: Vec::new(),
        takes_input: true,
    };
    let server = WebSocketStream::from_raw_socket(theirs, Role::Server, None).await;
    (stream, server)
}

fn frame(channel: u8, data: &[u8]) -> Message {
    Message::Binary([&[channel], data].concat().into())
}

async fn succeed(server: &mut Server) {
    let status = frame(STATUS, br#"{"status":"Success"}"#);
    server.send(status).await.expect("a client");
}

/// Reads for that long; counts the pings, and gives the other messages.
async fn listen(server: &mut Server, time: Duration) -> (usize, Vec<Vec<u8>>) {
    let (mut pings, mut others) = (0, Vec::new());
    let until = Instant::now() + time;
    while let Ok(Some(Ok(message))) = tokio::time::timeout_at(until, server.next()).await {
        match message {
            Message::Ping(_) => pings += 1,
            Message::Binary(data) => others.push(data.to_vec()),
            _ => {}
        }
    }
    (pings, others)
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_silent_for_minutes_sees_pings_and_is_waited_for() {
    let (mut stream, mut server) = pair(1 << 16).await;
    let peer = tokio::spawn(async move {
        let (pings, _) = listen(&mut server, Duration::from_mins(5)).await;
        server.send(frame(STDOUT, b"late")).await.expect("a client");
        succeed(&mut server).await;
        pings
    });
    let out = stream.run(b"", UNBOUNDED).await.expect("an answer");
    assert_eq!(out, b"late");
    let pings = peer.await.expect("served");
    assert!((29..=30).contains(&pings), "{pings} pings in 300 s");
}

/// Has enough after so many bytes, and may then end the command.
struct Enough(usize, bool);

#[async_trait::async_trait]
impl Output for Enough {
    async fn chunk(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.0 = self.0.saturating_sub(bytes.len());
        Ok(())
    }

    fn is_whole(&self) -> bool {
        self.0 == 0
    }

    fn is_ended_by_reader(&self) -> bool {
        self.1
    }
}

/// What comes of a command that fails once its output was read, and what it got before and after that.
async fn fails_when_read(by_reader: bool) -> (Result<(), ExecError>, [Vec<Vec<u8>>; 2]) {
    let (mut stream, mut server) = pair(1 << 16).await;
    let peer = tokio::spawn(async move {
        server.send(frame(STDOUT, b"half")).await.expect("a client");
        let before = listen(&mut server, Duration::from_secs(5)).await.1;
        for part in [&b"and half"[..], b"more"] {
            server.send(frame(STDOUT, part)).await.expect("a client");
        }
        let after = listen(&mut server, Duration::from_secs(5)).await.1;
        let failed = br#"{"status":"Failure","reason":"NonZeroExitCode","message":"exit code 66"}"#;
        server.send(frame(STATUS, failed)).await.expect("a client");
        [before, after]
    });
    let mut output = Enough(12, by_reader);
    let ran = stream.run_held_into(b"ask", UNBOUNDED, &mut output).await;
    (ran, peer.await.expect("served"))
}

#[tokio::test(start_paused = true)]
async fn a_command_that_waits_until_its_output_was_read_learns_of_it_once() {
    let (ran, [before, after]) = fails_when_read(true).await;
    assert!(ran.is_ok(), "{ran:?}");
    assert_eq!(before, [[&[STDIN][..], b"ask"].concat()]);
    assert_eq!(after, [[CLOSE, STDIN]]);
}

#[tokio::test(start_paused = true)]
async fn how_a_command_ends_that_its_reader_does_not_end_still_counts() {
    let (ran, _) = fails_when_read(false).await;
    assert!(ran.is_err(), "{ran:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_nobody_uses_yet_and_one_that_is_asked_line_by_line_are_kept_alive() {
    let (mut stream, mut server) = pair(1 << 16).await;
    let peer = tokio::spawn(async move {
        let before = listen(&mut server, Duration::from_secs(45)).await.0;
        let (meanwhile, asked) = listen(&mut server, Duration::from_secs(30)).await;
        server
            .send(frame(STDOUT, b"here\n"))
            .await
            .expect("a client");
        (before, meanwhile, asked)
    });
    sleep(Duration::from_secs(50)).await;
    let answer = stream.ask("who", HOUR).await.expect("a line");
    assert_eq!(answer, "here");
    let (before, meanwhile, asked) = peer.await.expect("served");
    assert_eq!((before, meanwhile), (4, 3));
    assert_eq!(asked, [[&[STDIN][..], b"who\n"].concat()]);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_no_ping_and_sends_data_is_heard() {
    let (mut stream, mut server) = pair(1 << 16).await;
    let peer = tokio::spawn(async move {
        // It never reads, so that it answers no ping either.
        for _ in 0..10 {
            sleep(Duration::from_secs(25)).await;
            server.send(frame(STDOUT, b"x")).await.expect("a client");
        }
        succeed(&mut server).await;
        server
    });
    let limits = Limits {
        idle: Some(Duration::from_secs(30)),
        ..UNBOUNDED
    };
    let out = stream.run(b"", limits).await.expect("an answer");
    assert_eq!(out, b"xxxxxxxxxx");
    drop(peer.await);
}

#[tokio::test(start_paused = true)]
async fn only_output_ends_the_silence() {
    for (channel, data, heard) in [
        (STDOUT, &b"x"[..], true),
        (STDERR, b"x", true),
        (STDOUT, b"", false),
        (STDERR, b"", false),
        (7, b"x", false),
    ] {
        let (mut stream, mut server) = pair(1 << 16).await;
        let peer = tokio::spawn(async move {
            for _ in 0..5 {
                let _ = timeout(Duration::from_secs(15), listen(&mut server, HOUR)).await;
                // What keeps the connection alive from that side is no output either.
                let _ = server.send(Message::Ping(Vec::new().into())).await;
                let _ = server.send(frame(channel, data)).await;
            }
            succeed(&mut server).await;
            server
        });
        let limits = Limits {
            idle: Some(Duration::from_secs(20)),
            ..UNBOUNDED
        };
        let started = Instant::now();
        let ran = stream.run(b"", limits).await;
        if heard {
            assert!(ran.is_ok(), "{channel} {data:?}: {ran:?}");
        } else {
            let error = ran.expect_err("silence");
            assert_eq!(error.kind(), ExecErrorKind::Silent, "{channel} {data:?}");
            assert_eq!(error.to_string(), "the agent sent nothing for 20 s");
            assert_eq!(started.elapsed(), Duration::from_secs(20));
        }
        peer.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_no_input_is_silent_and_the_whole_time_is_another_error() {
    let (mut stream, _server) = pair(1 << 10).await;
    let limits = Limits {
        idle: Some(Duration::from_secs(20)),
        ..UNBOUNDED
    };
    let much = vec![b'x'; 1 << 18];
    let error = stream.run(&much, limits).await.expect_err("silence");
    assert_eq!(error.kind(), ExecErrorKind::Silent);
    let (mut stream, _server) = pair(1 << 16).await;
    let limits = Limits {
        total: Duration::from_mins(1),
        ..UNBOUNDED
    };
    let error = stream.run(b"", limits).await.expect_err("too late");
    assert_eq!(error.kind(), ExecErrorKind::TooLate);
}

/// Counts what it gets, slowly, and refuses what begins with `bad`.
#[derive(Default)]
struct Counter {
    bytes: usize,
    largest: usize,
    slow: Duration,
}

#[derive(Debug, thiserror::Error)]
#[error("no frame begins like this")]
struct Malformed;

#[async_trait::async_trait]
impl Output for Counter {
    async fn chunk(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        sleep(self.slow).await;
        if bytes.starts_with(b"bad") {
            return Err(Malformed.into());
        }
        self.bytes += bytes.len();
        self.largest = self.largest.max(bytes.len());
        Ok(())
    }
}

/// Sends `count` chunks of 1 KiB and then success, as long as there is a client.
async fn flood(mut server: Server, count: usize) {
    for _ in 0..count {
        let chunk = frame(STDOUT, &[b'x'; 1024]);
        if server.send(chunk).await.is_err() {
            return;
        }
    }
    succeed(&mut server).await;
    let _ = server.next().await;
}

#[tokio::test(start_paused = true)]
async fn output_is_handed_on_as_it_comes_and_counted() {
    // With little room a message is never there before it is waited for.
    let (mut stream, server) = pair(256).await;
    let peer = tokio::spawn(flood(server, 1000));
    let mut counter = Counter {
        // Longer than the bound of silence: that time is not the target's.
        slow: Duration::from_secs(3),
        ..Counter::default()
    };
    let limits = Limits {
        idle: Some(Duration::from_secs(2)),
        ..UNBOUNDED
    };
    let ran = stream.run_into(b"", limits, &mut counter).await;
    assert!(ran.is_ok(), "{ran:?}");
    assert_eq!((counter.bytes, counter.largest), (1000 << 10, 1024));
    peer.abort();
    let (mut stream, server) = pair(1 << 12).await;
    let peer = tokio::spawn(flood(server, 1000));
    let limits = Limits {
        bytes: 10 << 10,
        ..UNBOUNDED
    };
    let mut counter = Counter::default();
    let error = stream.run_into(b"", limits, &mut counter).await;
    assert!(
        matches!(error, Err(ExecError::TooLong(10_240))),
        "{error:?}"
    );
    assert_eq!(counter.bytes, 10 << 10, "what is too much is not handed on");
    peer.abort();
}

#[tokio::test(start_paused = true)]
async fn a_refusal_ends_the_run_at_once_and_the_command_sees_the_end_of_its_input() {
    let (mut stream, mut server) = pair(1 << 16).await;
    let peer = tokio::spawn(async move {
        server.send(frame(STDOUT, b"bad")).await.expect("a client");
        // The command goes on until its standard input ends.
        let (_, got) = listen(&mut server, Duration::from_secs(20)).await;
        got
    });
    let mut counter = Counter::default();
    let started = Instant::now();
    let ran = stream.run_held_into(b"in", UNBOUNDED, &mut counter).await;
    let error = ran.expect_err("a refusal");
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!(error.kind(), ExecErrorKind::Refused);
    let source = std::error::Error::source(&error).expect("the reader's own error");
    assert!(source.is::<Malformed>(), "{source}");
    stream.close().await;
    let got = peer.await.expect("served");
    assert_eq!(got, [[&[STDIN][..], b"in"].concat(), vec![CLOSE, STDIN]]);
}

#[tokio::test(start_paused = true)]
async fn every_way_out_half_closes_what_is_held_and_waits_for_the_status() {
    // Silence, the end of the time, an interrupt, a conversation that got no answer, and a stream that was never used.
    for way in 0..5 {
        let (mut stream, mut server) = pair(1 << 16).await;
        let peer = tokio::spawn(async move {
            while let Some(Ok(message)) = server.next().await {
                if message == Message::Binary(vec![CLOSE, STDIN].into()) {
                    sleep(Duration::from_secs(2)).await;
                    succeed(&mut server).await;
                    return matches!(server.next().await, Some(Ok(Message::Close(_))));
                }
            }
            false
        });
        let short = Duration::from_secs(5);
        let limits = |idle, total| Limits {
            total,
            idle,
            ..UNBOUNDED
        };
        match way {
            0 => drop(stream.run_held(b"x", limits(Some(short), HOUR)).await),
            1 => drop(stream.run_held(b"x", limits(None, short)).await),
            2 => drop(timeout(short, stream.run_held(b"x", UNBOUNDED)).await),
            3 => drop(stream.ask("x", short).await),
            _ => {}
        }
        let closing = Instant::now();
        stream.close().await;
        assert_eq!(closing.elapsed(), Duration::from_secs(2), "way {way}");
        assert!(peer.await.expect("served"), "way {way}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_dropped_leaves_no_connection() {
    let (mut stream, mut server) = pair(1 << 16).await;
    let _ = timeout(Duration::from_secs(1), stream.run_held(b"x", UNBOUNDED)).await;
    drop(stream);
    let (pings, _) = listen(&mut server, Duration::from_mins(1)).await;
    assert_eq!(pings, 0);
    assert!(!matches!(server.next().await, Some(Ok(_))), "it is gone");
}
