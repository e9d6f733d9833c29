//! One package of a language.

/// A package as it describes itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Package {
    pub(super) ecosystem: &'static str,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) license: String,
}
