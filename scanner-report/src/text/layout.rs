//! How lines are drawn: width, colour, fields.

use std::fmt::Write as _;

use scanner_core::escape::visible;

/// Characters in a line if the width of the terminal is not known.
const WIDTH: usize = 80;
/// Bounds of the width of a line: longer lines are hard to read, and shorter ones have no room for words.
const WIDTHS: std::ops::RangeInclusive<usize> = 40..=160;

/// A text that is being drawn, and how wide its lines are.
pub(super) struct Page {
    text: String,
    width: usize,
}

impl Page {
    /// An empty page of that width, or of 80 characters.
    pub(super) fn new(width: Option<usize>) -> Self {
        let width = width.unwrap_or(WIDTH);
        Self {
            text: String::new(),
            width: width.clamp(*WIDTHS.start(), *WIDTHS.end()),
        }
    }

    pub(super) const fn width(&self) -> usize {
        self.width
    }

    pub(super) fn push(&mut self, c: char) {
        self.text.push(c);
    }

    pub(super) fn push_str(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

impl std::fmt::Write for Page {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.text.push_str(text);
        Ok(())
    }
}

/// How to draw a report.
#[derive(Debug, Clone, Copy, Default)]
pub struct Style {
    /// Whether to use ANSI colours. Colour never carries meaning alone.
    pub colour: bool,
    /// Whether to list passed checks and the evidence of every control.
    pub verbose: bool,
    /// Width of the terminal in characters; lines have 40 to 160, and 80 where it is not known.
    pub width: Option<usize>,
}

impl Style {
    pub(super) fn paint(self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

pub(super) fn field(out: &mut Page, name: &str, value: &str) {
    let value = visible(value, 400);
    let gap = if name.len() < 10 { "" } else { "  " };
    let text = format!("  {name:<10}{gap}{value}");
    fill(out, "", "            ", &text);
}

/// Text in a list. A continuation line is indented further, so that it does not look like another item.
pub(super) fn wrapped(out: &mut Page, indent: &str, text: &str) {
    let next = format!("{indent}  ");
    let next = if indent.is_empty() { "" } else { &next };
    fill(out, indent, next, text);
}

/// One item of a list. A continuation line begins with `…`, so that no text of a target looks like an item.
pub(super) fn item(out: &mut Page, indent: &str, text: &str) {
    let (first, next) = (format!("{indent}- "), format!("{indent}  … "));
    fill(out, &first, &next, text);
}

/// Lines as wide as the page. Only a digest is never cut: it is copied as a whole.
fn fill(out: &mut Page, first: &str, next: &str, text: &str) {
    let width = out.width();
    let is_cut = |word: &str| word.chars().count() + next.chars().count() > width;
    let whole = text.split(' ').filter(|word| is_cut(word)).all(has_digest);
    let options = textwrap::Options::new(width)
        .initial_indent(first)
        .subsequent_indent(next)
        .break_words(!whole);
    let _ = writeln!(out, "{}", textwrap::fill(text, options));
}

/// Whether a word has only the characters of a reference or a fingerprint, and ends with a SHA-256 digest.
fn has_digest(word: &str) -> bool {
    let word = word.trim_end_matches([',', ';', ')']);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@(".contains(&byte);
    let digits = word.bytes().rev().take_while(u8::is_ascii_hexdigit).count();
    digits == 64 && word.bytes().all(plain)
}

/// How the scanned copy differs from the target; always shown.
pub(super) fn differences(out: &mut Page, differences: &[String]) {
    if !differences.is_empty() {
        out.push_str("\nDiffers from the target\n");
    }
    for difference in differences {
        wrapped(out, "  ", &visible(difference, 400));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_not_cut_and_any_other_long_word_is() {
        let digest = "a1".repeat(32);
        for text in [
            format!("registry.example/a-long-name/web@sha256:{digest}"),
            format!("the digest (sha256:{digest}), and more"),
            format!("SHA-256 fingerprint {digest}"),
        ] {
            for made in [
                |out: &mut Page, text: &str| field(out, "image", text),
                |out: &mut Page, text: &str| wrapped(out, "         ", text),
                |out: &mut Page, text: &str| item(out, "    ", text),
            ] {
                let mut page = Page::new(Some(60));
                made(&mut page, &text);
                let text = page.into_text();
                assert!(text.contains(&digest), "{text}");
            }
        }
        for long in ["x".repeat(100), format!("{}!{digest}", "x".repeat(80))] {
            let mut page = Page::new(Some(60));
            wrapped(&mut page, "  ", &format!("{digest} {long}"));
            let text = page.into_text();
            assert!(
                text.lines().all(|line| line.chars().count() <= 60),
                "{text}"
            );
        }
    }
}
