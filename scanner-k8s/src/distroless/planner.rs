//! The access planner: the weakest security context that can see a target, or why none may.
//!
//! Reading `/proc/PID/root` of another process needs the same uid and gid as the process and at
//! least its permitted capabilities, or `CAP_SYS_PTRACE` (ptrace(2), `PTRACE_MODE_READ_FSCREDS`).
//! A user that is not root gets no added capability in Kubernetes, since nothing makes it ambient.
//! All of it is tried on a real node; see the tests of strategy `distroless`.

use std::collections::BTreeSet;

/// Capabilities that containerd and CRI-O give when nothing is said.
const DEFAULTS: [&str; 14] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// Pod Security level that a namespace enforces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum PodSecurity {
    /// Nothing is refused.
    #[default]
    Privileged,
    /// Known ways to the node are refused; `SYS_PTRACE` is one of them.
    Baseline,
    /// Root and every capability are refused.
    Restricted,
}

/// The target as it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TargetContext {
    /// Effective user id; `None` when neither the node nor the specification says.
    pub uid: Option<i64>,
    /// Effective primary group id.
    pub gid: Option<i64>,
    /// `privileged`.
    pub privileged: bool,
    /// `capabilities.add`.
    pub added: BTreeSet<String>,
    /// `capabilities.drop`.
    pub dropped: BTreeSet<String>,
    /// The pod shares its node's process namespace.
    pub host_pid: bool,
}

/// The security context of the probe. What is not here is always the same: no privilege
/// escalation, seccomp `RuntimeDefault`, read-only root filesystem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeContext {
    /// `runAsUser`.
    pub uid: i64,
    /// `runAsGroup`; always set, since the pod's would be inherited.
    pub gid: i64,
    /// `capabilities.drop: [ALL]`.
    pub drop_all: bool,
    /// `capabilities.add`.
    pub add: Vec<&'static str>,
    /// Why this and no less.
    pub why: &'static str,
}

/// Why no ephemeral container may look at a target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The user of the target is not known.
    #[error(
        "neither the node nor the pod's specification says as which user and group the target runs"
    )]
    UnknownUser,
    /// The process namespace is the node's.
    #[error(
        "the pod shares the node's process namespace: a probe in it would see every process of the node"
    )]
    HostPid,
    /// The namespace's Pod Security level refuses what is needed.
    #[error(
        "the target runs as root and the namespace enforces Pod Security level {0}, which refuses a probe that can see it"
    )]
    PodSecurity(&'static str),
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
    if uid != 0 {
        return Ok(ProbeContext {
            uid,
            gid,
            drop_all: true,
            add: vec![],
            why: "the target is not root: its own user and group, without any capability",
        });
    }
    if level == PodSecurity::Restricted {
        return Err(Refusal::PodSecurity("restricted"));
    }
    let permitted = permitted(target);
    if permitted.is_empty() {
        return Ok(ProbeContext {
            uid,
            gid,
            drop_all: true,
            add: vec![],
            why: "the target is root without capabilities: the same, and no more",
        });
    }
    if level == PodSecurity::Privileged {
        return Ok(ProbeContext {
            uid,
            gid,
            drop_all: true,
            add: vec!["DAC_READ_SEARCH", "SYS_PTRACE"],
            why: "the target is root with capabilities: two that only read, instead of all of its own",
        });
    }
    if permitted.iter().all(|c| DEFAULTS.contains(&c.as_str())) {
        return Ok(ProbeContext {
            uid,
            gid,
            drop_all: false,
            add: vec![],
            why: "level baseline refuses SYS_PTRACE: the runtime's default capabilities, as the target has",
        });
    }
    Err(Refusal::PodSecurity("baseline"))
}

/// Capabilities of a root process: the defaults, without what is dropped, with what is added; all when it
/// is privileged.
fn permitted(target: &TargetContext) -> BTreeSet<String> {
    if target.privileged {
        return BTreeSet::from(["ALL".to_owned()]);
    }
    let plain = |name: &String| name.trim_start_matches("CAP_").to_owned();
    let dropped: BTreeSet<String> = target.dropped.iter().map(plain).collect();
    let mut all: BTreeSet<String> = DEFAULTS.iter().map(ToString::to_string).collect();
    if dropped.contains("ALL") {
        all.clear();
    }
    all.retain(|name| !dropped.contains(name));
    all.extend(target.added.iter().map(plain));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use PodSecurity::{Baseline, Privileged, Restricted};

    fn target(uid: i64, added: &[&str], dropped: &[&str]) -> TargetContext {
        TargetContext {
            uid: Some(uid),
            gid: Some(uid),
            added: added.iter().map(ToString::to_string).collect(),
            dropped: dropped.iter().map(ToString::to_string).collect(),
            ..TargetContext::default()
        }
    }

    #[test]
    fn the_whole_matrix() {
        let ptrace = "uid 0 drop ALL add DAC_READ_SEARCH,SYS_PTRACE";
        let none = "uid 0 drop ALL add ";
        let (restricted, baseline) = ("refused: restricted", "refused: baseline");
        for (name, target, expected) in [
            (
                "non-root",
                target(1500, &[], &[]),
                ["uid 1500 drop ALL add "; 3],
            ),
            (
                "non-root with caps",
                target(1500, &["NET_ADMIN"], &[]),
                ["uid 1500 drop ALL add "; 3],
            ),
            (
                "root default",
                target(0, &[], &[]),
                [ptrace, "uid 0 drop  add ", restricted],
            ),
            (
                "root drop ALL",
                target(0, &[], &["ALL"]),
                [none, none, restricted],
            ),
            (
                "root drop ALL add default",
                target(0, &["CHOWN"], &["ALL"]),
                [ptrace, "uid 0 drop  add ", restricted],
            ),
            (
                "root added",
                target(0, &["CAP_NET_ADMIN"], &[]),
                [ptrace, baseline, restricted],
            ),
            (
                "root privileged",
                TargetContext {
                    privileged: true,
                    ..target(0, &[], &["ALL"])
                },
                [ptrace, baseline, restricted],
            ),
            (
                "non-root privileged",
                TargetContext {
                    privileged: true,
                    ..target(1500, &[], &[])
                },
                ["uid 1500 drop ALL add "; 3],
            ),
        ] {
            let same = expected.iter().all(|e| *e == expected[0]);
            assert!(
                same || depends_on_level(&target),
                "{name}: nobody asks for its level"
            );
            for (level, expected) in [Privileged, Baseline, Restricted].into_iter().zip(expected) {
                let seen = match plan(&target, level) {
                    Ok(context) => format!(
                        "uid {} drop {} add {}",
                        context.uid,
                        if context.drop_all { "ALL" } else { "" },
                        context.add.join(",")
                    ),
                    Err(Refusal::PodSecurity(level)) => format!("refused: {level}"),
                    Err(other) => other.to_string(),
                };
                assert_eq!(seen, expected, "{name} at {level:?}");
            }
        }
    }

    #[test]
    fn what_is_the_nodes_or_unknown_is_refused_at_every_level() {
        for level in [Privileged, Baseline, Restricted] {
            let host = TargetContext {
                host_pid: true,
                ..target(1, &[], &[])
            };
            assert_eq!(plan(&host, level), Err(Refusal::HostPid));
            let unknown = TargetContext {
                gid: None,
                ..target(1, &[], &[])
            };
            assert_eq!(plan(&unknown, level), Err(Refusal::UnknownUser));
        }
    }
}
