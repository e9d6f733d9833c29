//! As which user strategy `sidecar` reads, and why it may not.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use scanner_core::{
    Remedy, Target,
    inventory::{Coverage, Gap, GapKind, Section},
    target::TargetForm,
};

use super::helper::{self, HelperRefusal};
use crate::{
    api::client::OperatorClient,
    plan::sidecar_options::ReadAs,
    pod::{
        access_planner::{ProbeContext, Refusal},
        security_context::{self, PodSecurity},
    },
};

/// Why no pod of the scan's own may look.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SidecarRefusal {
    /// No probe can look at a clone.
    #[error("no sidecar may look at a clone of this target")]
    Clone(#[source] Refusal),
    /// A second start of the target could control the node or leave its isolation.
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

/// The capability that lets root read files of others, and no more.
const READS: &str = "DAC_READ_SEARCH";
/// The same for level baseline, which does not allow [`READS`]. This one allows writing too, but every mount is read-only.
const WRITES: &str = "DAC_OVERRIDE";

/// As which user the probe reads the image that a container of `pod` runs. A target that is an image and has a pod is read
/// in another namespace than the pod's; `has_secret` says whether a pull secret is named for it.
pub(super) async fn reader(
    operator: &OperatorClient,
    target: &Target,
    pod: Option<&Pod>,
    reads_as: ReadAs,
    has_secret: bool,
) -> Result<ProbeContext, SidecarRefusal> {
    let namespace = target.namespace.as_str();
    let elsewhere = pod.filter(|_| target.form == TargetForm::Image);
    let level = match reads_as {
        ReadAs::Nobody => None,
        ReadAs::Root | ReadAs::RootIfAllowed => {
            Some(security_context::level(operator, namespace).await)
        }
    };
    if let Some(pod) = elsewhere {
        // If root is not allowed and not demanded, a user of no account reads.
        let insists =
            |level: &PodSecurity| reads_as == ReadAs::Root || *level != PodSecurity::Restricted;
        let level = level.filter(insists);
        helper::check(operator, namespace, pod, level, has_secret).await?;
    }
    let context = match (reads_as, level) {
        (ReadAs::Root, Some(level)) => as_root(level),
        (ReadAs::RootIfAllowed, Some(level)) => Ok(as_root_if_allowed(level)),
        (_, None) | (ReadAs::Nobody, _) => Ok(UNPRIVILEGED),
    };
    context.map_err(|refusal| match (elsewhere, pod) {
        (Some(_), _) => HelperRefusal::Root(namespace.to_owned()).into(),
        (None, Some(_)) => SidecarRefusal::RootOfRunning,
        (None, None) => refusal,
    })
}

/// Root, as asked, with as much as the namespace's level allows.
fn as_root(level: PodSecurity) -> Result<ProbeContext, SidecarRefusal> {
    match level {
        PodSecurity::Restricted => Err(SidecarRefusal::Root),
        PodSecurity::Baseline => Ok(root(
            WRITES,
            "as asked: root with the one capability that reads all and that level baseline allows; all that it sees is mounted \
             read-only",
        )),
        PodSecurity::Unknown => Ok(root(
            WRITES,
            "as asked: root with the one capability that reads all and that level baseline allows, since the namespace's level \
             could not be read; all that it sees is mounted read-only",
        )),
        PodSecurity::Privileged => Ok(root(
            READS,
            "as asked: root with the one capability that only reads",
        )),
    }
}

/// Root where the namespace's level is known to allow that, else a user of no account.
fn as_root_if_allowed(level: PodSecurity) -> ProbeContext {
    match level {
        PodSecurity::Restricted => ProbeContext::nobody(
            "a user of no account, without any capability, since level restricted allows no root: what only root may read of \
             the image is not read",
        ),
        PodSecurity::Unknown => ProbeContext::nobody(
            "a user of no account, without any capability, since the namespace's level could not be read: what only root may \
             read of the image is not read",
        ),
        PodSecurity::Baseline => root(
            WRITES,
            "root with the one capability that reads all and that level baseline allows: only root may read all of the image; \
             all that it sees is mounted read-only",
        ),
        PodSecurity::Privileged => root(
            READS,
            "root with the one capability that only reads: the namespace allows it, and only root may read all of the image",
        ),
    }
}

fn root(capability: &'static str, why: &'static str) -> ProbeContext {
    ProbeContext {
        uid: 0,
        gid: 0,
        add: vec![capability],
        why,
        ..UNPRIVILEGED
    }
}

#[cfg(test)]
mod tests {
    use scanner_core::inventory::Gaps;

    use super::*;

    #[test]
    fn an_image_is_read_as_root_only_where_that_is_known_to_be_allowed() {
        for (level, uid, capabilities) in [
            (PodSecurity::Privileged, 0, 1),
            (PodSecurity::Baseline, 0, 1),
            (PodSecurity::Restricted, 65532, 0),
            (PodSecurity::Unknown, 65532, 0),
        ] {
            let context = as_root_if_allowed(level);
            let is = (context.uid, context.add.len());
            assert_eq!(is, (uid, capabilities), "{level:?}");
            assert!(context.drop_all, "{level:?}");
            let says_root = context.why.starts_with("root ");
            assert_eq!(says_root, uid == 0, "{}", context.why);
        }
        assert_eq!(as_root(PodSecurity::Restricted), Err(SidecarRefusal::Root));
        assert_eq!(as_root(PodSecurity::Unknown).map(|c| c.uid), Ok(0));
    }

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
