//! The JSON form of what a view shows, and its digest.

use std::borrow::Cow;

use scanner_inventory::escape;
use sha2::{Digest as _, Sha256};

use super::{View, source::Source};

impl<'a> View<'a> {
    /// The published JSON form of the report, which holds nothing that could act on a terminal.
    pub fn json(&self) -> String {
        let written = match self.source {
            Source::Scan(report) => serde_json::to_string_pretty(report),
            Source::Local(report) => serde_json::to_string_pretty(report),
        };
        let mut text = escape::json(&written.unwrap_or_default());
        text.push('\n');
        text
    }

    /// SHA-256 in hexadecimal of the bytes that the report was read from, or of [`View::json`].
    pub fn sha256(&self) -> Cow<'a, str> {
        match self.sha256 {
            Some(digest) => Cow::Borrowed(digest),
            None => Cow::Owned(hex::encode(Sha256::digest(self.json()))),
        }
    }

    /// The same view of a report that was read from bytes with that SHA-256.
    #[must_use]
    pub const fn with_sha256(mut self, digest: &'a str) -> Self {
        self.sha256 = Some(digest);
        self
    }
}
