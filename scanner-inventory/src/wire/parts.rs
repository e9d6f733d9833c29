//! Splits the payload of an answer into its parts as it arrives: lines between control lines.

use std::collections::VecDeque;

use super::{
    error::WireError,
    status::{Ending, ending, gap},
};
use crate::gap::Gap;

/// Longest line in bytes; a longer one is passed on as an empty one, which no section has.
const MAX_LINE: usize = 64 * 1024;
/// Most lines at the end of a part that are about the part: its gaps and its status.
const MAX_CLOSING: usize = 128;

/// Receives the parts of an answer.
pub(crate) trait PartSink {
    /// A part of that name begins.
    fn begin(&mut self, name: &str) -> Result<(), WireError>;

    /// One line of its data. A carriage return at its end belongs to the data, such as a name.
    fn line(&mut self, line: &[u8]) -> Result<(), WireError>;

    /// The part is over. Without an ending the agent did not answer it.
    fn end(&mut self, gaps: Vec<Gap>, ending: Option<Ending>) -> Result<(), WireError>;
}

/// The parts of one payload. Memory is bounded by a few lines.
pub(crate) struct Parts {
    mark: Vec<u8>,
    line: Vec<u8>,
    too_long: bool,
    open: bool,
    /// Lines that may be the last ones of a part.
    closing: VecDeque<Vec<u8>>,
    done: bool,
}

impl Parts {
    pub(crate) fn new(nonce: &str) -> Self {
        Self {
            mark: format!("@{nonce} ").into_bytes(),
            line: Vec::new(),
            too_long: false,
            open: false,
            closing: VecDeque::new(),
            done: false,
        }
    }

    pub(crate) fn push(
        &mut self,
        payload: &[u8],
        sink: &mut dyn PartSink,
    ) -> Result<(), WireError> {
        let mut rest = payload;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (part, after) = rest.split_at(end);
            rest = &after[1..];
            if self.line.is_empty() && !self.too_long && part.len() <= MAX_LINE {
                self.take(part, sink)?;
                continue;
            }
            self.keep(part);
            let line = std::mem::take(&mut self.line);
            let too_long = std::mem::take(&mut self.too_long);
            self.take(if too_long { b"" } else { &line }, sink)?;
        }
        self.keep(rest);
        Ok(())
    }

    /// Keeps the beginning of a line.
    fn keep(&mut self, part: &[u8]) {
        self.too_long |= self.line.len() + part.len() > MAX_LINE;
        if self.too_long {
            self.line.clear();
        } else {
            self.line.extend_from_slice(part);
        }
    }

    fn take(&mut self, line: &[u8], sink: &mut dyn PartSink) -> Result<(), WireError> {
        if self.done {
            return Ok(());
        }
        if let Some(control) = line.strip_prefix(self.mark.as_slice()) {
            if self.open {
                self.close(sink)?;
            }
            return match control.split(|byte| *byte == b' ').next() {
                Some(b"section") => {
                    self.open = true;
                    let name = control.strip_prefix(b"section ").unwrap_or_default();
                    sink.begin(std::str::from_utf8(name).unwrap_or_default())
                }
                Some(b"done") => {
                    self.done = true;
                    Ok(())
                }
                _ => Err(WireError::Incomplete),
            };
        }
        if !self.open {
            return Ok(());
        }
        if line.first() != Some(&b'!') {
            self.flush(0, sink)?;
            return sink.line(line);
        }
        self.flush(MAX_CLOSING, sink)?;
        self.closing.push_back(line.to_vec());
        Ok(())
    }

    /// Passes on what turned out to be data, except for the last `keep` lines.
    fn flush(&mut self, keep: usize, sink: &mut dyn PartSink) -> Result<(), WireError> {
        while self.closing.len() > keep {
            if let Some(line) = self.closing.pop_front() {
                sink.line(&line)?;
            }
        }
        Ok(())
    }

    fn close(&mut self, sink: &mut dyn PartSink) -> Result<(), WireError> {
        self.open = false;
        let ending = self.closing.pop_back().and_then(|line| ending(&line));
        let mut gaps = Vec::new();
        while let Some(found) = self.closing.back().and_then(|line| gap(line)) {
            self.closing.pop_back();
            gaps.push(found);
        }
        gaps.reverse();
        self.flush(0, sink)?;
        sink.end(gaps, ending)
    }

    /// Whether the agent reached its end.
    pub(crate) const fn is_done(&self) -> bool {
        self.done
    }
}
