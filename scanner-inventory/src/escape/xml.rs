//! XML holds only some characters, escaped or not.

use std::fmt::Write as _;

use super::hazard::is_hazardous;

/// Returns an XML document in which nothing acts, and in which every character is one that XML 1.0 allows.
///
/// Whatever else the document has becomes the text `\u{..}`. Markup is of ASCII, so that it can only stand in text and
/// in values of attributes.
///
/// ```
/// use scanner_inventory::escape::xml;
/// assert_eq!(xml("<a b=\"\u{fffe}\">\u{1}</a>\n"), "<a b=\"\\u{fffe}\">\\u{1}</a>\n");
/// ```
pub fn xml(document: &str) -> String {
    let mut out = String::with_capacity(document.len());
    for c in document.chars() {
        if c != '\n' && (is_hazardous(c) || !is_allowed(c)) {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// `Char` of XML 1.0, section 2.2.
const fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_point_is_allowed_afterwards() {
        for c in '\0'..=char::MAX {
            let escaped = xml(&format!("<a>{c}</a>"));
            let whole = escaped
                .chars()
                .all(|c| is_allowed(c) && (c == '\n' || !is_hazardous(c)));
            assert!(whole, "{:x}: {escaped}", u32::from(c));
        }
    }

    #[test]
    fn no_character_that_xml_forbids_is_left() {
        // Said once more, and by numbers: surrogates are no characters of Rust.
        let controls = (0..0x20).filter(|c| ![9, 10, 13].contains(c));
        for number in controls.chain([0xfffe, 0xffff]) {
            let c = char::from_u32(number).unwrap();
            assert!(!xml(&format!("<a>{c}</a>")).contains(c), "{number:x}");
        }
        assert_eq!(xml("<a>\u{fffd}</a>"), "<a>\u{fffd}</a>");
    }
}
