//! An observer: a line of JSON for each event, written by a thread of its own.

use std::{
    io::Write,
    sync::{
        atomic::{AtomicU64, Ordering},
        mpsc::{self, SyncSender},
    },
    thread::{self, JoinHandle},
};

use scanner_core::{
    escape,
    event::{Event, Observer},
};
use serde_json::json;

/// Events that wait for a writer that is slow.
const WAITING: usize = 1024;

/// Writes a line of JSON for each event.
///
/// The scan calls an observer from its own task, so nothing here waits for the writer: events that find no room are
/// counted, and the next line says how many were lost.
#[derive(Debug)]
pub struct JsonLines {
    lines: SyncSender<String>,
    lost: AtomicU64,
}

impl JsonLines {
    /// Writes to `out`. The thread ends with the observer; joining it waits until everything is written.
    ///
    /// # Errors
    ///
    /// Fails when the system gives no thread.
    pub fn to(mut out: impl Write + Send + 'static) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (lines, waiting) = mpsc::sync_channel::<String>(WAITING);
        let write = move || {
            for line in waiting {
                // Without a reader there is nobody to write for.
                if out
                    .write_all(line.as_bytes())
                    .and_then(|()| out.flush())
                    .is_err()
                {
                    return;
                }
            }
        };
        let thread = thread::Builder::new()
            .name("acme-events".into())
            .spawn(write)?;
        let lost = AtomicU64::new(0);
        Ok((Self { lines, lost }, thread))
    }
}

impl Observer for JsonLines {
    fn event(&self, event: &Event) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        // What a server or a target wrote stands in strings, where escapes mean the same.
        let line = escape::json(&json!({"lost": lost, "event": event}).to_string());
        if self.lines.try_send(format!("{line}\n")).is_err() {
            self.lost.fetch_add(lost + 1, Ordering::Relaxed);
        }
    }
}
