//! How a section ended, and its gaps.

use super::name::{decode_path, encode_path};
use crate::{
    escape::visible,
    gap::{Attribute, Gap, GapKind},
};

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
    /// The gaps that the agent reported with a place or a kind.
    pub gaps: Vec<Gap>,
    /// How it ended.
    pub ending: Ending,
}

/// `!gap KIND`, `!gap KIND/ATTRIBUTE`, each with a path after it or without.
pub(super) fn gap(line: &[u8]) -> Option<Gap> {
    let line = line.strip_prefix(b"!gap ")?;
    let space = line.iter().position(|byte| *byte == b' ');
    let (code, path) = line.split_at(space.unwrap_or(line.len()));
    let code = std::str::from_utf8(code).unwrap_or_default();
    let (kind, attribute) = code.split_once('/').unwrap_or((code, ""));
    // Only the reader of the lines decides that one is not an entry.
    let kind = Some(GapKind::from_code(kind)).filter(|kind| *kind != GapKind::NoEntry);
    let mut gap = Gap::new(kind.unwrap_or_default());
    if !attribute.is_empty() {
        gap = gap.of_attribute(Attribute::from_code(attribute));
    }
    // A field that is not a path counts as an unknown path.
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

pub(super) fn ending(line: &[u8]) -> Option<Ending> {
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
