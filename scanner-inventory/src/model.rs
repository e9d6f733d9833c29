//! The data of each inventory section, as checks see it.
//!
//! Numbers are `i64`, since that is CEL's integer and a comparison with a literal must just work. Everything that names a
//! file is a [`FilePath`], whose text is unique to its path: paths of files and packages, targets of links and mounts,
//! homes and login shells. Names of accounts, processes and packages are text, in which a byte that is not UTF-8 is U+FFFD.

use serde::{Deserialize, Serialize};

use crate::path::FilePath;

/// What kind of file an entry is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// Regular file.
    #[default]
    File,
    /// Directory.
    Directory,
    /// Symbolic link.
    Symlink,
    /// Block device.
    BlockDevice,
    /// Character device.
    CharDevice,
    /// Named pipe.
    Fifo,
    /// Socket.
    Socket,
}

/// One file of the target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FileEntry {
    /// Absolute path.
    pub path: FilePath,
    /// False for a path that was asked for by name and is not there.
    pub exists: bool,
    /// Kind of file.
    pub kind: FileKind,
    /// Permission bits, setuid, setgid and sticky included (`0o7777`).
    pub mode: i64,
    /// Owner.
    pub uid: i64,
    /// Group.
    pub gid: i64,
    /// Size in bytes.
    pub size: i64,
    /// When its contents were last written, in seconds since 1970, as whoever owns it says: it can be set, see utime(2). Only
    /// where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified: Option<i64>,
    /// Which device a block or character device stands for, as `MAJOR:MINOR`; empty where it is not known, and where times were
    /// not asked for. No check reads it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub device: String,
    /// SHA-256 of a regular file in hexadecimal; empty when it was not asked for or not available.
    pub digest: String,
    /// What a symbolic link leads to, as written in it; asked for together with the digest.
    pub link: FilePath,
    /// Names of the capabilities that executing a regular file can give, permitted and inheritable, see
    /// capabilities(7); asked for with `capabilities: true`.
    pub capabilities: Vec<String>,
    /// The same as getcap(8) writes them, each by itself: which are permitted (`p`), inheritable (`i`) and effective (`e`), as
    /// `CAP_NET_RAW=ep`, and after them `[rootid=N]` where they hold in a user namespace with that root. No check reads it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub capability_sets: String,
    /// Whether the agent looked at the file's capabilities: without it, none are known.
    pub capabilities_known: bool,
    /// Name of the package that owns it, by the lists of the package managers; empty where none does, and where it was not
    /// asked for. No check reads it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub package: String,
    /// Whether `path` is a link and all other fields describe the file to which it leads.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub followed: bool,
}

impl FileEntry {
    /// About how many bytes it takes in memory: the target decides how long its paths are.
    pub fn weight(&self) -> usize {
        let names: usize = self.capabilities.iter().map(String::len).sum();
        size_of::<Self>()
            + self.path.as_text().len()
            + self.link.as_text().len()
            + self.digest.len()
            + self.package.len()
            + self.capability_sets.len()
            + names
    }
}

/// How an account's password is set, without the password or its hash.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PasswordState {
    /// No password is needed.
    Empty,
    /// No password can ever match (`!`, `*`).
    #[default]
    Locked,
    /// Kept in `/etc/shadow` (`x`).
    Shadowed,
    /// A hash is set.
    Hashed,
}

/// An account of `/etc/passwd`, see passwd(5).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct User {
    /// Login name.
    pub name: String,
    /// User id.
    pub uid: i64,
    /// Primary group id.
    pub gid: i64,
    /// Home directory.
    pub home: FilePath,
    /// The directory that `home` leads to, links followed within the target; `home` where it leads to none.
    pub real_home: FilePath,
    /// Login shell; `/bin/sh` where the account names none.
    pub shell: FilePath,
    /// State of the password field.
    pub password: PasswordState,
}

/// A group of `/etc/group`, see group(5).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Group {
    /// Name.
    pub name: String,
    /// Group id.
    pub gid: i64,
    /// Names of its members, without those whose primary group it is.
    pub members: Vec<String>,
}

/// The password state of an account in `/etc/shadow`, see shadow(5).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ShadowEntry {
    /// Login name.
    pub name: String,
    /// State of the password field.
    pub password: PasswordState,
    /// crypt(5) prefix of a hash, such as `6` (SHA-512), `1` (MD5), `des`; empty without a hash.
    pub algorithm: String,
}

/// A process with all its threads, from `/proc/PID/status`, `/proc/PID/task`, `/proc/PID/ns`, `/proc/PID/mountinfo`,
/// `/proc/PID/cwd` and `/proc/PID/root`, see proc(5). What an agent could not read is `None`, and an expression that reads it then
/// is an error, never a comparison with a made-up value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Process {
    /// Process id in the target's namespace.
    pub pid: i64,
    /// Parent process id.
    pub ppid: i64,
    /// Command name, at most 15 characters.
    pub name: String,
    /// Effective user id.
    pub uid: i64,
    /// Effective group id.
    pub gid: i64,
    /// Supplementary groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<i64>>,
    /// Whether its real, saved or filesystem ids differ from the effective ones, so that it may switch to them, or one of
    /// its threads has other ids or groups than the first one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mixed_ids: Option<bool>,
    /// Names of effective capabilities of any of its threads, such as `CAP_NET_ADMIN`.
    pub capabilities: Vec<String>,
    /// Names of permitted and inheritable capabilities: it may make them effective.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raisable: Option<Vec<String>>,
    /// Names of capabilities in the bounding set.
    pub bounding: Vec<String>,
    /// Whether `no_new_privs` is set in all its threads.
    pub no_new_privs: bool,
    /// Seccomp mode: 0 off, also where it is off in one thread alone, 1 strict, 2 filter.
    pub seccomp: i64,
    /// Inode number of its user namespace, see namespaces(7).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_namespace: Option<i64>,
    /// Inode number of its mount namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mount_namespace: Option<i64>,
    /// Whether its user or mount namespace is another one than the container's: it left the container, or entered from
    /// elsewhere, as processes of other containers do where the pod shares its process namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_namespaces: Option<bool>,
    /// Device of the filesystem that is its root, as `MAJOR:MINOR`. Not known of a process whose root is a mere directory
    /// (chroot).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_device: Option<String>,
    /// Type of that filesystem, such as `overlay`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_fstype: Option<String>,
    /// Its working directory, from which it may read what it could not reach from the root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<FilePath>,
    /// Its root directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<FilePath>,
    /// Whether those two paths lead the agent to the places of the process and of all its threads. They do not if one is
    /// below a directory that the agent may not search, was removed, or is hidden by a mount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub places_reached: Option<bool>,
}

