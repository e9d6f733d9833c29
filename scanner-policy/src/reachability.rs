//! What the processes of a container can reach: whether places that an agent could not read are out of their reach too.

use std::collections::BTreeSet;

use scanner_core::inventory::{
    AgentIdentity, Collected, Coverage, FileEntry, FileKind, FilePath, FileSelector, Gap, GapKind,
    Gaps, Inventory, PodFacts, Process, Section,
};

/// Bits of setuid and setgid.
const SETUID: i64 = 0o6000;
/// Capabilities that give access to no further file or directory.
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

/// Sections to collect so that it is known what the processes of a container can reach.
pub(crate) const SECTIONS: [Section; 3] = [Section::Identity, Section::Processes, Section::Files];

/// Selects the programs by which a process can become another user.
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
pub(crate) struct Reachability {
    standing: Standing,
    /// Working directories and roots of processes: a process that is inside a directory needs no permission to enter it.
    inside: BTreeSet<FilePath>,
}

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

impl From<Standing> for Reachability {
    fn from(standing: Standing) -> Self {
        Self {
            standing,
            inside: BTreeSet::new(),
        }
    }
}

impl Reachability {
    fn not(why: impl Into<String>) -> Self {
        Standing::Not(why.into()).into()
    }

    /// From the sections of `inventory`; `absent` are those that the target does not have.
    pub(crate) fn new(inventory: &Inventory, absent: &[Section]) -> Self {
        if absent.contains(&Section::Processes) {
            return Self::not("an image has no processes");
        }
        let (Collected::Complete { data: identity }, Collected::Complete { data: processes }) =
            (&inventory.identity, &inventory.processes)
        else {
            return Self::not("not all processes, or not the agent's own identity, were seen");
        };
        let Some(agent) = &identity.agent else {
            return Self::not("the agent does not say who it is");
        };
        if processes.is_empty() {
            return Self::not("no process was seen");
        }
        if let Some(why) = processes.iter().find_map(|process| differs(agent, process)) {
            return Self::not(why);
        }
        if let Collected::Unavailable { reason } = &inventory.pod {
            return Self::not(format!(
                "it is not known which processes of the pod may reach it: {reason}"
            ));
        }
        if let Some(why) = inventory.pod.data().and_then(shared) {
            return Self::not(why);
        }
        let gaining = processes.iter().filter(|process| !process.no_new_privs);
        let mut bounding = gaining.clone().flat_map(|process| &process.bounding);
        let standing = if gaining.clone().next().is_none() {
            Standing::Same
        } else if let Some(capability) = bounding.find(|name| !is_harmless(name)) {
            Standing::Not(format!(
                "a process can gain privileges (no_new_privs is not set), and a program with file capabilities can give it {capability}"
            ))
        } else {
            Standing::SameWithoutSetuid
        };
        let places = processes.iter().flat_map(|p| [&p.cwd, &p.root]);
        Self {
            standing,
            inside: places.flatten().cloned().collect(),
        }
    }

    /// The same when the files are known: `setuid` is a setuid or setgid program, where one was found, and `coverage` how
    /// completely they were looked for.
    pub(crate) fn with_files(mut self, setuid: Option<&FileEntry>, coverage: &Coverage) -> Self {
        if !matches!(self.standing, Standing::SameWithoutSetuid) {
            return self;
        }
        let is_whole = match coverage {
            Coverage::Complete => true,
            Coverage::Partial { gaps } => {
                gaps.iter().next().is_some() && gaps.iter().all(|gap| self.is_shut(gap))
            }
            Coverage::Unavailable { .. } | Coverage::NotRequested => false,
        };
        self.standing = match setuid {
            Some(file) => Standing::Not(format!(
                "a process can gain privileges (no_new_privs is not set), and {} makes it another user",
                file.path.as_text()
            )),
            None if is_whole => Standing::Same,
            None => Standing::Not(
                "a process can gain privileges (no_new_privs is not set), and not every place was searched for programs that make it another user"
                    .into(),
            ),
        };
        self
    }

    /// Why a process may reach what is missing by these gaps of files, which a check with these selections asks for; `None`
    /// where no process can.
    pub(crate) fn objection(&self, gaps: &Gaps, files: &[FileSelector]) -> Option<String> {
        match &self.standing {
            Standing::Unknown => return Some("it is not known who runs in the container".into()),
            Standing::Not(why) => return Some(why.clone()),
            Standing::SameWithoutSetuid => {
                return Some("a process can gain privileges (no_new_privs is not set)".into());
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
        let open = gaps.iter().find(|gap| !self.is_shut(gap) || named(gap))?;
        Some(match self.inside_of(open) {
            Some(place) => format!("a process works inside of it, in {}", place.as_text()),
            None => open.to_string(),
        })
    }

    /// Whether nobody of the agent's identity can get below the place, and nobody is there.
    fn is_shut(&self, gap: &Gap) -> bool {
        let is_closed = gap.kind == GapKind::NotSearchable && gap.path.is_some();
        is_closed && gap.attribute.is_none() && self.inside_of(gap).is_none()
    }

    /// The place of a process that is at a gap or below it.
    fn inside_of(&self, gap: &Gap) -> Option<&FilePath> {
        let place = gap.path.as_ref()?;
        self.inside.iter().find(|inside| inside.is_below(place))
    }
}

/// How processes of other containers may reach the files of the target. They may start at any time, and have other rights
/// than those of the target.
fn shared(pod: &PodFacts) -> Option<&'static str> {
    if pod.share_process_namespace {
        Some(
            "a process of another container of the pod may reach it, since they share their process namespace",
        )
    } else if pod.host_pid {
        Some(
            "a process of another container may reach it, since the pod has the node's process namespace",
        )
    } else {
        None
    }
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
    } else if process.places_reached != Some(true) {
        not_reached(process)
    } else if let Some(name) = agent.capabilities.iter().find(|name| !is_harmless(name)) {
        return Some(format!("the agent has {name}"));
    } else {
        return None;
    };
    Some(format!("process {} {why}", process.pid))
}

/// The place of a process that the agent could not reach.
fn not_reached(process: &Process) -> String {
    match (&process.cwd, &process.root) {
        (Some(cwd), Some(root)) if root == "/" => {
            format!("works in {}, which the agent cannot reach", cwd.as_text())
        }
        (Some(_), Some(root)) => format!(
            "has the root {}, which the agent cannot reach",
            root.as_text()
        ),
        _ => "works in a place that was not seen".to_owned(),
    }
}

#[cfg(test)]
mod tests;
