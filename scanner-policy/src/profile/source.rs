//! The text of a profile, and what a user asks of it.

use std::collections::BTreeMap;

use crate::builtin;

/// The text of a profile and the name of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Name of a shipped profile, or of a file; errors name it, and `extends` is relative to it.
    pub file: String,
    /// YAML.
    pub text: String,
}

impl Source {
    /// A shipped profile.
    ///
    /// # Errors
    ///
    /// Fails when none has that name, and says which there are.
    pub fn shipped(name: &str) -> Result<Self, String> {
        let text = builtin::find(name).ok_or_else(|| {
            let names: Vec<&str> = builtin::ALL.iter().map(|(name, _)| *name).collect();
            format!(
                "there is no profile {name:?}; shipped are: {}",
                names.join(", ")
            )
        })?;
        Ok(Self {
            file: name.to_owned(),
            text: text.to_owned(),
        })
    }
}

/// What a user asks of a profile beside its text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Values of inputs by name, as they are typed.
    pub inputs: BTreeMap<String, String>,
    /// Tags of which a check must have one; all checks when empty.
    pub tags: Vec<String>,
    /// Tags of which a check may have none.
    pub skip_tags: Vec<String>,
}
