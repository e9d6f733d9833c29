//! Ids of accounts as C libraries read them.

/// The C library of a target, as far as its files show it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Libc {
    pub(super) musl: bool,
    pub(super) glibc: bool,
}

impl Libc {
    /// Whether programs may read as glibc does; true if nothing is known.
    pub(super) const fn is_glibc(self) -> bool {
        self.glibc || !self.musl
    }

    /// The same for musl.
    pub(super) const fn is_musl(self) -> bool {
        self.musl || !self.glibc
    }
}

/// A number at the start of a field, and what follows its colon, if one does. As `strtoul`: blanks and a sign before it,
/// a negative number wraps around; then whatever is over 32 bits is the largest one.
pub(super) fn glibc_number(text: &[u8]) -> Option<(u32, Option<&[u8]>)> {
    let blanks = |byte: &&u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let rest = &text[text.iter().take_while(blanks).count()..];
    let (negative, digits) = match rest.split_first() {
        Some((b'-', digits)) => (true, digits),
        Some((b'+', digits)) => (false, digits),
        _ => (false, rest),
    };
    let length = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, rest) = digits.split_at(length);
    let rest = match rest.split_first() {
        _ if digits.is_empty() => return None,
        None => None,
        Some((b':', rest)) => Some(rest),
        Some(_) => return None,
    };
    let add = |sum: u64, digit: &u8| sum.checked_mul(10)?.checked_add((digit - b'0').into());
    let value = match digits.iter().try_fold(0, add) {
        Some(value) if negative => value.wrapping_neg(),
        Some(value) => value,
        None => u64::MAX,
    };
    Some((u32::try_from(value).unwrap_or(u32::MAX), rest))
}

/// The same as musl reads it: digits alone, of which there may be none, modulo 2^32; and a colon.
pub(super) fn musl_number(text: &[u8]) -> Option<(u32, &[u8])> {
    let length = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(length);
    let add = |sum: u32, digit: &u8| sum.wrapping_mul(10).wrapping_add((digit - b'0').into());
    let value = digits.iter().fold(0, add);
    Some((value, rest.strip_prefix(b":")?))
}
