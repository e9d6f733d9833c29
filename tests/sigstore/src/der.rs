//! As much DER as the tests need.

/// DER: tag, length, value.
pub(crate) fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).expect("short");
    let mut der = match length {
        0..=127 => vec![tag, value.len().to_le_bytes()[0]],
        _ => [&[tag, 0x82][..], &length.to_be_bytes()].concat(),
    };
    der.extend(value);
    der
}

/// The first element of a DER sequence: for a certificate, its signed part.
pub(crate) fn inner(der: &[u8]) -> &[u8] {
    let header = |der: &[u8]| match der[1] {
        length @ 0..=127 => (2, usize::from(length)),
        long => {
            let end = 2 + usize::from(long & 127);
            (
                end,
                der[2..end].iter().fold(0, |n, b| n << 8 | usize::from(*b)),
            )
        }
    };
    let inside = &der[header(der).0..];
    let (start, length) = header(inside);
    &inside[..start + length]
}
