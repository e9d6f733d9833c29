//! The strategy of local scans: the probe's own reading, in a thread of this process.

use std::{
    fs, io,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use scanner_core::{
    EnforcedControls, FailureKind, OpenContext, ScanStrategy, StrategyError, TargetAccess,
    inventory::Section,
};
use scanner_probe::{Root, Subject, Tree, archive, layers::Layers};

use super::reader::Reader;

/// What a directory or an image has none of.
const ABSENT: [Section; 1 + Section::OF_PROCESSES.len()] = {
    let mut all = [Section::Pod; 1 + Section::OF_PROCESSES.len()];
    let mut index = 0;
    while index < Section::OF_PROCESSES.len() {
        all[index + 1] = Section::OF_PROCESSES[index];
        index += 1;
    }
    all
};

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

/// The same once it was opened.
pub(super) enum Opened {
    Root {
        root: Root,
        process: Option<u32>,
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
                (path, Some(pid), cgroup(pid)?)
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

    fn has_processes(&self) -> bool {
        let process = |process: &Option<u32>| process.is_some();
        matches!(self, Self::Root { process: found, .. } if process(found))
    }

    pub(super) fn subject(self) -> Subject {
        let (root, pid, container): (Box<dyn Tree>, _, _) = match self {
            Self::Image(layers) => (layers, None, String::new()),
            Self::Root {
                root,
                process,
                cgroup,
            } => (Box::new(root), process, cgroup),
        };
        Subject {
            root,
            pid,
            container,
        }
    }
}

/// Reads with the code of the probe, in this process.
pub(super) struct Agent {
    opened: Mutex<Option<Opened>>,
    has_processes: bool,
    limit: Duration,
}

impl Agent {
    pub(super) fn new(opened: Opened, limit: Duration) -> Self {
        Self {
            has_processes: opened.has_processes(),
            opened: Mutex::new(Some(opened)),
            limit,
        }
    }
}

#[async_trait]
impl ScanStrategy for Agent {
    fn name(&self) -> &'static str {
        "local"
    }

    fn trust(&self) -> &'static str {
        "read by this program itself, on this machine; no control surrounded the scan"
    }

    fn absent(&self) -> &[Section] {
        if self.has_processes {
            &ABSENT[..1]
        } else {
            &ABSENT
        }
    }

    async fn open(
        &self,
        _: &OpenContext<'_>,
        _: &EnforcedControls,
    ) -> Result<Box<dyn TargetAccess>, StrategyError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = opened.take().ok_or_else(|| {
            StrategyError::new(FailureKind::Internal, "what is scanned was opened before")
        })?;
        Ok(Box::new(Reader::new(opened, self.limit)))
    }
}

/// The cgroups of a process, which its neighbours in a container share. Without them every process of this
/// machine would be taken for one of them.
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

    #[test]
    fn a_directory_has_neither_a_pod_nor_processes_and_a_process_has_no_pod() {
        assert_eq!(ABSENT[1..], Section::OF_PROCESSES);
        let absent = |source: Source| {
            let agent = Agent::new(source.open(false).unwrap(), Duration::ZERO);
            agent.absent().to_vec()
        };
        assert_eq!(absent(Source::Directory("/".into())), ABSENT);
        let own = Source::Process(std::process::id());
        assert_eq!(absent(own), [Section::Pod]);
    }
}
