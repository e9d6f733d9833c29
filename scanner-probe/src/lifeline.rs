//! Ends this process when its client is gone: at its deadline, or when the other end of standard input or output is closed.

use std::{
    io::{self, Read as _},
    os::fd::AsFd as _,
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
};
use scanner_inventory::InventoryRequest;
use serde::Deserialize as _;

/// Largest request in bytes.
const MAX_REQUEST: u64 = 1 << 20;
/// Time after which a written answer is noted as such.
const NOTED: Duration = Duration::from_millis(100);

/// Ends this process after that time, whatever happens to the client.
pub(crate) fn end_after(limit: Duration) {
    thread::spawn(move || {
        thread::sleep(limit);
        process::abort();
    });
}

/// Reads the request from standard input: all of it, or where the client holds it open, the first JSON value.
pub(crate) fn request(held: bool) -> Result<InventoryRequest, String> {
    let mut input = io::stdin().lock().take(MAX_REQUEST);
    if held {
        let mut first = serde_json::Deserializer::from_reader(input);
        return InventoryRequest::deserialize(&mut first).map_err(|e| e.to_string());
    }
    let mut text = String::new();
    input.read_to_string(&mut text).map_err(|e| e.to_string())?;
    serde_json::from_str(&text).map_err(|e| e.to_string())
}

/// Ends this process when nobody reads its output any more, and at the end of standard input if the client holds that open.
/// This also works while it reads a large directory and writes nothing.
pub(crate) fn end_with_client(held: bool) -> Client {
    let answered = Arc::new(AtomicBool::new(false));
    let done = Arc::clone(&answered);
    let watcher = thread::spawn(move || {
        while !is_over(held) {}
        if !done.load(Ordering::Acquire) {
            // The client may be faster than the thread that has just written the last byte.
            thread::sleep(NOTED);
        }
        if !done.load(Ordering::Acquire) {
            process::abort();
        }
    });
    Client {
        held,
        answered,
        watcher,
    }
}

/// The client that sent the request.
pub(crate) struct Client {
    held: bool,
    answered: Arc<AtomicBool>,
    watcher: JoinHandle<()>,
}

impl Client {
    /// Waits until a client that holds standard input open has the answer. The container ends with this process, and the
    /// runtime then drops what it has not passed on.
    pub(crate) fn has_it(self) {
        self.answered.store(true, Ordering::Release);
        if self.held {
            let _ = self.watcher.join();
        }
    }
}

/// Waits for what happens next on standard input and output, and returns whether the client is gone.
fn is_over(held: bool) -> bool {
    let (stdin, stdout) = (io::stdin(), io::stdout());
    let (stdin, stdout) = (stdin.as_fd(), stdout.as_fd());
    // poll(2) reports errors even if no event was requested.
    let mut all = vec![PollFd::from_borrowed_fd(stdout, PollFlags::empty())];
    if held {
        all.push(PollFd::from_borrowed_fd(stdin, PollFlags::IN));
    }
    match poll(&mut all, None) {
        Ok(_) => {}
        Err(Errno::INTR | Errno::NOMEM | Errno::AGAIN) => return false,
        Err(_) => return true,
    }
    if !all[0].revents().is_empty() {
        return true;
    }
    let input = all
        .get(1)
        .is_some_and(|polled| !polled.revents().is_empty());
    // Input after the request has no meaning.
    input
        && match rustix::io::read(stdin, &mut [0; 512]) {
            Ok(count) => count == 0,
            Err(error) => error != Errno::INTR && error != Errno::AGAIN,
        }
}
