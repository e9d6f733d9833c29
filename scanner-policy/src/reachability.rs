//! What the processes of a container can reach: whether what an agent could not read is out of their reach too.

use std::collections::BTreeSet;

use scanner_core::inventory::{
    AgentIdentity, Collected, Coverage, FileEntry, FileKind, FileSelector, Gap, GapKind, Gaps,
    Inventory, Process, Section,
};

/// Bits of setuid and setgid.
const SETUID: i64 = 0o6000;
/// Capabilities that open no file or directory to who has them.
const HARMLESS: [&str; 13] = [
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_KILL",
    "CAP_SYS_NICE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_READ",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
];

/// What to collect, so that it is known what the processes of a container can reach.
pub(crate) const SECTIONS: [Section; 3] = [Section::Identity, Section::Processes, Section::Files];

/// The programs by which a process can become somebody else.
pub(crate) fn setuid_programs() -> FileSelector {
    FileSelector {
        under: vec!["/".into()],
        kind: vec![FileKind::File],
        mode_any: Some(format!("{SETUID:o}")),
        ..FileSelector::default()
    }
}

/// Whether a file is such a program.
pub(crate) const fn is_setuid(file: &FileEntry) -> bool {
    file.exists && matches!(file.kind, FileKind::File) && file.mode & SETUID != 0
}

/// Whether every process can reach what the agent could reach, and no more.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reachability(Standing);

#[derive(Debug, Clone, Default)]
enum Standing {
    /// Nobody looked.
    #[default]
    Unknown,
    /// Why not.
    Not(String),
    /// Yes.
    Same,
    /// Yes, if there is no setuid or setgid program.
    SameWithoutSetuid,
}

impl Reachability {
    /// What the sections say; `absent` are those that the target does not have.
    pub(crate) fn new(inventory: &Inventory, absent: &[Section]) -> Self {
        if absent.contains(&Section::Processes) {
            return Self(Standing::Not("an image has no processes".into()));
        }
        let (Collected::Complete { data: identity }, Collected::Complete { data: processes }) =
            (&inventory.identity, &inventory.processes)
        else {
            let why = "not all processes, or not the agent's own identity, were seen";
            return Self(Standing::Not(why.into()));
        };
        let Some(agent) = &identity.agent else {
            return Self(Standing::Not("the agent does not say who it is".into()));
        };
        if processes.is_empty() {
            return Self(Standing::Not("no process was seen".into()));
        }
        if let Some(why) = processes.iter().find_map(|process| differs(agent, process)) {
            return Self(Standing::Not(why));
        }
        let gaining = processes.iter().filter(|process| !process.no_new_privs);
        let mut bounding = gaining.clone().flat_map(|process| &process.bounding);
        Self(if gaining.clone().next().is_none() {
            Standing::Same
        } else if let Some(capability) = bounding.find(|name| !is_harmless(name)) {
            Standing::Not(format!(
                "a process has no no_new_privs, and a program with file capabilities can give it {capability}"
            ))
        } else {
            Standing::SameWithoutSetuid
        })
    }

    /// The same when the files are known: `setuid` is a setuid or setgid program, where one was found, and `coverage` how
    /// completely they were looked for.
    pub(crate) fn with_files(self, setuid: Option<&FileEntry>, coverage: &Coverage) -> Self {
        if !matches!(self.0, Standing::SameWithoutSetuid) {
            return self;
        }
        let is_whole = match coverage {
            Coverage::Complete => true,
            Coverage::Partial { gaps } => all_shut(gaps),
            Coverage::Unavailable { .. } | Coverage::NotRequested => false,
        };
        Self(match setuid {
            Some(file) => Standing::Not(format!(
                "a process has no no_new_privs, and {} makes it somebody else",
                file.path.as_text()
            )),
            None if is_whole => Standing::Same,
            None => Standing::Not(
                "a process has no no_new_privs, and not every place was searched for programs that \
                 make it somebody else"
                    .into(),
            ),
        })
    }

    /// Why a process may reach what is missing by these gaps of files, which a check with these selections asks for; `None`
    /// where no process can.
    pub(crate) fn objection(&self, gaps: &Gaps, files: &[FileSelector]) -> Option<String> {
        match &self.0 {
            Standing::Unknown => return Some("it is not known who runs in the container".into()),
            Standing::Not(why) => return Some(why.clone()),
            Standing::SameWithoutSetuid => {
                return Some("a process has no no_new_privs".into());
            }
            Standing::Same => {}
        }
        if gaps.iter().next().is_none() {
            return Some("it is not known what is missing".into());
        }
        let named = |gap: &Gap| {
            let mut named = files.iter().filter(|selector| !selector.walks());
            named.any(|selector| selector.overlaps(gap))
        };
        let open = gaps.iter().find(|gap| !is_shut(gap) || named(gap))?;
        Some(open.to_string())
    }
}

fn all_shut(gaps: &Gaps) -> bool {
    gaps.iter().next().is_some() && gaps.iter().all(is_shut)
}

/// Whether nobody of the agent's identity can get below the place.
fn is_shut(gap: &Gap) -> bool {
    gap.kind == GapKind::NotSearchable && gap.path.is_some() && gap.attribute.is_none()
}

fn is_harmless(capability: &str) -> bool {
    HARMLESS.contains(&capability)
}

/// Why a process may reach more than the agent.
fn differs(agent: &AgentIdentity, process: &Process) -> Option<String> {
    let set = |groups: &[i64], own: i64| groups.iter().copied().chain([own]).collect();
    let groups: Option<BTreeSet<i64>> = process.groups.as_ref().map(|all| set(all, process.gid));
    let own: BTreeSet<i64> = set(&agent.groups, agent.gid);
    let raisable = process.raisable.as_ref();
    let mut capabilities = process
        .capabilities
        .iter()
        .chain(raisable.into_iter().flatten());
    let more = |name: &&String| !agent.capabilities.contains(name) || !is_harmless(name);
    let why = if process.uid != agent.uid {
        format!(
            "runs as uid {}, and the agent as {}",
            process.uid, agent.uid
        )
    } else if process.mixed_ids != Some(false) {
        "may take on another user or group".to_owned()
    } else if process.gid != agent.gid || groups != Some(own) {
        "is in other groups than the agent".to_owned()
    } else if process.other_namespaces != Some(false) {
        "may be in another user or mount namespace".to_owned()
    } else if raisable.is_none() {
        "may have capabilities that were not seen".to_owned()
    } else if let Some(name) = capabilities.find(more) {
        format!("has {name}")
    } else if let Some(name) = agent.capabilities.iter().find(|name| !is_harmless(name)) {
        return Some(format!("the agent has {name}"));
    } else {
        return None;
    };
    Some(format!("process {} {why}", process.pid))
}

#[cfg(test)]
mod tests;
