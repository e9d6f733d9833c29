//! Names that expressions know beside the sections.

/// The variable that holds a profile's inputs.
pub(crate) const INPUTS: &str = "inputs";
