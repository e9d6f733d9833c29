//! Where the evidence of a scan comes from, and whether the target can forge it.

use serde::{Deserialize, Serialize};

/// The source of the evidence about a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct EvidenceSource {
    /// Whether nothing that runs in the target can forge the evidence.
    pub independent: bool,
    /// Why, in one sentence.
    pub why: String,
}

impl EvidenceSource {
    /// Evidence that nothing in the target can forge.
    pub fn independent(why: impl Into<String>) -> Self {
        Self {
            independent: true,
            why: why.into(),
        }
    }

    /// Evidence that an intruder in the target can forge.
    pub fn dependent(why: impl Into<String>) -> Self {
        Self {
            independent: false,
            why: why.into(),
        }
    }

    /// Whether the target can forge it and why, for a reader.
    pub fn sentence(&self) -> String {
        let can = if self.independent {
            "independent of the target"
        } else {
            "not independent of the target"
        };
        format!("{can}: {}", self.why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_sees_which_it_is() {
        let one = EvidenceSource::independent("x").sentence();
        let other = EvidenceSource::dependent("x").sentence();
        assert!(one.starts_with("independent") && other.starts_with("not independent"));
    }
}
