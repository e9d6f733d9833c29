//! Why a shipped profile, or one that another extends, is not found.

use super::{builtin, error::ProfileError};

/// No shipped profile has that name.
///
/// ```
/// use scanner_policy::profile::{ShippedError, Profile};
///
/// match Profile::shipped("container-baselin") {
///     Err(ShippedError::Unknown(unknown)) => {
///         assert_eq!(unknown.closest(), Some("container-baseline"));
///     }
///     other => panic!("{other:?}"),
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownProfile {
    /// The name that was asked for.
    pub name: String,
}

impl UnknownProfile {
    /// The shipped name that was probably meant, if one is close.
    pub fn closest(&self) -> Option<&'static str> {
        let begins = |name: &&str| self.name.len() >= 3 && name.starts_with(&self.name);
        if let Some(name) = builtin::NAMES.into_iter().find(begins) {
            return Some(name);
        }
        let near = builtin::NAMES.map(|name| (edits(name, &self.name), name));
        let (edits, name) = near.into_iter().min()?;
        (edits <= 2).then_some(name)
    }
}

impl std::fmt::Display for UnknownProfile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "there is no shipped profile {:?}; ", self.name)?;
        match self.closest() {
            Some(name) => write!(f, "did you mean {name}?"),
            None => write!(f, "there are: {}", builtin::NAMES.join(", ")),
        }
    }
}

impl std::error::Error for UnknownProfile {}

/// Why there is no shipped profile to use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShippedError {
    /// None has that name.
    #[error(transparent)]
    Unknown(#[from] UnknownProfile),
    /// The program was built with a profile that cannot be used.
    #[error(transparent)]
    Unusable(#[from] ProfileError),
}

/// Why the text of an extended profile is not found; what a resolver of the embedding program returns.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ResolveError {
    message: String,
}

impl ResolveError {
    /// An error with a message for the author of the profile.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
        }
    }
}

impl From<UnknownProfile> for ResolveError {
    fn from(unknown: UnknownProfile) -> Self {
        Self::new(unknown.to_string())
    }
}

/// How many letters differ (Levenshtein), with names cut to a sane length.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_typo_is_recognized_and_another_word_is_not() {
        for (typed, meant) in [
            ("container-baselin", Some("container-baseline")),
            ("baseline", None),
            ("pod-hardning", Some("pod-hardening")),
            ("secret", Some("secrets")),
            ("cis", Some("cis-docker")),
            ("sbmo", Some("sbom")),
            ("", None),
            ("nonsense", None),
        ] {
            let unknown = UnknownProfile { name: typed.into() };
            assert_eq!(unknown.closest(), meant, "{typed}");
        }
    }
}
