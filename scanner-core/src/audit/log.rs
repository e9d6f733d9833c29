//! Writes a log: in memory always, and to a sink that the program gives.

use std::{
    io::Write,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{
    checkpoint::Checkpoint,
    entry::{Entry, Record},
    hash::{GENESIS, sha256},
    key::{AuditKey, PublicKey},
    seal,
    verify::chain_holds,
};

/// Longest log in bytes; what comes after is reported as lost.
const MAX_BYTES: usize = 64 << 20;

/// Why a log could not be closed as it should.
#[derive(Debug, thiserror::Error)]
pub enum CloseError {
    /// It has no key to sign its head with.
    #[error("there is no key to sign the head of the audit log with")]
    NoKey,
    /// Lines were lost on the way to the sink.
    #[error("the audit log could not be written: {0}")]
    Lost(String),
    /// It was closed before.
    #[error("the audit log is closed already")]
    Closed,
}

/// An open log. Recording does not fail: `close` reports the entries that were lost.
pub struct AuditLog(Mutex<State>);

struct State {
    text: String,
    at: Checkpoint,
    key: Option<AuditKey>,
    sink: Option<Box<dyn Write + Send>>,
    lost: Option<String>,
    closed: bool,
}

impl std::fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("AuditLog").field(&self.checkpoint()).finish()
    }
}

impl Default for AuditLog {
    fn default() -> Self {
        Self::new()
    }
}

impl AuditLog {
    /// An empty log with a key of its own.
    pub fn new() -> Self {
        Self(Mutex::new(State {
            text: String::new(),
            at: Checkpoint {
                entries: 0,
                head: GENESIS.into(),
            },
            key: AuditKey::generate().ok(),
            sink: None,
            lost: None,
            closed: false,
        }))
    }

    /// Signs the head with `key` in place of a key of its own.
    pub fn sign_with(&self, key: AuditKey) {
        self.state().key = Some(key);
    }

    /// Also writes every line to `sink`, those before this call included.
    pub fn write_to(&self, sink: Box<dyn Write + Send>) {
        let mut state = self.state();
        state.sink = Some(sink);
        let text = state.text.clone();
        state.deliver(&text);
    }

    /// Adds a line.
    pub fn record(&self, entry: Entry) {
        self.record_next(|_, _| Ok(entry));
    }

    /// Adds the line that `make` gives for where the log stands and the PEM of its key; nothing comes between. An entry
    /// that cannot be made is lost, with the reason that `make` gives.
    pub(crate) fn record_next(
        &self,
        make: impl FnOnce(&Checkpoint, String) -> Result<Entry, String>,
    ) {
        let mut state = self.state();
        let key = state.key.as_ref().map(|key| key.public().to_pem());
        let entry = make(&state.at, key.unwrap_or_default());
        if state.closed || state.text.len() > MAX_BYTES {
            let why = if state.closed { "closed" } else { "full" };
            state
                .lost
                .get_or_insert_with(|| format!("something happened when it was {why}"));
            return;
        }
        let line = entry.and_then(|entry| {
            let record = Record {
                seq: state.at.entries,
                time: jiff::Timestamp::now().to_string(),
                prev: state.at.head.clone(),
                entry,
            };
            serde_json::to_string(&record).map_err(|error| error.to_string())
        });
        match line {
            Ok(line) => {
                state.at = Checkpoint {
                    entries: state.at.entries + 1,
                    head: sha256(line.as_bytes()),
                };
                state.append(&line);
            }
            Err(error) => {
                state.lost.get_or_insert(error);
            }
        }
    }

    /// Where the log stands now.
    pub fn checkpoint(&self) -> Checkpoint {
        self.state().at.clone()
    }

    /// The key that checks its head.
    pub fn public_key(&self) -> Option<PublicKey> {
        self.state().key.as_ref().map(AuditKey::public)
    }

    /// All lines so far.
    pub fn text(&self) -> String {
        self.state().text.clone()
    }

    /// Bytes of lines that it can still take.
    pub fn room(&self) -> usize {
        MAX_BYTES.saturating_sub(self.state().text.len())
    }

    /// Whether all lines so far are there and follow each other.
    pub fn holds(&self) -> bool {
        let state = self.state();
        state.lost.is_none() && chain_holds(&state.text, &state.at)
    }

    /// Closes the log with its signed head. Later entries are lost.
    ///
    /// # Errors
    ///
    /// Fails when it is closed already, has no key, or lines were lost before; what remains is still
    /// signed then.
    pub fn close(&self) -> Result<Checkpoint, CloseError> {
        let mut state = self.state();
        if state.closed {
            return Err(CloseError::Closed);
        }
        let closed = jiff::Timestamp::now().to_string();
        let Some(key) = &state.key else {
            return Err(CloseError::NoKey);
        };
        let line = seal::seal(&state.at, &closed, key);
        state.append(&line);
        state.closed = true;
        match state.lost.take() {
            Some(lost) => Err(CloseError::Lost(lost)),
            None => Ok(state.at.clone()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn append(&mut self, line: &str) {
        let line = format!("{line}\n");
        self.text.push_str(&line);
        self.deliver(&line);
    }

    /// At once: a program that is killed must leave what it did.
    fn deliver(&mut self, text: &str) {
        if let Some(sink) = &mut self.sink {
            let written = sink.write_all(text.as_bytes()).and_then(|()| sink.flush());
            if let Err(error) = written {
                self.lost.get_or_insert_with(|| error.to_string());
            }
        }
    }
}
