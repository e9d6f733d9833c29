//! What to collect: the one request that a profile is compiled to.

mod glob;
mod overlap;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    model::{FileEntry, FileKind},
    path::FilePath,
};

/// A part of an inventory; its name is the CEL variable that checks use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// Who the agent runs as.
    Identity,
    /// Files that match selectors.
    Files,
    /// `/etc/passwd`.
    Users,
    /// `/etc/group`.
    Groups,
    /// `/etc/shadow`, states only.
    Shadow,
    /// Processes.
    Processes,
    /// Listening sockets.
    Listeners,
    /// Established connections.
    Connections,
    /// Mounts.
    Mounts,
    /// Environment names and shapes.
    Env,
    /// Commands that exist.
    Commands,
    /// Installed packages.
    Packages,
    /// Packages of languages.
    LanguagePackages,
    /// `/etc/os-release`.
    Os,
    /// Kernel security state.
    Kernel,
    /// Facts from the pod's specification and status.
    Pod,
}

impl Section {
    /// Every section, in report order.
    pub const ALL: [Self; 16] = [
        Self::Identity,
        Self::Files,
        Self::Users,
        Self::Groups,
        Self::Shadow,
        Self::Processes,
        Self::Listeners,
        Self::Connections,
        Self::Mounts,
        Self::Env,
        Self::Commands,
        Self::Packages,
        Self::LanguagePackages,
        Self::Os,
        Self::Kernel,
        Self::Pod,
    ];

    /// Sections that a filesystem without processes does not have.
    pub const OF_PROCESSES: [Self; 7] = [
        Self::Identity,
        Self::Processes,
        Self::Listeners,
        Self::Connections,
        Self::Mounts,
        Self::Env,
        Self::Kernel,
    ];

    /// The CEL variable and wire name of this section.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Files => "files",
            Self::Users => "users",
            Self::Groups => "groups",
            Self::Shadow => "shadow",
            Self::Processes => "processes",
            Self::Listeners => "listeners",
            Self::Connections => "connections",
            Self::Mounts => "mounts",
            Self::Env => "env",
            Self::Commands => "commands",
            Self::Packages => "packages",
            Self::LanguagePackages => "language_packages",
            Self::Os => "os",
            Self::Kernel => "kernel",
            Self::Pod => "pod",
        }
    }

    /// The section of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }
}

impl std::fmt::Display for Section {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Which files a check wants to see. All conditions that are given must hold.
///
/// Two forms: `paths` names files one by one (each is looked at, links are followed only with `follow`, and its
/// absence is data too); otherwise each of `under` is walked, with what is mounted below it, but for what the
/// kernel makes up, such as `/proc`. One that is a link to a directory is walked under its own name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a key of a profile, and any of them may be set"
)]
pub struct FileSelector {
    /// Absolute paths to look at by name, each taken literally.
    pub paths: Vec<String>,
    /// Absolute directories below which to look; `["/"]` when empty and `paths` is empty too.
    pub under: Vec<String>,
    /// Kinds to keep; all when empty.
    pub kind: Vec<FileKind>,
    /// Permission bits (octal, such as `"6000"`) of which at least one must be set.
    pub mode_any: Option<String>,
    /// Permission bits (octal, such as `"1000"`) of which none may be set.
    pub mode_none: Option<String>,
    /// Base names to keep, with `*` and `?`; all when empty.
    pub name: Vec<String>,
    /// Whether SHA-256 digests of regular files, and targets of symbolic links, are wanted too.
    pub digest: bool,
    /// Whether capabilities of regular files are wanted too. Only a probe reads them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub capabilities: bool,
    /// Whether the times at which their contents were last written are wanted too. No check reads them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub times: bool,
    /// Whether a named path that is a link is followed, within the root. A link that leads nowhere counts as absent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub follow: bool,
}

/// Largest file in bytes of which an agent takes a digest. Larger ones get none.
pub const MAX_DIGEST: u64 = 1 << 30;

