//! As which user strategy `sidecar` reads, and why it may not.

use std::collections::BTreeMap;

use scanner_core::{
    Remedy,
    inventory::{Coverage, Gap, GapKind, Section},
};

use super::helper::HelperRefusal;
use crate::pod::{
    access_planner::{ProbeContext, Refusal},
    security_context::PodSecurity,
};

/// Why no pod of the scan's own may look.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SidecarRefusal {
    /// No probe can look at a clone.
    #[error("no sidecar may look at a clone of this target")]
    Clone(#[source] Refusal),
    /// A second start of the target would have the node, or could leave its isolation.
    #[error("a clone with {0} is refused: it could take over its node or leave its isolation")]
    DangerousSettings(String),
    /// The image is named by another digest than the expected one.
    #[error("{0} is named, and {1} was expected")]
    Digest(String, String),
    /// Root is not allowed.
    #[error("the namespace enforces Pod Security level restricted, which refuses a probe as root")]
    Root,
    /// Root is not allowed, and the image could be read in another namespace.
    #[error("the namespace enforces Pod Security level restricted, which refuses a probe as root")]
    RootOfRunning,
    /// The helper namespace does not allow it.
    #[error(transparent)]
    Helper(#[from] HelperRefusal),
    /// An image reference that no node could resolve.
    #[error("{0:?} is not an image reference")]
    Reference(String),
}

impl SidecarRefusal {
    /// What to do next; nothing was created.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Digest(..) => Remedy::advice("name the image by the expected digest"),
            Self::Clone(_) | Self::DangerousSettings(_) => Remedy::UseImage,
            Self::Root => Remedy::ReadAsNobody,
            Self::RootOfRunning => Remedy::UseHelperNamespace,
            Self::Helper(refusal) => refusal.remedy(),
            Self::Reference(_) => {
                Remedy::advice("name it as in a pod, such as registry.example/app:1.2")
            }
        }
    }
}

/// Adds how to read what only root may read, where something could not be read.
pub(super) fn note_as_root(coverage: &mut BTreeMap<Section, Coverage>) {
    let note = "only root may read it: a scan as root would, where the namespace allows that";
    for coverage in coverage.values_mut() {
        match coverage {
            Coverage::Partial { gaps } if gaps.total() > 0 => {
                gaps.add_counted(Gap::new(GapKind::Unknown).with_note(note), 0);
            }
            Coverage::Unavailable { reason } if reason.contains("Permission denied") => {
                *reason = format!("{reason}; {note}");
            }
            _ => {}
        }
    }
}

/// A user of no account, without any capability.
pub(super) const UNPRIVILEGED: ProbeContext = ProbeContext::nobody(
    "nothing but the image is read: a user of no account, without any capability",
);

/// Root, with as much as the namespace's level allows.
pub(super) fn as_root(level: PodSecurity) -> Result<ProbeContext, SidecarRefusal> {
    let context = ProbeContext {
        uid: 0,
        gid: 0,
        ..UNPRIVILEGED
    };
    match level {
        PodSecurity::Restricted => Err(SidecarRefusal::Root),
        // It may write too, and there is nothing to write to: every mount is read-only.
        PodSecurity::Baseline => Ok(ProbeContext {
            add: vec!["DAC_OVERRIDE"],
            why: "as asked: root with the one capability that reads all and that level baseline allows; all that it sees is \
                  mounted read-only",
            ..context
        }),
        PodSecurity::Unknown => Ok(ProbeContext {
            add: vec!["DAC_OVERRIDE"],
            why: "as asked: root with the one capability that reads all and that level baseline allows, since the namespace's \
                  level could not be read; all that it sees is mounted read-only",
            ..context
        }),
        PodSecurity::Privileged => Ok(ProbeContext {
            add: vec!["DAC_READ_SEARCH"],
            why: "as asked: root with the one capability that only reads",
            ..context
        }),
    }
}

#[cfg(test)]
mod tests {
    use scanner_core::inventory::Gaps;

    use super::*;

    #[test]
    fn only_what_root_could_read_speaks_of_root() {
        let reason = |text: &str| Coverage::Unavailable {
            reason: text.into(),
        };
        let partial = |unreadable| Coverage::Partial {
            gaps: {
                let mut gaps = Gaps::default();
                gaps.add_counted(Gap::new(GapKind::NotReadable), unreadable);
                gaps
            },
        };
        let mut all: BTreeMap<Section, Coverage> = [
            (Section::Files, partial(3)),
            (Section::Users, partial(0)),
            (Section::Shadow, reason("Permission denied (os error 13)")),
            (Section::Groups, reason("not there")),
            (Section::Os, Coverage::Complete),
        ]
        .into();
        note_as_root(&mut all);
        let noted: Vec<Section> = all
            .iter()
            .filter(|(_, coverage)| format!("{coverage:?}").contains("only root"))
            .map(|(section, _)| *section)
            .collect();
        assert_eq!(noted, [Section::Files, Section::Shadow]);
    }
}
