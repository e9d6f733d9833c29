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

/// Returns the same, but of text that is longer it keeps the beginning and the end, half of `limit` each.
///
/// For the words of a server or a node: an error that wraps others says last what went wrong.
///
/// ```
/// use scanner_inventory::escape::visible_ends;
/// assert_eq!(visible_ends("pull: resolve: 401 Unauthorized", 24), "pull: resolv…Unauthorized");
/// assert_eq!(visible_ends("a\x1bb", 80), "a\\u{1b}b");
/// ```
pub fn visible_ends(text: &str, limit: usize) -> String {
    let (first, last) = (limit - limit / 2, limit / 2);
    let head = text.char_indices().nth(first).map(|(end, _)| end);
    let tail = last.checked_sub(1).map_or(Some(text.len()), |back| {
        text.char_indices().nth_back(back).map(|(start, _)| start)
    });
    match head.zip(tail) {
        Some((head, tail)) if head < tail => {
            let shown = format!("{}…{}", &text[..head], &text[tail..]);
            escaped(&shown, |_| false)
        }
        _ => escaped(text, |_| false),
    }
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
            prop_assert!(!visible_ends(&text, 8).chars().any(is_hazardous));
        }

        #[test]
        fn both_ends_of_longer_text_are_kept_and_shorter_text_is_whole(text in "[a-zäß€😀]{0,12}", limit in 0_usize..14) {
            let shown = visible_ends(&text, limit);
            let all: Vec<char> = text.chars().collect();
            let wanted: String = if all.len() <= limit {
                text.clone()
            } else {
                let (first, last) = (limit - limit / 2, limit / 2);
                let tail = &all[all.len() - last..];
                all[..first].iter().chain(['…'].iter()).chain(tail).collect()
            };
            prop_assert_eq!(shown, wanted);
        }
    }
}
