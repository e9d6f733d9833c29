//! Why nothing was injected, and what to do next.

use scanner_core::Remedy;

use crate::pod::access_planner::Refusal;

/// Largest manifest in bytes.
pub const MAX_MANIFEST: usize = 8 << 20;

/// Why nothing was injected.
#[derive(Debug, thiserror::Error)]
pub enum InjectError {
    /// The manifest cannot be read.
    #[error("the manifest is not YAML: {0}")]
    Syntax(String),
    /// It is longer than [`MAX_MANIFEST`].
    #[error("the manifest is longer than {} MiB", MAX_MANIFEST >> 20)]
    TooLong,
    /// It holds nothing that makes pods.
    #[error(
        "the manifest holds no workload: no Pod, Deployment, StatefulSet, DaemonSet, ReplicaSet, Job or CronJob"
    )]
    NoWorkload,
    /// One workload cannot get a sidecar; none gets one then.
    #[error("{workload}: {reason}")]
    Refused {
        /// Kind and name.
        workload: String,
        /// Why.
        reason: Reason,
    },
    /// The result is not the original plus the additions; nothing is returned.
    #[error("the edited manifest is not the original plus the sidecar; nothing was written")]
    SelfCheck,
}

/// Why one workload cannot get a sidecar.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// No pod specification where its kind has one.
    #[error("it has no pod template that can be read: {0}")]
    NoTemplate(String),
    /// It shares no process namespace on purpose.
    #[error("shareProcessNamespace is false, so that the sidecar could not see the container")]
    NotShared,
    /// Another sidecar is there.
    #[error(
        "a container or volume of secure-scan is already there, and differs from what would be added"
    )]
    Present,
    /// Several containers, none named.
    #[error("it has several containers: {0}")]
    WhichContainer(String),
    /// No container of that name.
    #[error("it has no container {0}")]
    NoContainer(String),
    /// The manifest says another user.
    #[error("the manifest says that the container runs as {0}, not as the user that was given")]
    OtherUser(String),
    /// Not Linux.
    #[error("the pod runs on Windows")]
    Windows,
    /// No probe may look at it.
    #[error(transparent)]
    Probe(#[from] Refusal),
    /// The place cannot be edited.
    #[error("{0} cannot be added to: {1}")]
    Unsafe(String, &'static str),
}

impl InjectError {
    /// What to do next.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::NoWorkload => Some(Remedy::advice(
                "name a file with a workload; nothing was written",
            )),
            Self::SelfCheck => Some(Remedy::ReportBug),
            Self::Refused { reason, .. } => reason.remedy(),
            Self::Syntax(_) | Self::TooLong => None,
        }
    }
}

impl Reason {
    fn remedy(&self) -> Option<Remedy> {
        Some(match self {
            Self::WhichContainer(_) | Self::NoContainer(_) => Remedy::NameContainer,
            Self::Probe(Refusal::UnknownUser) => Remedy::NameUser,
            Self::Probe(Refusal::PodSecurity(_)) => Remedy::NamePodSecurity,
            Self::Present => Remedy::advice("remove it from the manifest, then inject again"),
            Self::NotShared => Remedy::advice("remove the line if the container may be seen"),
            Self::OtherUser(_) => Remedy::OmitUser,
            Self::Unsafe(..) => {
                Remedy::advice("write this part out without anchors and in block style")
            }
            Self::NoTemplate(_) => Remedy::ValidateManifest,
            Self::Windows | Self::Probe(_) => return None,
        })
    }
}
