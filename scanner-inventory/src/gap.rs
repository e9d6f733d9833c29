//! What an agent could not read: where, and how.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{escape::visible, path::FilePath};

/// Longest note, and longest name of an item, in characters.
const MAX_TEXT: usize = 300;

/// How something could not be read.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum GapKind {
    /// A directory that may not be searched, so that nothing below it can be read. A walk says so only of one that the
    /// agent does not own: an owner can open a directory again.
    NotSearchable,
    /// A directory whose names may not be listed, while it can be searched, or its owner could open it.
    NotListable,
    /// A file or an item that cannot be read.
    NotReadable,
    /// Beyond a limit of size, number or time.
    OverLimit,
    /// On another mount than the one that was walked.
    OtherMount,
    /// Gone, or changed, while it was read.
    Vanished,
    /// Not in the form that it must have.
    Malformed,
    /// This agent or this target does not support reading it.
    Unsupported,
    /// Left out by one view of the target while another view shows it.
    Hidden,
    /// A line of a file that no C library reads as an entry: it is reported, but nothing is missing because of it.
    NoEntry,
    /// A kind that the agent did not name, or that this version does not know.
    #[default]
    #[serde(other)]
    Unknown,
}

impl GapKind {
    const ALL: [Self; 11] = [
        Self::NotSearchable,
        Self::NotListable,
        Self::NotReadable,
        Self::OverLimit,
        Self::OtherMount,
        Self::Vanished,
        Self::Malformed,
        Self::Unsupported,
        Self::Hidden,
        Self::NoEntry,
        Self::Unknown,
    ];

    /// How agents and JSON name it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotSearchable => "not_searchable",
            Self::NotListable => "not_listable",
            Self::NotReadable => "not_readable",
            Self::OverLimit => "over_limit",
            Self::OtherMount => "other_mount",
            Self::Vanished => "vanished",
            Self::Malformed => "malformed",
            Self::Unsupported => "unsupported",
            Self::Hidden => "hidden",
            Self::NoEntry => "no_entry",
            Self::Unknown => "unknown",
        }
    }

    /// The kind of that code; [`GapKind::Unknown`] for a code that this version does not know.
    pub fn from_code(code: &str) -> Self {
        let known = Self::ALL.into_iter().find(|kind| kind.code() == code);
        known.unwrap_or_default()
    }
}

impl fmt::Display for GapKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSearchable => "not searchable",
            Self::NotListable => "not listable",
            Self::NotReadable => "not readable",
            Self::OverLimit => "over a limit",
            Self::OtherMount => "on another mount",
            Self::Vanished => "vanished or changed meanwhile",
            Self::Malformed => "malformed",
            Self::Unsupported => "not supported",
            Self::Hidden => "hidden",
            Self::NoEntry => "not an entry",
            Self::Unknown => "not read",
        })
    }
}

/// Which attribute of a file is missing, where the file itself was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Attribute {
    /// Digest of a regular file, or target of a symbolic link.
    Digest,
    /// Capabilities of a regular file.
    Capabilities,
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

impl Attribute {
    /// How agents and JSON name it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Digest => "digest",
            Self::Capabilities => "capabilities",
            Self::Unknown => "unknown",
        }
    }

    /// The attribute of that code; [`Attribute::Unknown`] for a code that this version does not know.
    pub fn from_code(code: &str) -> Self {
        let known = [Self::Digest, Self::Capabilities];
        let known = known.into_iter().find(|one| one.code() == code);
        known.unwrap_or(Self::Unknown)
    }
}

/// One place or item that an agent could not read.
///
/// ```
/// use scanner_inventory::{Gap, GapKind};
///
/// let gap = Gap::new(GapKind::NotSearchable).at("/root");
/// assert_eq!(gap.to_string(), "/root: not searchable");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct Gap {
    /// The file or directory: the missing data is there or below. Without a path it may be anywhere in the section.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<FilePath>,
    /// What is missing if it is not a file, such as a process; safe to show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// Which attribute of the file is missing; all of it when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribute: Option<Attribute>,
    /// How it could not be read.
    pub kind: GapKind,
    /// More for a reader; safe to show.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl Gap {
    /// A gap somewhere in the section.
    pub fn new(kind: GapKind) -> Self {
        Self {
            kind,
            ..Self::default()
        }
    }

    /// The same at `path`.
    #[must_use]
    pub fn at(mut self, path: impl Into<FilePath>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// The same for an item that is not a file; its name is made safe to show.
    #[must_use]
    pub fn of_item(mut self, item: &str) -> Self {
        self.item = Some(visible(item, MAX_TEXT));
        self
    }

    /// The same for one attribute.
    #[must_use]
    pub fn of_attribute(mut self, attribute: Attribute) -> Self {
        self.attribute = Some(attribute);
        self
    }

    /// The same with more for a reader, which is made safe to show.
    #[must_use]
    pub fn with_note(mut self, note: &str) -> Self {
        self.note = visible(note, MAX_TEXT);
        self
    }

    /// Whether this gap says all that `other` does.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let place = match (&self.path, &other.path) {
            (Some(own), Some(path)) => path.is_below(own),
            (None, None) => true,
            _ => false,
        };
        let known = self.note.is_empty() || self.note == other.note;
        place
            && known
            && (self.kind, self.attribute, &self.item) == (other.kind, other.attribute, &other.item)
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let item = self.item.as_deref();
        if let Some(place) = self.path.as_ref().map(FilePath::as_text).or(item) {
            write!(f, "{place}: ")?;
        }
        match self.attribute {
            Some(Attribute::Digest) => f.write_str("contents ")?,
            Some(Attribute::Capabilities) => f.write_str("capabilities ")?,
            Some(Attribute::Unknown) | None => {}
        }
        if self.note.is_empty() {
            write!(f, "{}", self.kind)
        } else {
            f.write_str(&self.note)
        }
    }
}
