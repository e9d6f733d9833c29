//! Why a shipped profile, or one that another profile extends, is not found.

use scanner_core::similar::similar;

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
        let names = builtin::NAMES;
        let closest = similar(&self.name, names).into_iter().next()?;
        names.into_iter().find(|name| *name == closest)
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
