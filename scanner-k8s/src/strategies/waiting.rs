//! Why a container waits for what does not come by waiting, and what to do about it.

use scanner_core::{ControlError, FailureKind, Remedy};

/// Why a pod of the scan's own does not get further by waiting.
#[derive(Debug)]
pub(crate) struct Diagnosis {
    /// What is wrong.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) remedy: Remedy,
    /// What kind of failure of the scan it is.
    pub(crate) kind: FailureKind,
}

impl Diagnosis {
    /// A pod, or a container of it, that does not start.
    pub(crate) fn not_started(message: impl Into<String>, remedy: Remedy) -> Self {
        Self {
            message: message.into(),
            remedy,
            kind: FailureKind::NotStarted,
        }
    }
}

impl From<Diagnosis> for ControlError {
    fn from(diagnosis: Diagnosis) -> Self {
        Self::new(diagnosis.message)
            .with_kind(diagnosis.kind)
            .with_remedy(diagnosis.remedy)
    }
}

/// Reasons of a waiting container that waiting does not end.
pub(crate) const STUCK: [&str; 7] = [
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
];

/// What to do when a node does not start the probe, by the reason of its waiting state.
pub(crate) fn probe_remedy(reason: &str) -> Remedy {
    match reason {
        "InvalidImageName" => Remedy::CorrectProbeImage,
        "ErrImageNeverPull" => Remedy::LoadProbeImage,
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
            Remedy::UseSidecar
        }
        _ => Remedy::PullProbeImage,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_remedy() {
        let remedies = STUCK.map(probe_remedy);
        assert_eq!(
            remedies,
            [
                Remedy::PullProbeImage,
                Remedy::PullProbeImage,
                Remedy::CorrectProbeImage,
                Remedy::LoadProbeImage,
                Remedy::UseSidecar,
                Remedy::UseSidecar,
                Remedy::UseSidecar,
            ]
        );
    }
}
