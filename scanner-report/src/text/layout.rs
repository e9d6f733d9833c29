//! How lines are drawn: width, colour, fields.

use std::fmt::Write as _;

use scanner_core::escape::visible;

pub(super) const WIDTH: usize = 80;

/// How to draw a report.
#[derive(Debug, Clone, Copy, Default)]
pub struct Style {
    /// Whether to use ANSI colours. Colour never carries meaning alone.
    pub colour: bool,
    /// Whether to list passed checks and the evidence of every control.
    pub verbose: bool,
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

pub(super) fn field(out: &mut String, name: &str, value: &str) {
    let value = visible(value, 400);
    let options = textwrap::Options::new(WIDTH)
        .initial_indent("")
        .subsequent_indent("            ");
    let gap = if name.len() < 10 { "" } else { "  " };
    let _ = writeln!(
        out,
        "{}",
        textwrap::fill(&format!("  {name:<10}{gap}{value}"), options)
    );
}

/// Text under others of its kind. A line that goes on stands further in, so that it does not look like another one.
pub(super) fn wrapped(out: &mut String, indent: &str, text: &str) {
    let next = format!("{indent}  ");
    let options = textwrap::Options::new(WIDTH)
        .initial_indent(indent)
        .subsequent_indent(if indent.is_empty() { "" } else { &next });
    let _ = writeln!(out, "{}", textwrap::fill(text, options));
}

/// One item of a list. A line that goes on begins with `…`, so that no text of a target looks like an item of its own.
pub(super) fn item(out: &mut String, indent: &str, text: &str) {
    let (first, next) = (format!("{indent}- "), format!("{indent}  … "));
    let options = textwrap::Options::new(WIDTH)
        .initial_indent(&first)
        .subsequent_indent(&next);
    let _ = writeln!(out, "{}", textwrap::fill(text, options));
}

/// How the scanned copy differs from the target; always shown.
pub(super) fn differences(out: &mut String, differences: &[String]) {
    if !differences.is_empty() {
        out.push_str("\nDiffers from the target\n");
    }
    for difference in differences {
        wrapped(out, "  ", &visible(difference, 400));
    }
}
