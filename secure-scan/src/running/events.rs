//! What happens during a scan, as a bounded stream that never holds the scan up.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use futures_util::Stream;
use scanner_core::{event::Event, plan::ScanId};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

/// Events that wait for their reader; a scan has about forty.
const WAITING: usize = 512;

/// One thing that happened in one scan. Programs can send it on as JSON and read it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ScanEvent {
    /// The scan, as in its plan.
    pub scan: ScanId,
    /// Its number among the events of the scan, from 0. A missing number is a lost event.
    pub sequence: u64,
    /// When it happened.
    pub time: jiff::Timestamp,
    /// What happened.
    pub event: Event,
}

/// The events of one scan, in order. Ends when the scan has ended.
///
/// It is a [`Stream`]. Events that nobody reads wait up to a bound, and are lost beyond it: the scan, and above all its
/// cleanup, waits for nobody.
#[derive(Debug)]
pub struct Events {
    receiver: mpsc::Receiver<ScanEvent>,
    lost: Arc<AtomicU64>,
}

impl Events {
    /// The next event; `None` when the scan has ended.
    pub async fn next(&mut self) -> Option<ScanEvent> {
        self.receiver.recv().await
    }

    /// How many events were lost so far because too many waited.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl Stream for Events {
    type Item = ScanEvent;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<ScanEvent>> {
        self.receiver.poll_recv(context)
    }
}

/// Where events are handed in.
#[derive(Debug)]
pub(super) struct Sender {
    scan: ScanId,
    next: AtomicU64,
    lost: Arc<AtomicU64>,
    channel: mpsc::Sender<ScanEvent>,
}

impl Sender {
    pub(super) fn new(scan: ScanId) -> (Self, Events) {
        let (channel, receiver) = mpsc::channel(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let events = Events {
            receiver,
            lost: Arc::clone(&lost),
        };
        let sender = Self {
            scan,
            next: AtomicU64::new(0),
            lost,
            channel,
        };
        (sender, events)
    }

    pub(super) fn send(&self, event: &Event) {
        let sequence = self.next.fetch_add(1, Ordering::Relaxed);
        let event = ScanEvent {
            scan: self.scan.clone(),
            sequence,
            time: jiff::Timestamp::now(),
            event: event.clone(),
        };
        if let Err(mpsc::error::TrySendError::Full(_)) = self.channel.try_send(event) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn events_that_nobody_reads_are_counted_and_hold_nothing_up() {
        let (sender, mut events) = Sender::new("abcd".parse().unwrap());
        for _ in 0..WAITING + 3 {
            sender.send(&Event::Note("tick".into()));
        }
        assert_eq!(events.lost(), 3);
        drop(sender);
        let mut last = None;
        while let Some(event) = events.next().await {
            last = Some(event.sequence);
        }
        assert_eq!(last, Some(WAITING as u64 - 1));
    }

    #[test]
    fn an_event_is_read_back_as_it_was_written() {
        let (sender, mut events) = Sender::new("abcd".parse().unwrap());
        sender.send(&Event::Interrupted {
            reason: "SIGTERM".into(),
        });
        let event = events.receiver.try_recv().unwrap();
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<ScanEvent>(&json).unwrap(), event);
        assert!(json.contains("\"scan\":\"abcd\""), "{json}");
    }
}
