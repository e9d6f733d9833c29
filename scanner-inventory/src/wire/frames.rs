//! Verifies the frames of an answer as they arrive.

use sha2::{Digest as _, Sha256};

use super::{
    checksum::{Cksum, cksum},
    error::WireError,
};
use crate::escape::visible;

/// Longest payload of one frame in bytes.
const MAX_FRAME: usize = 64 * 1024;
/// Longest header line in bytes.
const MAX_HEADER: usize = 200;
/// Most bytes that a shell may print before the answer, such as a greeting.
const MAX_GREETING: usize = 64 * 1024;

/// The frames of one answer. Every payload is verified before it is passed on. Memory is bounded by one frame.
pub(crate) struct Frames {
    nonce: String,
    /// Bytes that arrived and are not a complete frame yet.
    unread: Vec<u8>,
    /// Bytes before the answer.
    greeting: usize,
    state: State,
    count: u64,
    total: u64,
    digests: bool,
    headers: (Cksum, Sha256),
}

#[derive(PartialEq, Eq)]
enum State {
    /// The answer has not begun.
    Greeting,
    /// Frames come.
    Open,
    /// The trailer was seen.
    Ended,
}

/// Facts about an answer that is complete and verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proven {
    /// Number of frames.
    pub(crate) frames: u64,
    /// Whether every frame carried a checksum.
    pub(crate) digests: bool,
}

impl Frames {
    /// Whether the trailer was seen.
    pub(crate) fn is_whole(&self) -> bool {
        self.state == State::Ended
    }

    pub(crate) fn new(nonce: &str) -> Self {
        Self {
            nonce: nonce.to_owned(),
            unread: Vec::new(),
            greeting: 0,
            state: State::Greeting,
            count: 0,
            total: 0,
            digests: true,
            headers: (Cksum::default(), Sha256::new()),
        }
    }

    /// Takes bytes of the answer and passes each complete, verified payload to `payload`.
    pub(crate) fn push(
        &mut self,
        bytes: &[u8],
        payload: &mut dyn FnMut(&[u8]) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        self.unread.extend_from_slice(bytes);
        if self.state == State::Greeting && !self.begin()? {
            return Ok(());
        }
        let unread = std::mem::take(&mut self.unread);
        let mut rest = unread.as_slice();
        while !rest.is_empty() {
            match self.next(rest, payload)? {
                0 => break,
                read => rest = &rest[read..],
            }
        }
        self.unread = rest.to_vec();
        Ok(())
    }

    /// Whether the answer has begun; drops what came before it.
    fn begin(&mut self) -> Result<bool, WireError> {
        let marks = ["frame", "fail", "end"].map(|kind| format!("@{kind} {} ", self.nonce));
        let found = marks.iter().filter_map(|mark| {
            let mut windows = self.unread.windows(mark.len());
            windows.position(|window| window == mark.as_bytes())
        });
        let longest = marks.iter().map(String::len).max().unwrap_or_default();
        let begun = found.min();
        // The last bytes may be the beginning of a mark.
        let before = begun.unwrap_or_else(|| self.unread.len().saturating_sub(longest));
        self.greeting += before;
        if self.greeting > MAX_GREETING {
            return Err(WireError::NoAnswer);
        }
        self.unread.drain(..before);
        if begun.is_some() {
            self.state = State::Open;
        }
        Ok(begun.is_some())
    }

    /// Reads one frame and returns its length; 0 if it is not complete.
    fn next(
        &mut self,
        rest: &[u8],
        payload: &mut dyn FnMut(&[u8]) -> Result<(), WireError>,
    ) -> Result<usize, WireError> {
        if self.state == State::Ended {
            return Err(WireError::Trailer);
        }
        let bad = WireError::Malformed(self.count);
        let window = &rest[..rest.len().min(MAX_HEADER)];
        let Some(end) = window.iter().position(|b| *b == b'\n') else {
            return if rest.len() < MAX_HEADER {
                Ok(0)
            } else {
                Err(bad)
            };
        };
        let line = std::str::from_utf8(&rest[..end]).map_err(|_| bad.clone())?;
        let after = &rest[end + 1..];
        let fields: Vec<&str> = line.split(' ').collect();
        match fields.as_slice() {
            ["@fail", n, reason @ ..] if *n == self.nonce => {
                Err(WireError::Refused(visible(&reason.join(" "), 200)))
            }
            ["@frame", n, seq, length, crc] if *n == self.nonce => {
                let length: usize = length.parse().map_err(|_| bad.clone())?;
                if seq.parse() != Ok(self.count) || length == 0 || length > MAX_FRAME {
                    return Err(bad);
                }
                if after.len() <= length {
                    return Ok(0);
                }
                let (data, tail) = after.split_at(length);
                if tail.first() != Some(&b'\n') {
                    return Err(bad);
                }
                self.digests &= check(crc, self.count, || cksum(data), || Sha256::digest(data))?;
                self.header(&rest[..=end]);
                self.count += 1;
                self.total += length as u64;
                payload(data)?;
                Ok(end + 1 + length + 1)
            }
            ["@end", n, frames, total, crc] if *n == self.nonce => {
                let fits = frames.parse() == Ok(self.count) && total.parse() == Ok(self.total);
                let (sum, digest) = self.headers.clone();
                check(crc, self.count, || sum.value(), || digest.finalize())?;
                if !fits {
                    return Err(WireError::Trailer);
                }
                self.state = State::Ended;
                Ok(end + 1)
            }
            _ => Err(bad),
        }
    }

    fn header(&mut self, line: &[u8]) {
        self.headers.0.update(line);
        self.headers.1.update(line);
    }

    /// The verified facts, if the answer is complete.
    pub(crate) fn finish(self) -> Result<Proven, WireError> {
        match self.state {
            State::Ended => Ok(Proven {
                frames: self.count,
                digests: self.digests,
            }),
            State::Open => Err(WireError::Cut),
            State::Greeting => Err(WireError::NoAnswer),
        }
    }
}

/// Compares the checksum, and returns whether there is one.
fn check<D: AsRef<[u8]>>(
    field: &str,
    frame: u64,
    crc: impl FnOnce() -> u32,
    digest: impl FnOnce() -> D,
) -> Result<bool, WireError> {
    if field == "-" {
        return Ok(false);
    }
    let right = match field.strip_prefix("sha256:") {
        Some(sent) => hex::encode(digest()) == sent,
        None => field.parse() == Ok(crc()),
    };
    if right {
        Ok(true)
    } else {
        Err(WireError::Checksum(frame))
    }
}
