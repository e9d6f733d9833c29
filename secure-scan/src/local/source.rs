//! Where a local scan reads.

use std::{fs, io, path::PathBuf};

use scanner_probe::{Root, Subject, Tree, archive, inside::Process, layers::Layers};

/// Where the agent reads.
#[derive(Debug)]
pub(super) enum Source {
    /// A directory.
    Directory(PathBuf),
    /// A process.
    Process(u32),
    /// An image in a file.
    Archive(PathBuf),
}

/// A source that was opened.
pub(super) enum Opened {
    Root {
        root: Root,
        process: Option<Process>,
        cgroup: String,
    },
    Image(Box<Layers>),
}

impl Source {
    /// Opens it; `digests` says whether the digests of files will be asked for.
    pub(super) fn open(self, digests: bool) -> io::Result<Opened> {
        let (path, process, cgroup) = match self {
            Self::Archive(path) => {
                return Ok(Opened::Image(Box::new(archive::open(&path, digests)?)));
            }
            Self::Directory(path) => (path, None, String::new()),
            Self::Process(pid) => {
                let path = PathBuf::from(format!("/proc/{pid}/root"));
                (path, Some(Process::of(pid)?), cgroup(pid)?)
            }
        };
        Ok(Opened::Root {
            root: Root::open(&path)?,
            process,
            cgroup,
        })
    }
}

impl Opened {
    pub(super) fn image_digest(&self) -> Option<&str> {
        match self {
            Self::Image(layers) => layers.manifest_digest(),
            Self::Root { .. } => None,
        }
    }

    pub(super) fn has_processes(&self) -> bool {
        let process = |process: &Option<Process>| process.is_some();
        matches!(self, Self::Root { process: found, .. } if process(found))
    }

    pub(super) fn subject(self) -> Subject {
        let (root, process, container): (Box<dyn Tree>, _, _) = match self {
            Self::Image(layers) => (layers, None, String::new()),
            Self::Root {
                root,
                process,
                cgroup,
            } => (Box::new(root), process, cgroup),
        };
        Subject {
            root,
            process,
            container,
        }
    }
}

/// The cgroups of a process, which its neighbours in a container share. Without them, every process of this machine would
/// count as a neighbour.
fn cgroup(pid: u32) -> io::Result<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
    match text.trim() {
        "" => Err(io::Error::other("the kernel names no cgroup of it")),
        text => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_without_a_cgroup_stands_for_no_others() {
        assert!(cgroup(u32::MAX).is_err());
        assert!(!cgroup(std::process::id()).unwrap().is_empty());
    }
}