impl FileSelector {
    /// Whether `entry` is in this selection. This is exact; an agent may search more broadly.
    pub fn matches(&self, entry: &FileEntry) -> bool {
        let by_place = if self.walks() {
            // A walk never finds a file that another selection named and that does not exist.
            entry.exists
                && !entry.followed
                && (self.under.is_empty()
                    || self
                        .under
                        .iter()
                        .any(|dir| entry.path.is_below_literal(dir)))
        } else {
            // A path that is not a link leads to itself.
            let asked = if self.follow {
                entry.followed || entry.kind != FileKind::Symlink
            } else {
                !entry.followed
            };
            asked && self.paths.iter().any(|path| entry.path == *path)
        };
        by_place
            && (self.kind.is_empty() || self.kind.contains(&entry.kind))
            && self
                .mode_bits_any()
                .is_none_or(|bits| entry.mode & i64::from(bits) != 0)
            && self
                .mode_bits_none()
                .is_none_or(|bits| entry.mode & i64::from(bits) == 0)
            && (self.name.is_empty() || self.keeps_name(&entry.path))
    }

    /// Whether a walk of this selection may reach `path`, whatever is there.
    pub(crate) fn may_walk_by(&self, path: &FilePath) -> bool {
        let below = |dir: &String| path.is_below_literal(dir);
        self.walks()
            && (self.under.is_empty() || self.under.iter().any(below))
            && (self.name.is_empty() || self.keeps_name(path))
    }

    fn keeps_name(&self, path: &FilePath) -> bool {
        let bytes = path.to_bytes();
        let name = bytes
            .rsplit(|byte| *byte == b'/')
            .next()
            .unwrap_or_default();
        self.name.iter().any(|glob| glob::matches(glob, name))
    }

    /// Whether this selection asks for contents of `entry` that `entry` does not have.
    pub fn misses(&self, entry: &FileEntry) -> bool {
        let is_missing = match entry.kind {
            FileKind::File => {
                (self.digest && entry.digest.is_empty())
                    || (self.capabilities && !entry.capabilities_known)
            }
            FileKind::Symlink => self.digest && entry.link.is_empty(),
            _ => false,
        };
        entry.exists && is_missing && self.matches(entry)
    }

    /// [`FileSelector::mode_any`] as bits; `None` when absent or not octal.
    pub fn mode_bits_any(&self) -> Option<u32> {
        parse_octal(self.mode_any.as_deref())
    }

    /// [`FileSelector::mode_none`] as bits; `None` when absent or not octal.
    pub fn mode_bits_none(&self) -> Option<u32> {
        parse_octal(self.mode_none.as_deref())
    }

    /// Whether the root filesystem is walked, rather than paths looked at by name.
    pub fn walks(&self) -> bool {
        self.paths.is_empty()
    }
}

/// Everything that an agent is asked to collect.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct InventoryRequest {
    /// Sections that at least one check reads.
    pub sections: BTreeSet<Section>,
    /// Selections of files; the agent answers their union.
    pub files: Vec<FileSelector>,
    /// Names of commands to look for on the standard paths.
    pub commands: BTreeSet<String>,
    /// Whether the agent compares the target at its end with the target at its start.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub changes: bool,
    /// Whether the package that owns each file is wanted. Only a probe reports it, and no check reads it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub owners: bool,
    /// Whether walks stay on the filesystem where they start, for a comparison with another filesystem: mounts below are
    /// then not a gap.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub one_filesystem: bool,
}

impl InventoryRequest {
    /// Adds everything that `other` asks for.
    pub fn merge(&mut self, other: &Self) {
        let stays = |request: &Self| request.one_filesystem || !request.walks();
        self.one_filesystem = stays(self) && stays(other);
        self.sections.extend(other.sections.iter().copied());
        for selector in &other.files {
            if !self.files.contains(selector) {
                self.files.push(selector.clone());
            }
        }
        self.commands.extend(other.commands.iter().cloned());
        self.changes |= other.changes;
        self.owners |= other.owners;
    }

    fn walks(&self) -> bool {
        self.files.iter().any(FileSelector::walks)
    }

    /// Sections in the order in which an agent answers them: files are last, so that a reader need not keep them.
    pub fn answered(&self) -> impl Iterator<Item = Section> + '_ {
        let others = self.sections.iter().copied();
        let others = others.filter(|section| !matches!(section, Section::Files | Section::Pod));
        others.chain(
            self.sections
                .contains(&Section::Files)
                .then_some(Section::Files),
        )
    }

    /// The same request for a running target: the agent also reports what changed meanwhile.
    #[must_use]
    pub fn comparing(&self) -> Self {
        Self {
            changes: true,
            ..self.clone()
        }
    }
}

fn parse_octal(text: Option<&str>) -> Option<u32> {
    u32::from_str_radix(text?, 8).ok()
}

#[cfg(test)]
mod tests;
