//! The strategies that are compared, and what is the same for every target.

use std::fmt;

use scanner_core::strategy::IMAGE_OF_TARGET;
use serde::Serialize;

use crate::strategy::{self, Strategy};

/// A strategy for a running container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Way {
    /// One exec into the container.
    Container,
    /// A probe in an ephemeral container.
    Distroless,
    /// A clone in a pod of the scan's own.
    Sidecar,
    /// The image of the container; none of its code runs.
    Image,
}

impl Way {
    /// All of them, the least intrusive first.
    pub const ALL: [Self; 4] = [
        Self::Container,
        Self::Distroless,
        Self::Sidecar,
        Self::Image,
    ];

    /// The name, as in the reports of such a scan, except that they call [`Way::Image`] `sidecar-inert`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Distroless => "distroless",
            Self::Sidecar => "sidecar",
            Self::Image => "image",
        }
    }

    /// What such a scan reads.
    pub const fn sees(self) -> &'static str {
        match self {
            Self::Container => {
                "the running container: files, processes, mounts and environment, as its own shell and tools show them"
            }
            Self::Distroless => {
                "the running container: files, processes and mounts, as a probe beside it reads them"
            }
            Self::Sidecar => {
                "a fresh clone of the container: its image and settings, and nothing that the running one changed"
            }
            Self::Image => "the files of the image, and nothing that runs",
        }
    }

    /// What such a scan needs beside rights.
    pub const fn needs(self) -> &'static str {
        match self {
            Self::Container => {
                "a shell and tools that list files in the target, which only the scan itself finds out"
            }
            Self::Distroless | Self::Image => "an image of the probe that the nodes can pull",
            Self::Sidecar => {
                "an image of the probe that the nodes can pull, and a program that starts without its volumes and Secrets"
            }
        }
    }

    pub(super) fn strategy(self, probe: &str) -> Strategy {
        match self {
            Self::Container => strategy::container(),
            Self::Distroless => strategy::distroless(probe),
            Self::Sidecar => strategy::sidecar(probe).into(),
            Self::Image => strategy::sidecar(probe).inert(true).into(),
        }
    }

    /// The one that a plan names.
    pub(super) fn of_plan(name: &str) -> Option<Self> {
        match name {
            IMAGE_OF_TARGET => Some(Self::Image),
            _ => Self::ALL
                .into_iter()
                .find(|way| way.name() == name && *way != Self::Image),
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
