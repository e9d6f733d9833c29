//! Shows that a log is intact, or where it is not. Pure: bytes in, verdict out.

use super::{
    checkpoint::Checkpoint,
    entry::{Entry, Record},
    hash::{GENESIS, sha256},
    key::PublicKey,
    seal,
};

/// A log whose every byte is as it was written.
#[derive(Debug)]
#[non_exhaustive]
pub struct Verified {
    /// Lines, and the hash of the last; the signed head says the same.
    pub checkpoint: Checkpoint,
    /// When it was closed.
    pub closed: String,
    /// Key that signed its head.
    pub key: PublicKey,
    /// What happened, in order.
    pub records: Vec<Record>,
    /// Hash of each line, in order.
    hashes: Vec<String>,
}

impl Verified {
    /// Whether the log stood at `checkpoint` once, as a report of a scan says.
    pub fn passed_through(&self, checkpoint: &Checkpoint) -> bool {
        let index = checkpoint.entries.checked_sub(1);
        let hash = index.and_then(|i| self.hashes.get(usize::try_from(i).ok()?));
        hash.is_some_and(|hash| *hash == checkpoint.head)
    }

    /// Entries, in order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.records.iter().map(|record| &record.entry)
    }
}

/// Where a log is not as it was written; lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Nothing in it.
    #[error("it is empty")]
    Empty,
    /// No line of it is one of an audit log.
    #[error("it is not an audit log of secure-scan: none of its lines is a line of a log")]
    NotALog,
    /// The last line has no end.
    #[error("its last line is cut")]
    Cut,
    /// No signed head at its end.
    #[error(
        "it does not end with a signed head: lines are missing at its end, its last line was changed, \
         or the program was killed before it could close it"
    )]
    NotClosed,
    /// A line that is not one of a log.
    #[error("line {0} cannot be read: it was changed or put there")]
    Unreadable(usize),
    /// A line that does not follow the one before it.
    #[error(
        "line {0} does not follow the one before it: one of the two was changed, dropped or moved"
    )]
    Chain(usize),
    /// The signed head speaks of another log.
    #[error(
        "the signed head is of a log of {signed} lines, this one has {found}; or the line before the \
         head was changed"
    )]
    Head {
        /// Lines that were signed.
        signed: u64,
        /// Lines that are there.
        found: u64,
    },
    /// Another key than the one that was given.
    #[error("its head was signed with key {found}, not with the key that was given")]
    OtherKey {
        /// Id of the key that signed it.
        found: String,
    },
}

/// Verifies `log`, whose head must be signed by `key` where one is given.
///
/// Without a key this shows only that the log is complete as somebody closed it, whoever that was.
///
/// # Errors
///
/// Says where the log is not as it was written.
pub fn verify(log: &[u8], key: Option<&PublicKey>) -> Result<Verified, Broken> {
    read(log, key).map_err(|broken| if is_log(log) { broken } else { Broken::NotALog })
}

/// Whether any line is one of a log: of a log that was changed some are, of another file none is.
fn is_log(log: &[u8]) -> bool {
    let mut lines = log.split(|byte| *byte == b'\n');
    log.is_empty()
        || lines.any(|line| {
            serde_json::from_slice::<Record>(line).is_ok() || seal::open(line).is_some()
        })
}

fn read(log: &[u8], key: Option<&PublicKey>) -> Result<Verified, Broken> {
    if log.is_empty() {
        return Err(Broken::Empty);
    }
    let body = log.strip_suffix(b"\n").ok_or(Broken::Cut)?;
    let mut lines: Vec<&[u8]> = body.split(|byte| *byte == b'\n').collect();
    let last = lines.pop().ok_or(Broken::Empty)?;
    let mut records = Vec::with_capacity(lines.len());
    let mut hashes = Vec::with_capacity(lines.len());
    let mut at = Checkpoint {
        entries: 0,
        head: GENESIS.into(),
    };
    for (line, number) in lines.iter().zip(1..) {
        let record: Record =
            serde_json::from_slice(line).map_err(|_| Broken::Unreadable(number))?;
        if record.seq != at.entries || record.prev != at.head {
            return Err(Broken::Chain(number));
        }
        at = Checkpoint {
            entries: at.entries + 1,
            head: sha256(line),
        };
        hashes.push(at.head.clone());
        records.push(record);
    }
    let head = seal::open(last).ok_or(Broken::NotClosed)?;
    if head.checkpoint != at {
        return Err(Broken::Head {
            signed: head.checkpoint.entries,
            found: at.entries,
        });
    }
    if key.is_some_and(|key| *key != head.key) {
        return Err(Broken::OtherKey {
            found: head.key.id(),
        });
    }
    Ok(Verified {
        checkpoint: at,
        closed: head.closed,
        key: head.key,
        records,
        hashes,
    })
}

/// Verifies lines that are not closed yet, as a scan does before its report.
pub(super) fn chain_holds(text: &str, at: &Checkpoint) -> bool {
    let mut head = GENESIS.to_owned();
    let mut entries = 0;
    for line in text.lines() {
        match serde_json::from_str::<Record>(line) {
            Ok(record) if record.seq == entries && record.prev == head => {}
            _ => return false,
        }
        head = sha256(line.as_bytes());
        entries += 1;
    }
    head == at.head && entries == at.entries
}
