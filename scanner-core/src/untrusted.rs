//! Text from a target or a server: it escapes itself wherever it is displayed.

use std::fmt;

use serde::{Deserialize, Serialize};

use scanner_inventory::escape::visible_ends;

/// Longest text that [`Untrusted`] displays, in characters.
const SHOWN: usize = 600;

/// Text that somebody else wrote. Its `Display` form is escaped and bounded, so that no output can carry a control
/// sequence of a target; formats that have an escaping of their own take [`Untrusted::raw`].
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Untrusted(String);

impl Untrusted {
    /// Marks `text` as somebody else's.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text as it came, for formats that escape by rules of their own, and for comparisons.
    pub fn raw(&self) -> &str {
        &self.0
    }

    /// The text with what could act on a terminal made visible; of more than `limit` characters, the beginning and the end.
    pub fn escaped(&self, limit: usize) -> String {
        visible_ends(&self.0, limit)
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&visible_ends(&self.0, SHOWN))
    }
}

impl fmt::Debug for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", visible_ends(&self.0, SHOWN))
    }
}

impl From<String> for Untrusted {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Untrusted {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_escapes_itself_and_keeps_what_came() {
        let text = Untrusted::new("a\x1b[2Jb");
        assert_eq!(text.to_string(), "a\\u{1b}[2Jb");
        assert_eq!(text.raw(), "a\x1b[2Jb");
        assert!(!format!("{text:?}").contains('\x1b'));
    }
}
