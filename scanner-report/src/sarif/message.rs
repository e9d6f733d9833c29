//! Text of messages, escaped so that a consumer reads no part of it as a link or a placeholder.

use scanner_core::escape::visible;

/// Text of a message, in which no part is a link (3.11.6) or a placeholder (3.11.5).
///
/// A bracket is preceded by a backslash, and so is each backslash right before it: otherwise that backslash would cancel
/// the escape. A brace around digits is doubled.
pub(super) fn plain(text: &str, limit: usize) -> String {
    let text = visible(text, limit);
    let mut out = String::with_capacity(text.len());
    let mut backslashes = 0;
    for (at, c) in text.char_indices() {
        match c {
            '[' | ']' => out.extend(std::iter::repeat_n('\\', backslashes + 1)),
            '{' if number_before(&text[at + 1..], '}') => out.push('{'),
            '}' if number_after(&text[..at], '{') => out.push('}'),
            _ => {}
        }
        backslashes = if c == '\\' { backslashes + 1 } else { 0 };
        out.push(c);
    }
    out
}

/// Whether digits and then `end` are what comes next.
fn number_before(text: &str, end: char) -> bool {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    rest.len() < text.len() && rest.starts_with(end)
}

/// Whether `start` and then digits are what came last.
fn number_after(text: &str, start: char) -> bool {
    let rest = text.trim_end_matches(|c: char| c.is_ascii_digit());
    rest.len() < text.len() && rest.ends_with(start)
}

/// Text of a field that must not be empty.
pub(super) fn text(text: &str, limit: usize) -> String {
    let text = plain(text, limit);
    if text.is_empty() {
        "-".to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A message as section 3.11 reads it, without escapes; or why it has something that is not text.
    fn read(message: &str) -> Result<String, String> {
        let (mut out, mut rest) = (String::new(), message);
        while let Some(c) = rest.chars().next() {
            let slashes = rest.len() - rest.trim_start_matches('\\').len();
            let after = &rest[slashes..];
            if slashes > 0 && after.starts_with(['[', ']']) {
                if slashes % 2 == 0 {
                    return Err(format!("a bracket that is not escaped: {rest}"));
                }
                out.extend(std::iter::repeat_n('\\', slashes / 2));
                out.push_str(&after[..1]);
                rest = &after[1..];
            } else if slashes > 0 {
                out.push_str(&rest[..slashes]);
                rest = after;
            } else if matches!(c, '[' | ']') {
                return Err(format!("a bracket that is not escaped: {rest}"));
            } else if rest.starts_with("{{") && number_before(&rest[2..], '}') {
                let digits = rest[2..].find('}').unwrap_or_default();
                out.push_str(&rest[1..2 + digits]);
                out.push('}');
                rest = rest[2 + digits..]
                    .strip_prefix("}}")
                    .ok_or("half a placeholder")?;
            } else if c == '{' && number_before(&rest[1..], '}') {
                return Err(format!("a placeholder: {rest}"));
            } else {
                out.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
        Ok(out)
    }

    #[test]
    fn links_and_placeholders_are_text() {
        for text in [
            "[a](https://example.org)",
            "\\[a\\](1)",
            "\\\\[a]",
            "a{0} {12}",
            "\u{1}\u{85}",
            "{a} {} { 1}",
            "{0{1}",
            "[",
            "\\",
        ] {
            assert_eq!(read(&plain(text, 500)), Ok(visible(text, 500)), "{text}");
        }
        assert!(read("[a](b)").is_err() && read("{0}").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_as_it_was(text in "[\\[\\]\\\\{}01a ()]{0,40}") {
            let shown = visible(&text, 500);
            let read = read(&plain(&text, 500));
            prop_assert_eq!(read, Ok(shown));
        }
    }
}
