//! How two filesystems differ, sorted by what a difference means.

use scanner_core::{
    escape::visible,
    inventory::{FileEntry, FileKind},
};

/// Longest path in evidence.
pub(super) const SHOWN: usize = 300;

/// What was compared, and how it differs. Paths are ready to be shown.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Differences {
    pub(super) executables_added: Vec<String>,
    pub(super) executables_changed: Vec<String>,
    pub(super) links_changed: Vec<String>,
    pub(super) devices_added: Vec<String>,
    pub(super) mounts: Vec<String>,
    pub(super) executables_removed: Vec<String>,
    pub(super) permissions: Vec<String>,
    pub(super) files_changed: Vec<String>,
    pub(super) files_added: Vec<String>,
    pub(super) files_removed: Vec<String>,
    /// What one side could not read.
    pub(super) unseen: Vec<String>,
    pub(super) left_out: Vec<String>,
    /// Of a program, one for all: what was not compared.
    pub(super) uncompared: Option<String>,
    pub(super) compared: u64,
}

/// Whether the kernel or a loader runs it: an execute bit, or the name of a shared library.
pub(super) fn executable(file: &FileEntry) -> bool {
    let name = file.path.file_name();
    let library = name.split('.').skip(1).any(|part| part == "so");
    file.kind == FileKind::File && (file.mode & 0o111 != 0 || library)
}

/// Whether a link stands where programs are looked for.
fn command(file: &FileEntry) -> bool {
    let dir = file.path.as_text().rsplit('/').nth(1).unwrap_or_default();
    file.kind == FileKind::Symlink && matches!(dir, "bin" | "sbin")
}

fn is_device(file: &FileEntry) -> bool {
    matches!(file.kind, FileKind::BlockDevice | FileKind::CharDevice)
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

impl Differences {
    pub(super) fn added(&mut self, file: &FileEntry) {
        let list = if executable(file) || command(file) {
            &mut self.executables_added
        } else if is_device(file) {
            &mut self.devices_added
        } else {
            &mut self.files_added
        };
        list.push(described(file));
    }

    pub(super) fn ambiguous(&mut self, path: &str, was: usize, is: usize) {
        self.files_changed.push(format!(
            "{}: {is} files of which only {was} were in the image, with names that look the same",
            visible(path, SHOWN)
        ));
    }

    pub(super) fn removed(&mut self, file: &FileEntry) {
        let list = if executable(file) || command(file) {
            &mut self.executables_removed
        } else {
            &mut self.files_removed
        };
        list.push(described(file));
    }

    pub(super) fn changed(&mut self, was: &FileEntry, is: &FileEntry) {
        let path = visible(is.path.as_text(), SHOWN);
        if was.kind != is.kind {
            let text = format!("{path}: was {:?}, is {}", was.kind, described(is));
            if is_device(is) {
                self.devices_added.push(text);
            } else if executable(was) || executable(is) || command(was) || command(is) {
                self.executables_changed.push(text);
            } else {
                self.links_changed.push(text);
            }
            return;
        }
        let runs = executable(was) || executable(is);
        match is.kind {
            FileKind::File if was.size != is.size => {
                let text = format!("{path}: {} bytes, {} in the image", is.size, was.size);
                self.contents(runs, text);
            }
            FileKind::File if was.digest.is_empty() || is.digest.is_empty() => {
                self.unseen.push(format!("contents of {path}"));
            }
            FileKind::File if was.digest != is.digest => {
                let text = format!("{path}: sha256 {}, {} in the image", is.digest, was.digest);
                self.contents(runs, text);
            }
            FileKind::Symlink if was.link != is.link => {
                let (now, then) = (
                    visible(is.link.as_text(), SHOWN),
                    visible(was.link.as_text(), SHOWN),
                );
                let text = format!("{path}: leads to {now}, to {then} in the image");
                if command(is) {
                    self.executables_changed.push(text);
                } else {
                    self.links_changed.push(text);
                }
            }
            _ => {}
        }
        if is.kind == FileKind::Symlink {
            return;
        }
        self.capabilities(was, is);
        if (was.mode, was.uid, was.gid) != (is.mode, is.uid, is.gid) {
            let text = format!(
                "{path}: mode {:o} {}:{}, {:o} {}:{} in the image",
                is.mode, is.uid, is.gid, was.mode, was.uid, was.gid
            );
            let gained = is.mode & !was.mode;
            if is.kind == FileKind::File && gained & 0o111 != 0 && !executable(was) {
                self.executables_added.push(text);
            } else if is.kind == FileKind::File && gained & 0o6000 != 0 {
                self.executables_changed.push(text);
            } else {
                self.permissions.push(text);
            }
        }
    }

    /// What a file may do when it is executed is no part of its contents, and needs no other mode.
    fn capabilities(&mut self, was: &FileEntry, is: &FileEntry) {
        if !(was.capabilities_known && is.capabilities_known) || was.capabilities == is.capabilities
        {
            return;
        }
        let names = |file: &FileEntry| match file.capabilities.as_slice() {
            [] => "none".to_owned(),
            some => visible(&some.join(" "), SHOWN),
        };
        let path = visible(is.path.as_text(), SHOWN);
        let text = format!(
            "{path}: capabilities {}, {} in the image",
            names(is),
            names(was)
        );
        if is.capabilities.iter().all(|c| was.capabilities.contains(c)) {
            self.permissions.push(text);
        } else {
            self.executables_changed.push(text);
        }
    }

    fn contents(&mut self, runs: bool, text: String) {
        if runs {
            self.executables_changed.push(text);
        } else {
            self.files_changed.push(text);
        }
    }
}