/// The identity by which the kernel decides what an agent may read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AgentIdentity {
    /// Effective user id.
    pub uid: i64,
    /// Effective group id.
    pub gid: i64,
    /// Supplementary groups.
    pub groups: Vec<i64>,
    /// Names of effective capabilities.
    pub capabilities: Vec<String>,
}

/// Who runs inside the target: the agent itself, or the first process where the agent reads from outside.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Identity {
    /// Effective user id.
    pub uid: i64,
    /// Effective group id.
    pub gid: i64,
    /// Supplementary groups.
    pub groups: Vec<i64>,
    /// Names of effective capabilities.
    pub capabilities: Vec<String>,
    /// Names of capabilities in the bounding set.
    pub bounding: Vec<String>,
    /// Whether `no_new_privs` is set.
    pub no_new_privs: bool,
    /// Seccomp mode: 0 off, 1 strict, 2 filter.
    pub seccomp: i64,
    /// The agent's own identity, if it reports that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentIdentity>,
}

/// A listening TCP socket or a bound UDP socket, from `/proc/net`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Listener {
    /// `tcp`, `tcp6`, `udp` or `udp6`.
    pub protocol: String,
    /// Local address.
    pub address: String,
    /// Local port.
    pub port: i64,
    /// Owner.
    pub uid: i64,
    /// Whether only this pod can reach it.
    pub loopback: bool,
}

/// An established TCP connection or a connected UDP socket, from `/proc/net`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SocketConnection {
    /// `tcp`, `tcp6`, `udp` or `udp6`.
    pub protocol: String,
    /// Local address.
    pub address: String,
    /// Local port.
    pub port: i64,
    /// The other side's address; one of IPv4 is written as such, also where a socket of IPv6 has it.
    pub remote_address: String,
    /// The other side's port.
    pub remote_port: i64,
    /// Whether a TCP socket listens on the local port, so that the other side called.
    pub inbound: bool,
    /// Owner; 0 also for a connection that nobody has accepted yet.
    pub uid: i64,
    /// Whether the other side is in this pod too.
    pub loopback: bool,
}

/// A mount, from `/proc/self/mounts`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mount {
    /// Where it is mounted.
    pub target: FilePath,
    /// What is mounted.
    pub source: String,
    /// Type of filesystem.
    pub fstype: String,
    /// Mount options, such as `ro`, `nosuid`.
    pub options: Vec<String>,
}

/// An environment variable of the target, without its value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EnvVar {
    /// Name.
    pub name: String,
    /// Length of the value in bytes.
    pub length: i64,
    /// What the value looks like: `empty`, `plain`, `private_key`, `aws_key`, `jwt`,
    /// `github_token`, `slack_token`, `url_credentials`.
    pub shape: String,
}

/// A command that was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CommandEntry {
    /// Name, such as `apt-get`.
    pub name: String,
    /// Where it is.
    pub path: FilePath,
}

/// An installed package.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Package {
    /// Name.
    pub name: String,
    /// Version as its manager writes it; of rpm `EPOCH:VERSION-RELEASE`, without an epoch if none is set.
    pub version: String,
    /// Architecture; empty when the database does not say.
    pub arch: String,
    /// `dpkg`, `apk` or `rpm`.
    pub manager: String,
    /// Name of the source package that it was built from; empty when the database does not say, as dpkg's where both have
    /// one name.
    pub source: String,
    /// Version of the source package; empty when it is that of the package. Of rpm `VERSION-RELEASE`.
    pub source_version: String,
}

/// A package of a language, which no package manager of the distribution knows of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct LanguagePackage {
    /// Ecosystem: `npm`, `pypi`, `gem`, `maven`, or `jar` for an archive of Java that does not say its Maven coordinates.
    pub ecosystem: String,
    /// Name; of Maven `GROUP:ARTIFACT`.
    pub name: String,
    /// Version; of a gem that was built for a platform with it, as `1.15.4-x86_64-linux`. Empty when unknown.
    pub version: String,
    /// Licence as the package writes it; empty if it does not say, or if agents do not read it.
    pub license: String,
    /// The file that says so; `!/` leads into an archive.
    pub path: FilePath,
}

/// Fields of `/etc/os-release`, see os-release(5).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct OsRelease {
    /// `ID`.
    pub id: String,
    /// `VERSION_ID`.
    pub version: String,
    /// `PRETTY_NAME`.
    pub name: String,
}

/// Kernel security state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KernelFacts {
    /// Kernel release.
    pub release: String,
    /// `/proc/1/attr/current`, such as an AppArmor profile; empty where there is no LSM.
    pub lsm_label: String,
    /// Whether `/proc/sys/kernel/core_pattern` can be written (a way out of the container).
    pub proc_sys_writable: bool,
}
