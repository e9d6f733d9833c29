//! How two filesystems differ, sorted by what a difference means.

use scanner_core::{
    escape::visible,
    inventory::{FileEntry, FileKind},
};

use super::request::is_run_by_name;
use crate::{completed::is_same, evidence::Evidence};

/// Longest path in evidence.
pub(super) const SHOWN: usize = 300;

/// What was compared, and how it differs. Paths are ready to be shown.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Differences {
    pub(super) executables_added: Evidence,
    pub(super) executables_changed: Evidence,
    pub(super) links_changed: Evidence,
    pub(super) devices_added: Evidence,
    pub(super) mounts: Evidence,
    pub(super) executables_removed: Evidence,
    pub(super) permissions: Evidence,
    pub(super) configuration: Evidence,
    pub(super) files_changed: Evidence,
    pub(super) files_added: Evidence,
    pub(super) files_removed: Evidence,
    /// What one side could not read.
    pub(super) unseen: Evidence,
    /// Files of which one side could not read the contents, and which are the same but for that.
    pub(super) blank: Evidence,
    /// What the image has where the container was not read.
    pub(super) beyond: Evidence,
    /// What the container has where the image was not read.
    pub(super) beyond_image: Evidence,
    /// Why what was not read may differ; `None` where it cannot.
    pub(super) changeable: Option<String>,
    /// What was not read and cannot differ.
    pub(super) fixed: Fixed,
    pub(super) left_out: Evidence,
    /// Programs of which one side did not read the capabilities, and which may differ in them.
    pub(super) uncompared: Evidence,
    pub(super) compared: u64,
    /// Files and links of the image that a package owns.
    pub(super) owned: u64,
    /// Regular files of which digests were compared.
    pub(super) by_digest: u64,
    /// Regular files of which sizes and times were compared.
    pub(super) by_time: u64,
}

/// What cannot differ, though it was not read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fixed {
    /// Directories and files of which something was not read.
    pub(super) places: Evidence,
    /// Known paths that were not compared.
    pub(super) paths: u64,
    /// Programs of which one side did not read the capabilities.
    pub(super) capabilities: Evidence,
}

/// Whether the kernel, a loader or an interpreter runs it: an execute bit, or the name of a shared library or a script.
fn executable(file: &FileEntry) -> bool {
    program(file) || (file.kind == FileKind::File && is_run_by_name(&file.path))
}

/// Whether the kernel or a loader runs it.
pub(super) fn program(file: &FileEntry) -> bool {
    file.kind == FileKind::File && (file.mode & 0o111 != 0 || is_library(file))
}

/// Whether it is byte code that Python wrote to load a script faster, which it does while a container runs.
fn is_byte_code(file: &FileEntry) -> bool {
    let (dir, name) = (file.path.parent(), file.path.file_name());
    let is_cached = dir.is_some_and(|dir| dir.file_name() == "__pycache__");
    let is_compiled = name.rsplit_once('.').is_some_and(|(_, end)| end == "pyc");
    is_cached && is_compiled && file.mode & 0o111 == 0
}

fn is_library(file: &FileEntry) -> bool {
    let name = file.path.file_name();
    name.split('.').skip(1).any(|part| part == "so")
}

/// Whether a link stands where programs are looked for, or has the name of a shared library.
fn command(file: &FileEntry) -> bool {
    let dir = file.path.as_text().rsplit('/').nth(1).unwrap_or_default();
    file.kind == FileKind::Symlink && (matches!(dir, "bin" | "sbin") || is_library(file))
}

/// Whether it is below the directory for configuration.
fn is_configuration(file: &FileEntry) -> bool {
    file.path.as_text().starts_with("/etc/") && file.kind != FileKind::Directory
}

/// A time of a file, which a program may set to anything.
fn time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(
        |_| format!("{seconds} s after 1970"),
        |time| time.to_string(),
    )
}

fn is_device(file: &FileEntry) -> bool {
    matches!(file.kind, FileKind::BlockDevice | FileKind::CharDevice)
}

