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
mod name;
mod writer;

pub use checksum::cksum;
pub(crate) use name::escaped_text;
pub use name::{decode_path, encode_link, encode_path};
pub use writer::FrameWriter;

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use crate::{
    escape::visible,
    gap::{Attribute, Gap, GapKind},
    request::Section,
};

/// Version of the protocol.
pub const PROTOCOL: u32 = 1;
/// Longest payload of one frame in bytes.
const MAX_FRAME: usize = 64 * 1024;
/// Longest header line in bytes.
const MAX_HEADER: usize = 200;

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

/// Why an answer cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The agent says that it cannot work here.
    #[error("the agent cannot work in this target: {0}")]
    Refused(String),
    /// The answer ends before its trailer.
    #[error("the answer was cut: it has no trailer")]
    Cut,
    /// Something that is not the protocol.
    #[error("frame {0} of the answer is not what the protocol allows")]
    Malformed(u64),
    /// The checksum of a frame, or of all headers, is wrong.
    #[error("the checksum of frame {0} of the answer is wrong")]
    Checksum(u64),
    /// Bytes after the trailer, or totals that do not fit.
    #[error("the answer does not fit its trailer")]
    Trailer,
    /// Not all sections were answered.
    #[error("the agent stopped before its answer was complete")]
    Incomplete,
}

impl WireError {
    /// The tool that the target does not have, where the agent cannot work without it.
    pub fn missing_tool(&self) -> Option<&str> {
        match self {
            Self::Refused(reason) => missing_tool(reason),
            _ => None,
        }
    }
}

/// An answer whose frames were proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The payloads, joined.
    pub payload: Vec<u8>,
    /// Number of frames.
    pub frames: u64,
    /// Whether every frame carried a checksum.
    pub digests: bool,
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

/// Proves the frames of an answer and joins their payloads.
///
/// # Errors
///
/// Fails on anything that is not exactly one complete answer.
pub fn decode(bytes: &[u8], nonce: &str) -> Result<Answer, WireError> {
    let mut answer = Answer {
        payload: Vec::new(),
        frames: 0,
        digests: true,
    };
    let (mut rest, mut headers) = (bytes, Vec::new());
    loop {
        let bad = WireError::Malformed(answer.frames);
        let window = &rest[..rest.len().min(MAX_HEADER)];
        let Some(end) = window.iter().position(|b| *b == b'\n') else {
            return Err(if rest.len() < MAX_HEADER {
                WireError::Cut
            } else {
                bad
            });
        };
        let line = std::str::from_utf8(&rest[..end]).map_err(|_| bad.clone())?;
        let after = &rest[end + 1..];
        let fields: Vec<&str> = line.split(' ').collect();
        match fields.as_slice() {
            ["@fail", n, reason @ ..] if *n == nonce => {
                return Err(WireError::Refused(visible(&reason.join(" "), 200)));
            }
            ["@frame", n, seq, length, crc] if *n == nonce => {
                let length: usize = length.parse().map_err(|_| bad.clone())?;
                if seq.parse() != Ok(answer.frames) || length == 0 || length > MAX_FRAME {
                    return Err(bad);
                }
                if after.len() <= length {
                    return Err(WireError::Cut);
                }
                let (payload, tail) = after.split_at(length);
                answer.digests &= check(crc, payload, answer.frames)?;
                rest = tail.strip_prefix(b"\n").ok_or(bad)?;
                answer.payload.extend_from_slice(payload);
                answer.frames += 1;
                headers.extend_from_slice(line.as_bytes());
                headers.push(b'\n');
            }
            ["@end", n, frames, total, crc] if *n == nonce => {
                let fits = frames.parse() == Ok(answer.frames)
                    && total.parse() == Ok(answer.payload.len())
                    && after.is_empty();
                check(crc, &headers, answer.frames)?;
                return if fits {
                    Ok(answer)
                } else {
                    Err(WireError::Trailer)
                };
            }
            _ => return Err(bad),
        }
    }
}

/// Whether there is a checksum, after it was compared.
fn check(crc: &str, bytes: &[u8], frame: u64) -> Result<bool, WireError> {
    if crc == "-" {
        return Ok(false);
    }
    let right = match crc.strip_prefix("sha256:") {
        Some(digest) => hex::encode(Sha256::digest(bytes)) == digest,
        None => crc.parse() == Ok(cksum(bytes)),
    };
    if right {
        Ok(true)
    } else {
        Err(WireError::Checksum(frame))
    }
}

/// Splits the payload of an answer into its sections.
///
/// # Errors
///
/// Fails when the agent did not get to its end. Does not fail on a section that nobody asked for
/// or that has no status: those are left out, so that they read as not answered.
pub fn sections<'a>(
    answer: &'a Answer,
    nonce: &str,
) -> Result<BTreeMap<Section, RawSection<'a>>, WireError> {
    parts(answer, nonce, Section::from_name)
}

/// A part of an answer that is no section.
///
/// # Errors
///
/// Fails as [`sections`] does.
pub fn part<'a>(
    answer: &'a Answer,
    nonce: &str,
    name: &str,
) -> Result<Option<RawSection<'a>>, WireError> {
    let all = parts(answer, nonce, |other| (other == name).then_some(()))?;
    Ok(all.into_values().next())
}

