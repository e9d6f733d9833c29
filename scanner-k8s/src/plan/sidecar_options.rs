//! How strategy `sidecar` reads.

use std::net::SocketAddr;

/// What the scan's own pod holds beside the probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The target's container, running.
    Clone {
        /// What it keeps of Secrets and `ConfigMap`s.
        keep: Keep,
        /// Whether it must run on the target's node.
        same_node: bool,
    },
    /// The image as a read-only volume; nothing of it runs.
    Inert {
        /// As which user it is read.
        reads_as: ReadAs,
        /// Whether it must run on the target's node, whose copy of the image is then read.
        same_node: bool,
    },
}

/// As which user an image is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReadAs {
    /// A user of no account.
    #[default]
    Nobody,
    /// Root; a namespace that does not allow that is refused.
    Root,
    /// Root where the namespace's Pod Security level allows that, else a user of no account.
    RootIfAllowed,
}

/// When a node asks a registry for an image that is named without a digest and runs nowhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pull {
    /// Only when it has no copy: an image that was loaded onto nodes can be read, and an old copy too.
    #[default]
    IfNotPresent,
    /// Each time.
    Always,
}

/// How strategy `sidecar` reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SidecarOptions {
    /// Image of the probe, best named by digest.
    pub image: String,
    /// Clone or image.
    pub mode: Mode,
    /// Whether the scan stops unless the network isolation was verified.
    pub require_isolation: bool,
    /// Addresses that answer from a pod without a policy, for the proof of isolation.
    pub canaries: Vec<SocketAddr>,
    /// Names of pull secrets for an image that runs nowhere.
    pub pull_secrets: Vec<String>,
    /// When an image that runs nowhere is pulled.
    pub pull: Pull,
    /// Digest (`sha256:...`) that an image that runs nowhere must have; nothing is read of another.
    pub expected_digest: Option<String>,
    /// Namespace in which the image of a running container is read, without running it; without one it is that of the container.
    pub helper_namespace: Option<String>,
}

/// What a clone may keep beyond what every clone keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep {
    /// References to Secrets.
    pub secrets: bool,
    /// References to `ConfigMap`s.
    pub config: bool,
}
