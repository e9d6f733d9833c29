//! Escaping of text that comes from a target or a server, before a human sees it.

use std::fmt::Write as _;

/// Returns `text` with everything that could act on a terminal made visible, cut at `limit`
/// characters.
///
/// Control characters (C0, DEL, C1), bidirectional overrides and other invisible format
/// characters become `\u{..}` escapes, so that no text can move a cursor, change a colour, hide
/// itself or reorder a line (see Unicode TR36 and CVE-2021-42574).
///
/// ```
/// use scanner_inventory::escape::visible;
/// assert_eq!(visible("a\x1b[31mb", 80), "a\\u{1b}[31mb");
/// assert_eq!(visible("long text", 4), "long…");
/// ```
pub fn visible(text: &str, limit: usize) -> String {
    let mut out = String::with_capacity(text.len().min(limit));
    for (count, c) in text.chars().enumerate() {
        if count == limit {
            out.push('…');
            break;
        }
        if is_hazardous(c) {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// Returns JSON that means the same as `json` and holds no character that could act on a terminal.
///
/// Within JSON such characters can only stand in strings, where `\\u` escapes mean the same.
pub fn json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && is_hazardous(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// Whether a character could act on a terminal, hide itself or reorder a line.
pub fn is_hazardous(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bidi_and_invisible_characters_are_shown() {
        assert_eq!(
            visible("a\u{202e}b\u{200b}c\r\n", 80),
            "a\\u{202e}b\\u{200b}c\\u{d}\\u{a}"
        );
    }

    proptest! {
        #[test]
        fn nothing_hazardous_passes(text in any::<String>()) {
            prop_assert!(!visible(&text, 1000).chars().any(is_hazardous));
        }
    }
}
