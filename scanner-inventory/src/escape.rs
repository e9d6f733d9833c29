//! Escaping of text that comes from a target or a server, before a human sees it.

mod command;
mod hazard;
mod xml;

use std::fmt::Write as _;

pub use hazard::is_hazardous;
pub use xml::xml;

/// Returns `text` with everything that could act on a terminal or a CI server made visible, cut at `limit`
/// characters.
///
/// A character that acts or is not seen becomes a `\u{..}` escape (see [`is_hazardous`]), so that no text can move a
/// cursor, change a colour, hide itself or reorder a line (Unicode TR36, CVE-2021-42574). So does the second character of
/// text that a CI server would execute as a command, such as `##vso[` and `::error::`.
///
/// ```
/// use scanner_inventory::escape::visible;
/// assert_eq!(visible("a\x1b[31mb", 80), "a\\u{1b}[31mb");
/// assert_eq!(visible("##vso[task.complete]", 80), "#\\u{23}vso[task.complete]");
/// assert_eq!(visible("long text", 4), "long…");
/// ```
pub fn visible(text: &str, limit: usize) -> String {
    let end = text.char_indices().nth(limit).map(|(end, _)| end);
    let mut out = escaped(end.map_or(text, |end| &text[..end]), |_| false);
    if end.is_some() {
        out.push('…');
    }
    out
}

/// Returns text of several lines with everything that [`visible`] escapes made visible, but for the ends of its lines.
///
/// ```
/// use scanner_inventory::escape::lines;
/// assert_eq!(lines("a\x1bb\nc\r\n"), "a\\u{1b}b\nc\\u{d}\n");
/// ```
pub fn lines(text: &str) -> String {
    escaped(text, |c| c == '\n')
}

fn escaped(text: &str, keeps: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = None;
    for (at, c) in text.char_indices() {
        if (is_hazardous(c) && !keeps(c)) || command::is_begun(before, &text[at..]) {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        } else {
            out.push(c);
        }
        before = Some((before.map(|(_, last)| last), c));
    }
    out
}

/// Returns JSON that means the same as `json` and holds nothing that [`visible`] escapes.
///
/// Within JSON it can only stand in strings, where `\\u` escapes mean the same.
pub fn json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut before = None;
    for (at, c) in json.char_indices() {
        if (c != '\n' && is_hazardous(c)) || command::is_begun(before, &json[at..]) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
        before = Some((before.map(|(_, last)| last), c));
    }
    out
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
