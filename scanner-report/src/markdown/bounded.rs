//! Untrusted text in Markdown, and a document that is bounded in size.

use std::fmt::Write as _;

use scanner_core::escape::visible;

/// Bytes at most; a comment on GitHub takes 65,536 characters.
pub const MAX_BYTES: usize = 60_000;
/// Bytes that are kept for the note of what was cut.
const NOTE: usize = 200;

/// Untrusted text in a code span (`CommonMark` 6.1): its fence is longer than any run of backticks.
pub(crate) fn code(text: &str, limit: usize) -> String {
    let text = visible(text, limit);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    match text.as_str() {
        // A code span cannot be empty, and loses one space at each end.
        "" => "` `".to_owned(),
        text => format!("{fence} {text} {fence}"),
    }
}

/// In a table a bar ends the cell even within a code span.
pub(super) fn cell(text: &str) -> String {
    code(text, 80).replace('|', "\\|")
}

/// Running text of a profile: escaped, or a code span where a reader might make a link or a
/// mention of it.
pub(crate) fn prose(text: &str, limit: usize) -> String {
    let shown = visible(text, limit);
    if shown.contains(['@', '#', ':']) && linkable(&shown) || shown.contains("www.") {
        return code(text, limit);
    }
    let mut out = String::with_capacity(shown.len());
    for c in shown.trim().chars() {
        // Characters that have a meaning within a line; the line never starts with this text.
        if "\\`*_[]<>&!#|~@$^".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn linkable(text: &str) -> bool {
    let hash = |pair: &[u8]| pair[0] == b'#' && pair[1].is_ascii_digit();
    text.contains("://")
        || text.contains('@')
        || text.contains("mailto:")
        || text.as_bytes().windows(2).any(hash)
}

/// Text up to [`MAX_BYTES`]; what does not fit is left out as a whole, and counted.
#[derive(Default)]
pub(super) struct Bounded {
    text: String,
    cut: usize,
}

impl Bounded {
    pub(super) fn push(&mut self, part: &str) {
        if self.cut > 0 || self.text.len() + part.len() > MAX_BYTES - NOTE {
            self.cut += usize::from(!part.is_empty());
        } else {
            self.text.push_str(part);
        }
    }

    /// Parts that are folded up under a title, as many as fit; the fold is always closed.
    pub(super) fn fold(&mut self, title: &str, parts: impl IntoIterator<Item = String>) {
        const END: &str = "\n</details>\n";
        let mut open = false;
        for part in parts {
            let start = if open {
                String::new()
            } else {
                format!("\n<details><summary>{title}</summary>\n\n")
            };
            let more = start.len() + part.len() + END.len();
            if self.cut > 0 || self.text.len() + more > MAX_BYTES - NOTE {
                self.cut += 1;
            } else {
                self.text.push_str(&start);
                self.text.push_str(&part);
                open = true;
            }
        }
        if open {
            self.text.push_str(END);
        }
    }

    pub(super) fn finish(mut self) -> String {
        if self.cut > 0 {
            let _ = writeln!(
                self.text,
                "\n**{} more parts of this report were cut for length.** The JSON report has all.",
                self.cut
            );
        }
        self.text
    }
}
