//! How completely a section was collected, and its data where there is any.

use serde::{Deserialize, Serialize};

/// One section of an inventory and how completely it was collected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Collected<T> {
    /// Everything that was asked for is here.
    Complete {
        /// The data.
        data: T,
    },
    /// Something is missing: `reasons` says what could not be looked at.
    Partial {
        /// The data that could be collected.
        data: T,
        /// What is missing and why, for a reader.
        reasons: Vec<String>,
        /// Paths or items that could not be read (bounded by the agent).
        unreadable: u64,
    },
    /// Nothing could be collected.
    Unavailable {
        /// Why, for a reader.
        reason: String,
    },
    /// The request did not ask for this section.
    #[default]
    NotRequested,
}

impl<T> Collected<T> {
    /// The data, complete or partial.
    pub fn data(&self) -> Option<&T> {
        match self {
            Self::Complete { data } | Self::Partial { data, .. } => Some(data),
            Self::Unavailable { .. } | Self::NotRequested => None,
        }
    }

    /// How completely this section was collected, without its data.
    pub fn coverage(&self) -> Coverage {
        match self {
            Self::Complete { .. } => Coverage::Complete,
            Self::Partial {
                reasons,
                unreadable,
                ..
            } => Coverage::Partial {
                reasons: reasons.clone(),
                unreadable: *unreadable,
            },
            Self::Unavailable { reason } => Coverage::Unavailable {
                reason: reason.clone(),
            },
            Self::NotRequested => Coverage::NotRequested,
        }
    }
}

/// How completely one section was collected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Coverage {
    /// Everything that was asked for was collected.
    Complete,
    /// Something is missing.
    Partial {
        /// What is missing and why.
        reasons: Vec<String>,
        /// Number of items that could not be read.
        unreadable: u64,
    },
    /// Nothing could be collected.
    Unavailable {
        /// Why.
        reason: String,
    },
    /// The profile did not ask for it.
    NotRequested,
}
