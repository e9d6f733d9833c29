//! The text of a profile, and the user's options for it.

use std::collections::BTreeMap;

use super::{builtin, shipped::UnknownProfile};

/// The text of a profile and the name of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Source {
    /// Name of a shipped profile, or of a file; errors name it, and `extends` is relative to it.
    pub file: String,
    /// YAML.
    pub text: String,
    /// Whether another file names it: an error then shows nothing of a text that is no profile.
    pub(super) named_by_a_file: bool,
}

impl Source {
    /// The text of a file; this crate reads none itself.
    pub fn new(file: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            text: text.into(),
            named_by_a_file: false,
        }
    }

    /// The same for a file that another file names. It may be any file of the user, so an error shows nothing of its text
    /// if it is not a profile.
    #[must_use]
    pub fn named_by_a_file(mut self) -> Self {
        self.named_by_a_file = true;
        self
    }

    /// The text of a shipped profile, for a resolver of what files extend. To use the profile itself, see
    /// [`Profile::shipped`](super::Profile::shipped).
    ///
    /// # Errors
    ///
    /// Fails when none has that name; the error says which one may be meant.
    pub fn shipped(name: &str) -> Result<Self, UnknownProfile> {
        let text = builtin::find(name).ok_or_else(|| UnknownProfile { name: name.into() })?;
        Ok(Self::new(name, text))
    }
}

/// The user's options for a profile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Values of inputs by name, as they are typed.
    pub inputs: BTreeMap<String, String>,
    /// Tags of which a check must have one; all checks when empty.
    pub tags: Vec<String>,
    /// Tags of which a check may have none.
    pub skip_tags: Vec<String>,
}

impl Options {
    /// The same with a value for an input.
    #[must_use]
    pub fn with_input(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.inputs.insert(name.into(), value.into());
        self
    }

    /// The same with a tag of which a check must have one.
    #[must_use]
    pub fn with_tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// The same with a tag that no check may have.
    #[must_use]
    pub fn skipping_tag(mut self, tag: impl Into<String>) -> Self {
        self.skip_tags.push(tag.into());
        self
    }
}
