//! Names of files as text: bytes that are no text, or that a line cannot hold, are written as `\xNN`.
//!
//! Two names that differ in one byte stay two names, and each can be read back.

use std::fmt::Write as _;

/// `name` as text; a backslash is doubled.
pub(crate) fn escape(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => text.push_str("\\\\"),
                c if c.is_ascii_control() => bytes(&mut text, &[c as u8]),
                c => text.push(c),
            }
        }
        bytes(&mut text, chunk.invalid());
    }
    text
}

fn bytes(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(text, "\\x{byte:02x}");
    }
}

/// The name that `text` stands for; a backslash that starts nothing stands for itself.
pub(crate) fn unescape(text: &str) -> Vec<u8> {
    let mut name = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.strip_prefix(b"x").and_then(|digits| digits.get(..2));
        let hex = hex.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let hex = hex.and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = hex.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        rest = match (first, byte, after.first()) {
            (b'\\', Some(byte), _) => {
                name.push(byte);
                &after[3..]
            }
            (b'\\', None, Some(b'\\')) => {
                name.push(b'\\');
                &after[1..]
            }
            _ => {
                name.push(*first);
                after
            }
        };
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_in_a_byte_that_is_no_text_stay_two() {
        assert_eq!(escape(b"/bin/su\xff"), r"/bin/su\xff");
        assert_eq!(escape(b"/bin/su\xfe"), r"/bin/su\xfe");
        assert_eq!(escape(b"a\nb\\xff"), r"a\x0ab\\xff");
        assert_eq!(escape("/etc/ü".as_bytes()), "/etc/ü");
        assert_eq!(unescape(r"a\b\xzz\"), br"a\b\xzz\");
    }

    proptest::proptest! {
        #[test]
        fn every_name_is_read_back(name in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..40)) {
            let text = escape(&name);
            proptest::prop_assert!(!text.contains(|c: char| c.is_ascii_control()));
            proptest::prop_assert_eq!(unescape(&text), name);
        }
    }
}
