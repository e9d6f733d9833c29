//! Wire protocol of agents, version 1: an answer as frames whose length and checksum are proven.
//!
//! Exec streams lose their tail without an error, and the other side is hostile. So an answer is
//! cut into frames, `@frame NONCE SEQ BYTES CRC` and the payload, and ends with
//! `@end NONCE FRAMES BYTES CRC`, whose CRC covers all frame headers. CRC is that of POSIX
//! `cksum`, or `sha256:` and that digest where the agent has no `cksum`; `-` where it has neither. Anything missing, cut, repeated or added is an error.
//!
//! The payloads together are lines: `@NONCE section NAME`, data, a status (`!ok`,
//! `!partial COUNT REASON` or `!missing REASON`), which lines `!gap KIND[/ATTRIBUTE] [PATH]` may precede, and at the end `@NONCE done SECTIONS`. The nonce is
//! made for one scan, so that no text that was in the target before can pose as a line of the protocol.
//!
//! A path ends its line and is sent as its bytes. One with a newline in it is sent as `\` and
//! then with `\x0a` for each newline and `\\` for each backslash, so that it is one line and no other path.

mod checksum;
mod frames;
mod name;
mod parts;
mod writer;

pub use checksum::cksum;
pub(crate) use frames::Frames;
pub(crate) use name::escaped_text;
pub use name::{decode_path, encode_link, encode_path};
pub(crate) use parts::{PartSink, Parts};
pub use writer::FrameWriter;

use crate::{
    escape::visible,
    gap::{Attribute, Gap, GapKind},
};

/// Version of the protocol.
pub const PROTOCOL: u32 = 1;
/// Exit code of `secure-scan-probe` when the kernel does not show it the target's filesystem: it runs as another user
/// or with other capabilities than the target, or every process of the target has another root (chroot). Its other
/// failures exit with 1.
pub const TARGET_HIDDEN: u8 = 65;

/// How an agent's reason begins when the target does not have a tool; the rest is its name. The shell collector writes
/// it after `@fail` and `!missing`; a test of the collector holds it to this.
const NO_TOOL: &str = "the target has no ";

/// The tool that the target does not have, where that is the reason that an agent gave.
pub fn missing_tool(reason: &str) -> Option<&str> {
    reason.strip_prefix(NO_TOOL)
}

/// How an agent's reason begins when the target's shell cannot run it; a test of the collector holds it to this.
pub(crate) const SHELL: &str = "the shell of the target ";

/// Why an answer cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The agent says that it cannot work here.
    #[error("the agent cannot work in this target: {0}")]
    Refused(String),
    /// What came has no mark of an answer.
    #[error("what came is no answer of an agent")]
    NoAnswer,
    /// The answer ends before its trailer.
    #[error("the answer was cut: it has no trailer")]
    Cut,
    /// Something that is not the protocol.
    #[error("frame {0} of the answer is not what the protocol allows")]
    Malformed(u64),
    /// The checksum of a frame, or of all headers, is wrong.
    #[error("the checksum of frame {0} of the answer is wrong")]
    Checksum(u64),
    /// The sections are longer than a client keeps in memory.
    #[error("the sections of the answer beside the files are longer than {0} MiB")]
    TooLong(usize),
    /// Bytes after the trailer, or totals that do not fit.
    #[error("the answer does not fit its trailer")]
    Trailer,
    /// Not all sections were answered.
    #[error("the agent stopped before its answer was complete")]
    Incomplete,
}

impl WireError {
    /// Whether the shell of the target, or what is in its place, cannot run the collector.
    pub fn is_of_shell(&self) -> bool {
        match self {
            Self::Refused(reason) => reason.starts_with(SHELL),
            Self::NoAnswer => true,
            _ => false,
        }
    }

    /// The tool that the target does not have, where the agent cannot work without it.
    pub fn missing_tool(&self) -> Option<&str> {
        match self {
            Self::Refused(reason) => missing_tool(reason),
            _ => None,
        }
    }
}

/// How a section ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Everything is here.
    Ok,
    /// That many items are missing, and why.
    Partial(u64, String),
    /// Nothing could be collected, and why.
    Missing(String),
}

/// One section: its data lines and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawSection<'a> {
    /// Data lines, as sent.
    pub lines: Vec<&'a [u8]>,
    /// What the agent could not read, as far as it said where or how.
    pub gaps: Vec<Gap>,
    /// How it ended.
    pub ending: Ending,
}

/// `!gap KIND`, `!gap KIND/ATTRIBUTE`, each with a path after it or without.
fn gap(line: &[u8]) -> Option<Gap> {
    let line = line.strip_prefix(b"!gap ")?;
    let space = line.iter().position(|byte| *byte == b' ');
    let (code, path) = line.split_at(space.unwrap_or(line.len()));
    let code = std::str::from_utf8(code).unwrap_or_default();
    let (kind, attribute) = code.split_once('/').unwrap_or((code, ""));
    let mut gap = Gap::new(GapKind::from_code(kind));
    if !attribute.is_empty() {
        gap = gap.of_attribute(Attribute::from_code(attribute));
    }
    // A path that is none is one that is not known.
    gap.path = path.get(1..).and_then(decode_path);
    Some(gap)
}

/// A gap as the line that an agent writes before the status of a section.
pub fn encode_gap(gap: &Gap) -> Vec<u8> {
    let mut line = format!("!gap {}", gap.kind.code()).into_bytes();
    if let Some(attribute) = gap.attribute {
        line.push(b'/');
        line.extend_from_slice(attribute.code().as_bytes());
    }
    if let Some(path) = &gap.path {
        line.push(b' ');
        line.extend_from_slice(&encode_path(&path.to_bytes()));
    }
    line
}

fn ending(line: &[u8]) -> Option<Ending> {
    let line = String::from_utf8_lossy(line);
    if line == "!ok" {
        return Some(Ending::Ok);
    }
    if let Some(rest) = line.strip_prefix("!partial ") {
        let (count, reason) = rest.split_once(' ')?;
        return Some(Ending::Partial(count.parse().ok()?, visible(reason, 300)));
    }
    let reason = line.strip_prefix("!missing ")?;
    Some(Ending::Missing(visible(reason, 300)))
}

#[cfg(test)]
mod tests;