fn parts<'a, K: Ord>(
    answer: &'a Answer,
    nonce: &str,
    named: impl Fn(&str) -> Option<K>,
) -> Result<BTreeMap<K, RawSection<'a>>, WireError> {
    let mark = format!("@{nonce} ");
    let mut found = BTreeMap::new();
    let mut open: Option<(K, Vec<&[u8]>)> = None;
    let payload = answer.payload.strip_suffix(b"\n");
    // A carriage return at the end of a line belongs to what the line says, such as a name.
    for line in payload.unwrap_or(&answer.payload).split(|b| *b == b'\n') {
        let Some(control) = line.strip_prefix(mark.as_bytes()) else {
            if let Some((_, lines)) = &mut open {
                lines.push(line);
            }
            continue;
        };
        if let Some((part, mut lines)) = open.take()
            && let Some(ending) = lines.pop().and_then(ending)
        {
            let mut gaps = Vec::new();
            while let Some(gap) = lines.last().and_then(|line| gap(line)) {
                lines.pop();
                gaps.push(gap);
            }
            gaps.reverse();
            let section = RawSection {
                lines,
                gaps,
                ending,
            };
            found.insert(part, section);
        }
        let control = std::str::from_utf8(control).unwrap_or_default();
        match control.split_once(' ') {
            Some(("section", name)) => open = named(name).map(|part| (part, Vec::new())),
            Some(("done", _)) => return Ok(found),
            _ => return Err(WireError::Incomplete),
        }
    }
    Err(WireError::Incomplete)
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encode(payloads: &[&[u8]], nonce: &str) -> Vec<u8> {
        use std::io::Write as _;
        let mut out = Vec::new();
        let mut writer = FrameWriter::new(&mut out, nonce);
        for payload in payloads {
            writer.write_all(payload).unwrap();
            writer.flush().unwrap();
        }
        writer.finish().unwrap();
        out
    }

    #[test]
    fn the_checksum_is_that_of_posix_cksum() {
        // printf 123456789 | cksum; printf '' | cksum
        assert_eq!(cksum(b"123456789"), 930_766_865);
        assert_eq!(cksum(b""), 4_294_967_295);
    }

    #[test]
    fn an_answer_that_is_cut_anywhere_is_an_error() {
        let whole = encode(&[b"first\n", b"@end n 0 0 0\nsecond"], "n");
        assert_eq!(
            decode(&whole, "n").unwrap().payload,
            b"first\n@end n 0 0 0\nsecond"
        );
        for end in 0..whole.len() {
            assert!(decode(&whole[..end], "n").is_err(), "cut at {end}");
        }
        let mut longer = whole.clone();
        longer.push(b'x');
        assert_eq!(decode(&longer, "n"), Err(WireError::Trailer));
        assert!(decode(&whole, "other").is_err());
    }

    #[test]
    fn a_changed_byte_is_an_error() {
        let whole = encode(&[b"some data", b"more"], "n");
        for at in 0..whole.len() - 1 {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert!(decode(&changed, "n").is_err(), "changed at {at}");
        }
    }

    #[test]
    fn a_sha256_stands_for_a_checksum_where_there_is_no_cksum() {
        let sum = |text: &str| hex::encode(Sha256::digest(text));
        let header = format!("@frame n 0 4 sha256:{}\n", sum("data"));
        let end = format!("@end n 1 4 sha256:{}\n", sum(&header));
        let whole = format!("{header}data\n{end}");
        assert!(decode(whole.as_bytes(), "n").unwrap().digests);
        for changed in [whole.replace("data", "dada"), whole.replace(" n ", " m ")] {
            assert!(matches!(
                decode(
                    changed.as_bytes(),
                    if changed.contains(" m ") { "m" } else { "n" }
                ),
                Err(WireError::Checksum(_))
            ));
        }
    }

    #[test]
    fn a_section_without_status_or_end_is_never_complete() {
        let answer = |text: &str| Answer {
            payload: text.as_bytes().to_vec(),
            frames: 1,
            digests: true,
        };
        let whole = answer("@n section users\na\n!ok\n@n section groups\nb\n@n done 2\n");
        let found = sections(&whole, "n").unwrap();
        assert_eq!(found[&Section::Users].lines, [b"a"]);
        assert!(!found.contains_key(&Section::Groups), "no status");
        let cut = answer("@n section users\na\n!ok\n");
        assert_eq!(sections(&cut, "n"), Err(WireError::Incomplete));
        let forged = answer("@n section users\n@x section groups\n!ok\n@n done 1\n");
        assert_eq!(sections(&forged, "n").unwrap().len(), 1);
    }

    #[test]
    fn gaps_are_read_before_the_status_alone() {
        let payload = b"@n section files\n!gap vanished\nx\n!gap not_searchable /root\xff\n\
            !gap unsupported/digest\n!gap later/other x\n!partial 2 why\n@n done 1\n";
        let answer = Answer {
            payload: payload.to_vec(),
            frames: 1,
            digests: true,
        };
        let found = sections(&answer, "n")
            .unwrap()
            .remove(&Section::Files)
            .unwrap();
        assert_eq!(found.lines, [&b"!gap vanished"[..], b"x"]);
        let expected = [
            Gap::new(GapKind::NotSearchable).at(&b"/root\xff"[..]),
            Gap::new(GapKind::Unsupported).of_attribute(Attribute::Digest),
            Gap::new(GapKind::Unknown).of_attribute(Attribute::Unknown),
        ];
        assert_eq!(found.gaps, expected);
        assert_eq!(found.ending, Ending::Partial(2, "why".into()));
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = decode(&bytes, "n");
            let answer = Answer { payload: bytes, frames: 0, digests: true };
            let _ = sections(&answer, "n");
        }

        #[test]
        fn what_was_sent_is_what_is_read(payloads in proptest::collection::vec(
            proptest::collection::vec(any::<u8>(), 1..300), 0..6))
        {
            let parts: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).collect();
            let answer = decode(&encode(&parts, "n"), "n").unwrap();
            prop_assert_eq!(answer.payload, payloads.concat());
        }
    }
}
