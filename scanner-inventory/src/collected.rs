//! How completely a section was collected, and its data where there is any.

use serde::{Deserialize, Serialize};

use crate::gaps::Gaps;

/// One section of an inventory and how completely it was collected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Collected<T> {
    /// Everything that was asked for is here.
    Complete {
        /// The data.
        data: T,
    },
    /// Something is missing.
    Partial {
        /// The data that could be collected.
        data: T,
        /// What could not be read.
        #[serde(flatten)]
        gaps: Gaps,
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
    /// Data with gaps, or complete where there are none.
    pub fn with_gaps(data: T, gaps: Gaps) -> Self {
        if gaps.is_empty() {
            Self::Complete { data }
        } else {
            Self::Partial { data, gaps }
        }
    }

    /// The same with more gaps.
    pub(crate) fn and_gaps(self, more: Gaps) -> Self {
        match self {
            Self::Complete { data } => Self::with_gaps(data, more),
            Self::Partial { data, mut gaps } => {
                gaps.join(more);
                Self::Partial { data, gaps }
            }
            other => other,
        }
    }

    /// Whether the request did not ask for this section.
    pub(crate) const fn is_not_requested(&self) -> bool {
        matches!(self, Self::NotRequested)
    }

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
            Self::Partial { gaps, .. } => Coverage::Partial { gaps: gaps.clone() },
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
        /// What could not be read.
        #[serde(flatten)]
        gaps: Gaps,
    },
    /// Nothing could be collected.
    Unavailable {
        /// Why.
        reason: String,
    },
    /// The profile did not ask for it.
    NotRequested,
}

impl Coverage {
    /// The section with this coverage; `data` is used if it has any.
    pub fn with<T>(self, data: T) -> Collected<T> {
        match self {
            Self::Complete => Collected::Complete { data },
            Self::Partial { gaps } => Collected::Partial { data, gaps },
            Self::Unavailable { reason } => Collected::Unavailable { reason },
            Self::NotRequested => Collected::NotRequested,
        }
    }
}
