//! Everything that an agent found inside one target.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    changes::Changes,
    collected::{Collected, Coverage},
    from_image::FromImage,
    model::{
        CommandEntry, EnvVar, FileEntry, Group, Identity, KernelFacts, LanguagePackage, Listener,
        Mount, OsRelease, Package, Process, ShadowEntry, SocketConnection, User,
    },
    pod::PodFacts,
    request::Section,
};

/// What an agent found inside a target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Inventory {
    /// Which agent answered, and how.
    pub agent: AgentInfo,
    /// Who the agent ran as inside the target.
    pub identity: Collected<Identity>,
    /// Files that match any selector of the request; each check sees only its own selection.
    pub files: Collected<Vec<FileEntry>>,
    /// Whether every selected file is in `files`, so that at most contents are missing: a check that needs no contents has
    /// seen everything.
    pub files_listed: bool,
    /// Accounts of `/etc/passwd`.
    pub users: Collected<Vec<User>>,
    /// Groups of `/etc/group`.
    pub groups: Collected<Vec<Group>>,
    /// Password states of `/etc/shadow`; hashes never leave the target.
    pub shadow: Collected<Vec<ShadowEntry>>,
    /// Processes in the target's process namespace.
    pub processes: Collected<Vec<Process>>,
    /// Listening TCP and bound UDP sockets of the target's network namespace.
    pub listeners: Collected<Vec<Listener>>,
    /// Established connections of the target's network namespace.
    pub connections: Collected<Vec<SocketConnection>>,
    /// Mounts in the target's mount namespace.
    pub mounts: Collected<Vec<Mount>>,
    /// Environment of the target: names and shapes, never values. A probe reads that of the target's main process, a collector
    /// that of a new process of the container.
    pub env: Collected<Vec<EnvVar>>,
    /// Environment of the container's first process, in the answer of a collector until
    /// [`Inventory::join_process_env`] adds it to `env`.
    #[serde(skip_serializing_if = "Collected::is_not_requested")]
    pub process_env: Collected<Vec<EnvVar>>,
    /// Which of the requested commands exist on the standard paths.
    pub commands: Collected<Vec<CommandEntry>>,
    /// Installed packages of dpkg, apk and rpm databases.
    pub packages: Collected<Vec<Package>>,
    /// Packages of npm, Python, Ruby and Java that name themselves in the filesystem.
    pub language_packages: Collected<Vec<LanguagePackage>>,
    /// `/etc/os-release`.
    pub os: Collected<OsRelease>,
    /// Kernel security state as the target sees it.
    pub kernel: Collected<KernelFacts>,
    /// What the cluster says about the pod and container; not collected by an agent.
    pub pod: Collected<PodFacts>,
    /// What changed while the agent looked; no check reads it.
    pub changes: Collected<Changes>,
    /// What was read from the target's image, where the scan reads there what the target does not show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_image: Option<FromImage>,
}

/// Which agent answered a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct AgentInfo {
    /// `collector-sh` or `probe`.
    pub name: String,
    /// Version of the wire protocol that it spoke.
    pub protocol: u32,
    /// Bytes that it sent.
    pub bytes: u64,
    /// Frames that it sent.
    pub frames: u64,
    /// Whether each frame carried a digest that was checked.
    pub digests: bool,
}

impl Inventory {
    /// How completely each section was collected; for `env` also what could not be read of the first process's.
    pub fn coverage(&self) -> BTreeMap<Section, Coverage> {
        let of = |section: &Section| match section {
            Section::Env => self.with_unread_process_env().coverage(),
            other => self.section_coverage(*other),
        };
        Section::ALL.iter().map(|s| (*s, of(s))).collect()
    }

    /// How completely one section was collected.
    pub fn section_coverage(&self, section: Section) -> Coverage {
        match section {
            Section::Identity => self.identity.coverage(),
            Section::Files => self.files.coverage(),
            Section::Users => self.users.coverage(),
            Section::Groups => self.groups.coverage(),
            Section::Shadow => self.shadow.coverage(),
            Section::Processes => self.processes.coverage(),
            Section::Listeners => self.listeners.coverage(),
            Section::Connections => self.connections.coverage(),
            Section::Mounts => self.mounts.coverage(),
            Section::Env => self.env.coverage(),
            Section::Commands => self.commands.coverage(),
            Section::Packages => self.packages.coverage(),
            Section::LanguagePackages => self.language_packages.coverage(),
            Section::Os => self.os.coverage(),
            Section::Kernel => self.kernel.coverage(),
            Section::Pod => self.pod.coverage(),
        }
    }
}