/// Whether a program gives whoever runs it another user or group than in the image, or gives it to more users than in the
/// image.
const fn runs_as_another(was: &FileEntry, is: &FileEntry) -> bool {
    let sets = is.mode & 0o6000;
    let (gained, runs) = (is.mode & !was.mode, 0o6111);
    let is_owned_anew = was.uid != is.uid || was.gid != is.gid;
    matches!(is.kind, FileKind::File) && sets != 0 && (gained & runs != 0 || is_owned_anew)
}

/// Whether a file has only capabilities that it has in the image, each in the same sets and for the same root.
fn gives_no_more(was: &FileEntry, is: &FileEntry) -> bool {
    let of_root = |file: &FileEntry| {
        let mut parts = file.capability_sets.split(' ');
        parts.find(|part| part.starts_with('[')).map(str::to_owned)
    };
    let mut sets = is.capability_sets.split(' ');
    is.capabilities.iter().all(|c| was.capabilities.contains(c))
        && (is.capabilities.is_empty()
            || (of_root(was) == of_root(is)
                && sets.all(|one| was.capability_sets.split(' ').any(|other| other == one))))
}

fn described(file: &FileEntry) -> String {
    let path = visible(file.path.as_text(), SHOWN);
    match file.kind {
        FileKind::Symlink => format!("{path} -> {}", visible(file.link.as_text(), SHOWN)),
        FileKind::Directory => format!("{path}/"),
        _ => format!(
            "{path} (mode {:o}, {}:{}, {} bytes)",
            file.mode, file.uid, file.gid, file.size
        ),
    }
}

/// The package that owns a file of the image, as the end of a line.
fn of_package(was: &FileEntry) -> String {
    match was.package.as_str() {
        "" => String::new(),
        name => format!("; of package {}", visible(name, 80)),
    }
}

/// The line for a file of one side whose place was not read on the side called `other`.
pub(super) fn not_compared(file: &FileEntry, other: &str) -> String {
    let (path, package) = (visible(file.path.as_text(), SHOWN), of_package(file));
    format!("{path}: not compared, since the {other} was not read there{package}")
}

impl Differences {
    pub(super) fn added(&mut self, file: &FileEntry) {
        let runs = executable(file) && !is_byte_code(file);
        let list = if runs || command(file) {
            &mut self.executables_added
        } else if is_device(file) {
            &mut self.devices_added
        } else if is_configuration(file) {
            return self
                .configuration
                .insert(format!("{}: added", described(file)));
        } else {
            &mut self.files_added
        };
        list.insert(described(file));
    }

    pub(super) fn removed(&mut self, file: &FileEntry) {
        let package = of_package(file);
        let list = if executable(file) || command(file) {
            &mut self.executables_removed
        } else if is_configuration(file) {
            return self
                .configuration
                .insert(format!("{}: removed{package}", described(file)));
        } else {
            &mut self.files_removed
        };
        list.insert(format!("{}{package}", described(file)));
    }

    /// Number of all differences.
    pub(super) fn found(&self) -> u64 {
        let all = [
            &self.executables_added,
            &self.executables_changed,
            &self.links_changed,
            &self.devices_added,
            &self.mounts,
            &self.executables_removed,
            &self.permissions,
            &self.configuration,
            &self.files_changed,
            &self.files_added,
            &self.files_removed,
        ];
        all.iter().map(|list| list.total()).sum()
    }

