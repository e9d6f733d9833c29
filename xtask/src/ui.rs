//! The one place of xtask that prints.

/// Talks to the developer on standard error.
#[expect(clippy::print_stderr, reason = "a developer tool talks")]
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}
