//! What every format has at its head, so that a report can be traced to its scan, its cluster and its maker.

/// One fact at the head of a report. Its value is safe to show.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trace {
    /// For a reader, such as `scan id`.
    pub label: &'static str,
    /// The value, escaped and bounded.
    pub value: String,
}

impl Trace {
    /// Its name for programs, such as `scan-id`.
    pub fn id(&self) -> String {
        self.label.replace(' ', "-").to_ascii_lowercase()
    }

    /// Its label as the beginning of a line.
    pub fn heading(&self) -> String {
        let mut letters = self.label.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(letters).collect()
    }
}
