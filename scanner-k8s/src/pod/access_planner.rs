//! The access planner: the weakest security context that can see a target, or why none may.
//!
//! Reading `/proc/PID/root` of another process needs the same uid and gid as the process and at
//! least its permitted capabilities, or `CAP_SYS_PTRACE` (ptrace(2), `PTRACE_MODE_READ_FSCREDS`).
//! A user that is not root gets no added capability in Kubernetes, since nothing makes it ambient.
//! All of it is tried on a real node; see the tests of strategy `distroless`.

use scanner_core::Remedy;
use serde_json::{Value, json};

use super::capabilities::{Own, held, own};
use super::security_context::TargetContext;
use crate::pod::security_context::PodSecurity;

/// The security context of the probe. Settings that are not here are always the same: no privilege escalation, seccomp
/// `RuntimeDefault`, read-only root filesystem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeContext {
    /// `runAsUser`.
    pub uid: i64,
    /// `runAsGroup`; always set, since the pod's would be inherited.
    pub gid: i64,
    /// `capabilities.drop: [ALL]`.
    pub drop_all: bool,
    /// `capabilities.drop`, where it is not all.
    pub drop: Vec<String>,
    /// `capabilities.add`.
    pub add: Vec<&'static str>,
    /// `appArmorProfile: RuntimeDefault`, as the target has it, where the pod's would be inherited. A
    /// profile that the target does not have would keep the probe from seeing it.
    pub app_armor: bool,
    /// Why this and no less.
    pub why: &'static str,
}

impl ProbeContext {
    /// A user of no account, without any capability: fits every Pod Security level.
    pub(crate) const fn nobody(why: &'static str) -> Self {
        Self {
            uid: 65532,
            gid: 65532,
            drop_all: true,
            drop: vec![],
            add: vec![],
            app_armor: false,
            why,
        }
    }

    /// `capabilities.drop`.
    pub(crate) fn dropped(&self) -> Vec<&str> {
        if self.drop_all {
            return vec!["ALL"];
        }
        self.drop.iter().map(String::as_str).collect()
    }

    /// The whole `securityContext`, with what is always the same.
    pub(crate) fn security(&self) -> Value {
        json!({
            "runAsUser": self.uid,
            "runAsGroup": self.gid,
            "runAsNonRoot": self.uid != 0,
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": self.capabilities(),
            "seccompProfile": {"type": "RuntimeDefault"},
        })
    }

    fn capabilities(&self) -> Value {
        let mut capabilities = json!({});
        for (field, names) in [("drop", self.dropped()), ("add", self.add.clone())] {
            if !names.is_empty() {
                capabilities[field] = json!(names);
            }
        }
        capabilities
    }
}

/// Why no ephemeral container may look at a target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The user of the target is not known.
    #[error(
        "neither the node nor the pod's specification says as which user and group the target runs"
    )]
    UnknownUser,
    /// The target is an ephemeral container, whose process namespace the API server lets no other ephemeral container join.
    #[error("the target is an ephemeral container, and Kubernetes lets no probe join one")]
    Ephemeral,
    /// The pod shares the node's process namespace.
    #[error(
        "the pod shares the node's process namespace: a probe in it would see every process of the node"
    )]
    HostPid,
    /// The namespace's Pod Security level refuses what is needed.
    #[error(
        "the target runs as root and the namespace enforces Pod Security level {0}, which refuses a probe that can see it"
    )]
    PodSecurity(&'static str),
    /// Which level the namespace enforces is not known, and not every level allows what is needed.
    #[error(
        "the target runs as root with capabilities that level baseline refuses, and which Pod Security level \
         the namespace enforces could not be read"
    )]
    UnknownLevel,
}

impl Refusal {
    /// What to do next; nothing was created.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::UnknownUser => Remedy::SetUser,
            Self::Ephemeral | Self::HostPid | Self::PodSecurity(_) => Remedy::UseImageOrShell,
            Self::UnknownLevel => Remedy::ReadNamespace,
        }
    }
}

/// Whether the namespace's level matters for [`plan`]: a target that is not root is seen alike at each.
pub fn depends_on_level(target: &TargetContext) -> bool {
    target.uid.is_none_or(|uid| uid == 0)
}

/// The weakest context that can see `target` in a namespace of that level.
///
/// # Errors
///
/// Refuses when no allowed context can see it, or when the one that could is too powerful.
pub fn plan(target: &TargetContext, level: PodSecurity) -> Result<ProbeContext, Refusal> {
    if target.host_pid {
        return Err(Refusal::HostPid);
    }
    let (Some(uid), Some(gid)) = (target.uid, target.gid) else {
        return Err(Refusal::UnknownUser);
    };
    let app_armor = target.app_armor;
    if uid != 0 {
        return Ok(ProbeContext {
            uid,
            gid,
            drop_all: true,
            drop: vec![],
            add: vec![],
            app_armor,
            why: "the target is not root: its own user and group, without any capability",
        });
    }
    if level == PodSecurity::Restricted {
        return Err(Refusal::PodSecurity("restricted"));
    }
    if held(target).is_empty() {
        return Ok(ProbeContext {
            uid,
            gid,
            drop_all: true,
            drop: vec![],
            add: vec![],
            app_armor,
            why: "the target is root without capabilities: the same, and no more",
        });
    }
    if level == PodSecurity::Privileged {
        return Ok(ProbeContext {
            uid,
            gid,
            drop_all: true,
            drop: vec![],
            add: vec!["DAC_READ_SEARCH", "SYS_PTRACE"],
            app_armor,
            why: "the target is root with capabilities: two that see it, instead of all of its own; the probe \
                  only reads, but SYS_PTRACE would let it write too",
        });
    }
    let unknown = level == PodSecurity::Unknown;
    let Some(Own {
        drop_all,
        drop,
        add,
    }) = own(target)
    else {
        return Err(if unknown {
            Refusal::UnknownLevel
        } else {
            Refusal::PodSecurity("baseline")
        });
    };
    Ok(ProbeContext {
        uid,
        gid,
        drop_all,
        drop,
        add,
        app_armor,
        why: if unknown {
            "which level the namespace enforces could not be read, so planned for baseline, which refuses \
             SYS_PTRACE: the capabilities that the target has itself; a target that started as root and then \
             dropped to a user is not seen"
        } else {
            "level baseline refuses SYS_PTRACE: the capabilities that the target has itself; a target that \
             started as root and then dropped to a user is not seen"
        },
    })
}

#[cfg(test)]
mod tests;
