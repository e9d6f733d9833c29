//! Where the evidence of a check came from, in a scan that reads in the image what the container does not show.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where the evidence of a check came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EvidenceFrom {
    /// From the running container.
    Container,
    /// From the image that the container was started from.
    Image,
    /// From the container, and in part from its image.
    Both,
    /// From the pod's specification and status.
    Specification,
    /// A source that only a later version knows.
    #[serde(other)]
    Unknown,
}

impl fmt::Display for EvidenceFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Container => "the container",
            Self::Image => "the image",
            Self::Both => "the container and the image",
            Self::Specification => "the pod's specification",
            Self::Unknown => "an unknown place",
        })
    }
}
