//! One block of a tar archive as a header: which format it is, and what its fields say.

use super::fault::{Fault, fault};

/// Bytes of a block.
pub(crate) const BLOCK: usize = 512;
/// Longest name, set of attributes or map in bytes, as in Go.
pub(super) const MAX_EXTENSION: u64 = 1 << 20;

/// The fields after those that every format has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    V7,
    Ustar,
    Gnu,
    Star,
}

/// The fields of a header. No reader knows more about an entry than its header and the records before it.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields {
    pub(super) kind: u8,
    pub(super) name: Vec<u8>,
    pub(super) link: Vec<u8>,
    pub(super) size: i64,
    pub(super) mode: i64,
    pub(super) uid: i64,
    pub(super) gid: i64,
    pub(super) device: (i64, i64),
}

/// The format of a block whose checksum is right, added up as signed or as unsigned bytes.
pub(super) fn format(block: &[u8; BLOCK]) -> Result<Format, Fault> {
    let (mut unsigned, mut signed) = (0i64, 0i64);
    for (at, byte) in block.iter().enumerate() {
        let byte = if (148..156).contains(&at) {
            b' '
        } else {
            *byte
        };
        unsigned += i64::from(byte);
        signed += i64::from(byte.cast_signed());
    }
    let sum = octal(&block[148..156])?;
    if sum != unsigned && sum != signed {
        return Err(fault("a header has a wrong checksum"));
    }
    let (magic, version) = (&block[257..263], &block[263..265]);
    Ok(match (magic, version) {
        (b"ustar\0", _) if &block[508..] == b"tar\0" => Format::Star,
        (b"ustar\0", _) => Format::Ustar,
        (b"ustar ", b" \0") => Format::Gnu,
        _ => Format::V7,
    })
}

pub(super) fn fields(block: &[u8; BLOCK], format: Format) -> Result<Fields, Fault> {
    let mut fields = Fields {
        kind: block[156],
        name: text(&block[..100]).to_vec(),
        link: text(&block[157..257]).to_vec(),
        size: number(&block[124..136])?,
        mode: number(&block[100..108])?,
        uid: number(&block[108..116])?,
        gid: number(&block[116..124])?,
        device: (0, 0),
    };
    // No report shows a time, but runtimes refuse an entry whose time is not a number.
    number(&block[136..148])?;
    if format == Format::V7 {
        return Ok(fields);
    }
    fields.device = (number(&block[329..337])?, number(&block[337..345])?);
    let prefix = match format {
        Format::Ustar => text(&block[345..500]),
        Format::Star => {
            number(&block[476..488])?;
            number(&block[488..500])?;
            text(&block[345..476])
        }
        Format::Gnu => misplaced(block),
        Format::V7 => b"",
    };
    if !prefix.is_empty() {
        fields.name = [prefix, b"/", &fields.name].concat();
    }
    Ok(fields)
}

/// A prefix where GNU has times: Go wrote such headers until 1.8, and reads them to this day.
fn misplaced(block: &[u8; BLOCK]) -> &[u8] {
    let times = [&block[345..357], &block[357..369]];
    let is_time = |field: &&[u8]| field[0] == 0 || number(field).is_ok();
    let prefix = text(&block[345..500]);
    if times.iter().all(is_time) || !prefix.is_ascii() {
        return b"";
    }
    prefix
}

/// The bytes before the first zero byte.
pub(super) fn text(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|byte| *byte == 0);
    &field[..end.unwrap_or(field.len())]
}

/// A number in octal digits, or in binary if the first bit is set.
pub(super) fn number(field: &[u8]) -> Result<i64, Fault> {
    let first = field.first().copied().unwrap_or_default();
    if first & 0x80 == 0 {
        return octal(field);
    }
    let invert = if first & 0x40 == 0 { 0 } else { 0xff };
    let mut value = 0u64;
    for (at, byte) in field.iter().enumerate() {
        let byte = byte ^ invert;
        let byte = if at == 0 { byte & 0x7f } else { byte };
        if value >> 56 > 0 {
            return Err(fault("a number in a header is too large"));
        }
        value = value << 8 | u64::from(byte);
    }
    let value = i64::try_from(value).map_err(|_| fault("a number in a header is too large"))?;
    Ok(if invert == 0 { value } else { !value })
}

fn octal(field: &[u8]) -> Result<i64, Fault> {
    let blank = |byte: &u8| matches!(byte, 0 | b' ');
    let Some(start) = field.iter().position(|byte| !blank(byte)) else {
        return Ok(0);
    };
    let end = field.iter().rposition(|byte| !blank(byte)).unwrap_or(start);
    let mut value = 0u64;
    for byte in text(&field[start..=end]) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 7 {
            return Err(fault("a number in a header is malformed"));
        }
        value = value << 3 | u64::from(digit);
    }
    // Twelve digits at most, so that it fits.
    i64::try_from(value).map_err(|_| fault("a number in a header is too large"))
}

/// Whether an entry of this kind has no data, whatever size its header says.
pub(super) const fn has_no_data(kind: u8) -> bool {
    matches!(kind, b'1'..=b'6')
}
