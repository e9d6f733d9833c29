//! Where a log stands.

use serde::{Deserialize, Serialize};

/// Where a log stands: how many lines, and the hash of the last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Checkpoint {
    /// Number of lines.
    pub entries: u64,
    /// SHA-256 of the last line, in lower-case hexadecimal.
    pub head: String,
}
