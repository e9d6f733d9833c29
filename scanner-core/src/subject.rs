//! What a scan looks at: a container of a cluster, or something else that has a name.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{target::Target, untrusted::Untrusted};

/// What a scan looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Subject {
    /// A container of a cluster.
    Container {
        /// Which.
        target: Box<Target>,
    },
    /// A directory.
    Directory {
        /// Its path.
        path: Untrusted,
    },
    /// A process of this machine.
    Process {
        /// Its process id.
        pid: u32,
    },
    /// An image in a file.
    Image {
        /// The file.
        path: Untrusted,
    },
    /// A machine that is reached some other way, such as by ssh.
    Host {
        /// Its name.
        name: Untrusted,
    },
}

impl Subject {
    /// A container of a cluster.
    pub fn container(target: Target) -> Self {
        Self::Container {
            target: Box::new(target),
        }
    }

    /// A machine that is reached some other way.
    pub fn host(name: impl Into<String>) -> Self {
        Self::Host {
            name: Untrusted::new(name),
        }
    }

    /// The container of a cluster, if it is one.
    pub fn target(&self) -> Option<&Target> {
        match self {
            Self::Container { target } => Some(target),
            _ => None,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Container { target } => write!(f, "{target}"),
            Self::Directory { path } => write!(f, "directory {path}"),
            Self::Process { pid } => write!(f, "process {pid}"),
            Self::Image { path } => write!(f, "image {path}"),
            Self::Host { name } => write!(f, "host {name}"),
        }
    }
}
