//! Common parts of the readers of an rpm header.

/// Most index entries of a header, as in rpm.
pub(super) const MAX_ENTRIES: usize = 0xffff;
pub(super) const INT32: u32 = 4;

pub(super) fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(word.try_into().ok()?))
}
