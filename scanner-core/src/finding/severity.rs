//! How much a failed check matters.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize};

/// How much a failed check matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Hardening.
    Low,
    /// Helps an attacker who is already inside.
    Medium,
    /// Likely to be used by an attacker.
    High,
    /// A way in or out by itself.
    Critical,
}

impl Severity {
    /// Every severity, the worst first.
    pub const WORST_FIRST: [Self; 5] = [
        Self::Critical,
        Self::High,
        Self::Medium,
        Self::Low,
        Self::Info,
    ];

    /// Lowest severity at which a failed check is a finding, by default.
    pub const FAIL_ON: Self = Self::High;

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A word that names no severity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown severity; expected info, low, medium, high or critical")]
pub struct UnknownSeverity;

impl FromStr for Severity {
    type Err = UnknownSeverity;

    fn from_str(text: &str) -> Result<Self, UnknownSeverity> {
        Self::WORST_FIRST
            .into_iter()
            .find(|s| s.name() == text)
            .ok_or(UnknownSeverity)
    }
}

/// A severity of a check in a report; one of a later version is the worst, so that nothing is played down.
pub(crate) fn worst_if_unknown<'de, D: Deserializer<'de>>(from: D) -> Result<Severity, D::Error> {
    let name = String::deserialize(from)?;
    Ok(name.parse().unwrap_or(Severity::Critical))
}

/// A threshold in a report; one of a later version is the lowest, so that every failed check counts.
pub(crate) fn lowest_if_unknown<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Severity>, D::Error> {
    let name = Option::<String>::deserialize(from)?;
    Ok(name.map(|name| name.parse().unwrap_or(Severity::Info)))
}
