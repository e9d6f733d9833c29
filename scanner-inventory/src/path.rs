//! The path of a file as bytes, kept as text that is unique to it.

use std::{borrow::Cow, fmt, fmt::Write as _};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::escape::is_hazardous;

/// The path or the name of a file, which on Linux is any bytes but NUL.
///
/// It is written as text: what is valid UTF-8 stands for itself, a backslash is `\\`, and each byte that
/// is not UTF-8, or belongs to a control character or an invisible one, is `\xNN`. No two paths have one
/// text, every path can be read back from its text, and no text acts on a terminal. Expressions, reports
/// and JSON hold this text. `/` always stands for itself, so that the text has the parts of the path.
///
/// A comparison with a `str`, and a conversion from one, reads the `str` literally, without escapes.
///
/// ```
/// use scanner_inventory::FilePath;
///
/// let path = FilePath::from_bytes(b"/bin/su\xff");
/// assert_eq!(path.to_string(), r"/bin/su\xff");
/// assert_eq!(FilePath::from_text(r"/bin/su\xff")?, path);
/// assert_ne!(FilePath::from_bytes(b"/bin/su\xfe"), path);
/// assert_eq!(FilePath::from(r"/a\b"), r"/a\b");
/// # Ok::<(), scanner_inventory::path::InvalidEscape>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilePath {
    /// As [`FilePath::as_text`] gives it; always in the one form that [`FilePath::from_bytes`] makes.
    text: Box<str>,
}

/// Text that stands for no path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a backslash in a path must be followed by another one, or by x and two hexadecimal digits"
)]
#[non_exhaustive]
pub struct InvalidEscape;

impl FilePath {
    /// The path of these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let text = match std::str::from_utf8(bytes) {
            Ok(text) if stands_for_itself(text) => text.into(),
            _ => escaped(bytes).into_boxed_str(),
        };
        Self { text }
    }

    /// The path that `text` stands for. Text that could be written with fewer escapes is read too.
    ///
    /// # Errors
    ///
    /// Fails on a backslash that starts no escape.
    pub fn from_text(text: &str) -> Result<Self, InvalidEscape> {
        if stands_for_itself(text) {
            return Ok(Self { text: text.into() });
        }
        Self::from_escaped(text.as_bytes())
    }

    /// [`FilePath::from_text`] for bytes that need not be text: only backslashes have a meaning.
    pub(crate) fn from_escaped(text: &[u8]) -> Result<Self, InvalidEscape> {
        Ok(Self::from_bytes(&unescaped(text)?))
    }

    /// The path as text, with escapes: safe to show, and the same for no other path.
    pub fn as_text(&self) -> &str {
        &self.text
    }

    /// The path as owned text.
    pub fn to_text(&self) -> String {
        self.text.to_string()
    }

    /// The path as the kernel has it.
    pub fn to_bytes(&self) -> Cow<'_, [u8]> {
        if !self.text.contains('\\') {
            return Cow::Borrowed(self.text.as_bytes());
        }
        let text = self.text.as_bytes();
        // The text of a path is always valid.
        Cow::Owned(unescaped(text).unwrap_or_else(|_| text.to_vec()))
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The last part, as text; empty for the root.
    pub fn file_name(&self) -> &str {
        self.text.rsplit('/').next().unwrap_or_default()
    }

    /// The directory that holds it; `None` for the root, and for a name alone.
    pub fn parent(&self) -> Option<Self> {
        let (parent, name) = self.text.rsplit_once('/')?;
        let text = match (parent, name) {
            ("", "") => return None,
            ("", _) => "/",
            (parent, _) => parent,
        };
        Some(Self { text: text.into() })
    }

    /// The directories above it without the root, from the top down, as text.
    pub fn above(&self) -> impl Iterator<Item = &str> {
        let slashes = self.text.match_indices('/').map(|(at, _)| at);
        slashes.filter(|at| *at > 0).map(|at| &self.text[..at])
    }

    /// The path of `name` in this directory. A name that starts with `/` is placed below this directory too.
    #[must_use]
    pub fn join(&self, name: &Self) -> Self {
        let (dir, name) = (self.text.trim_end_matches('/'), &*name.text);
        let text = format!("{dir}/{}", name.trim_start_matches('/'));
        Self { text: text.into() }
    }

    /// Whether it is `dir` or below it.
    pub fn is_below(&self, dir: &Self) -> bool {
        below(&self.text, &dir.text)
    }

    /// [`FilePath::is_below`] for a directory that is read literally.
    pub(crate) fn is_below_literal(&self, dir: &str) -> bool {
        if stands_for_itself(dir) {
            below(&self.text, dir)
        } else {
            self.is_below(&dir.into())
        }
    }
}

fn below(path: &str, dir: &str) -> bool {
    let dir = dir.trim_end_matches('/');
    path.strip_prefix(dir)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether `text` needs no escapes.
fn stands_for_itself(text: &str) -> bool {
    // Nearly every path has only printable ASCII.
    let plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'\\';
    text.bytes().all(plain) || !text.chars().any(|c| c == '\\' || is_hazardous(c))
}

fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 8);
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => text.push_str("\\\\"),
                c if is_hazardous(c) => push_hex(&mut text, c.encode_utf8(&mut [0; 4]).as_bytes()),
                c => text.push(c),
            }
        }
        push_hex(&mut text, chunk.invalid());
    }
    text
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(text, "\\x{byte:02x}");
    }
}

fn unescaped(text: &[u8]) -> Result<Vec<u8>, InvalidEscape> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split(|byte| *byte == b'\\');
    bytes.extend_from_slice(parts.next().unwrap_or_default());
    while let Some(part) = parts.next() {
        if part.is_empty() {
            // Two in a row are one; what follows them has no escape in it.
            bytes.push(b'\\');
            bytes.extend_from_slice(parts.next().ok_or(InvalidEscape)?);
            continue;
        }
        let (digits, rest) = part
            .strip_prefix(b"x")
            .and_then(|part| part.split_at_checked(2))
            .ok_or(InvalidEscape)?;
        let digits = hex::decode(digits).map_err(|_| InvalidEscape)?;
        bytes.extend_from_slice(&digits);
        bytes.extend_from_slice(rest);
    }
    Ok(bytes)
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl AsRef<str> for FilePath {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl From<&[u8]> for FilePath {
    fn from(bytes: &[u8]) -> Self {
        Self::from_bytes(bytes)
    }
}

impl From<&str> for FilePath {
    fn from(literal: &str) -> Self {
        Self::from_bytes(literal.as_bytes())
    }
}

impl From<String> for FilePath {
    fn from(literal: String) -> Self {
        Self::from(literal.as_str())
    }
}

impl From<&String> for FilePath {
    fn from(literal: &String) -> Self {
        Self::from(literal.as_str())
    }
}

impl PartialEq<str> for FilePath {
    fn eq(&self, literal: &str) -> bool {
        if self.text.contains('\\') {
            self.to_bytes() == literal.as_bytes()
        } else {
            &*self.text == literal
        }
    }
}

impl PartialEq<&str> for FilePath {
    fn eq(&self, literal: &&str) -> bool {
        *self == **literal
    }
}

impl PartialEq<String> for FilePath {
    fn eq(&self, literal: &String) -> bool {
        *self == **literal
    }
}

impl Serialize for FilePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for FilePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Self::from_text(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for FilePath {
    fn schema_name() -> Cow<'static, str> {
        "FilePath".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "Path of a file: `\\\\` is a backslash, `\\xNN` a byte that is not UTF-8 or not visible.",
        })
    }
}

#[cfg(test)]
mod tests;