    /// Compares two files of one path. `digested` says whether their digests were asked for.
    pub(super) fn changed(&mut self, was: &FileEntry, is: &FileEntry, digested: bool) {
        let (path, package) = (visible(is.path.as_text(), SHOWN), of_package(was));
        if was.kind != is.kind {
            let text = format!("{path}: was {:?}, is {}{package}", was.kind, described(is));
            if is_device(is) {
                self.devices_added.insert(text);
            } else if executable(was) || executable(is) || command(was) || command(is) {
                self.executables_changed.insert(text);
            } else {
                self.links_changed.insert(text);
            }
            return;
        }
        match is.kind {
            FileKind::File => self.contents_of(was, is, digested),
            FileKind::Symlink if was.link != is.link => {
                let (now, then) = (
                    visible(is.link.as_text(), SHOWN),
                    visible(was.link.as_text(), SHOWN),
                );
                let text = format!("{path}: leads to {now}, to {then} in the image{package}");
                if command(is) {
                    self.executables_changed.insert(text);
                } else {
                    self.links_changed.insert(text);
                }
            }
            FileKind::BlockDevice | FileKind::CharDevice => self.device(was, is),
            _ => {}
        }
        if is.kind == FileKind::Symlink {
            return;
        }
        self.capabilities(was, is);
        if (was.mode, was.uid, was.gid) != (is.mode, is.uid, is.gid) {
            let text = format!(
                "{path}: mode {:o} {}:{}, {:o} {}:{} in the image{package}",
                is.mode, is.uid, is.gid, was.mode, was.uid, was.gid
            );
            let gained = is.mode & !was.mode;
            if is.kind == FileKind::File && gained & 0o111 != 0 && !program(was) {
                self.executables_added.insert(text);
            } else if runs_as_another(was, is) {
                self.executables_changed.insert(text);
            } else {
                self.permissions.insert(text);
            }
        }
    }

    /// File capabilities can change without the contents or the mode.
    fn capabilities(&mut self, was: &FileEntry, is: &FileEntry) {
        let is_blind = !(was.capabilities_known && is.capabilities_known);
        if is_blind && (program(was) || program(is)) {
            self.uncompared.insert(visible(is.path.as_text(), SHOWN));
        }
        let same =
            (&was.capabilities, &was.capability_sets) == (&is.capabilities, &is.capability_sets);
        if is_blind || same {
            return;
        }
        let names = |file: &FileEntry| match file.capabilities.as_slice() {
            [] => "none".to_owned(),
            all if file.capability_sets.is_empty() => visible(&all.join(" "), SHOWN),
            _ => visible(&file.capability_sets, SHOWN),
        };
        let path = visible(is.path.as_text(), SHOWN);
        let text = format!(
            "{path}: capabilities {}, {} in the image{}",
            names(is),
            names(was),
            of_package(was)
        );
        if gives_no_more(was, is) {
            self.permissions.insert(text);
        } else {
            self.executables_changed.insert(text);
        }
    }

    /// Which device it is: the name and the mode may be those of the image.
    fn device(&mut self, was: &FileEntry, is: &FileEntry) {
        let (path, package) = (visible(is.path.as_text(), SHOWN), of_package(was));
        if was.device.is_empty() || is.device.is_empty() {
            self.unseen
                .insert(format!("which device {path} is{package}"));
        } else if was.device != is.device {
            let (now, then) = (&is.device, &was.device);
            let text = format!("{path}: device {now}, {then} in the image{package}");
            self.devices_added.insert(text);
        }
    }

    fn contents_of(&mut self, was: &FileEntry, is: &FileEntry, digested: bool) {
        let (path, package) = (visible(is.path.as_text(), SHOWN), of_package(was));
        let text = if was.size != is.size {
            format!("{path}: {} bytes, {} in the image", is.size, was.size)
        } else if !was.digest.is_empty() && !is.digest.is_empty() {
            self.by_digest += 1;
            if was.digest == is.digest {
                return;
            }
            format!("{path}: sha256 {}, {} in the image", is.digest, was.digest)
        } else if let (false, Some(then), Some(now)) = (digested, was.modified, is.modified) {
            self.by_time += 1;
            if then == now {
                return;
            }
            let (now, then) = (time(now), time(then));
            format!("{path}: written {now}, {then} in the image")
        } else {
            let list = if is_same(was, is) {
                &mut self.blank
            } else {
                &mut self.unseen
            };
            list.insert(format!("contents of {path}{package}"));
            return;
        };
        let text = text + &package;
        if executable(was) || executable(is) {
            self.executables_changed.insert(text);
        } else if is_configuration(is) {
            self.configuration.insert(text);
        } else {
            self.files_changed.insert(text);
        }
    }
}
