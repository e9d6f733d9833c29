//! The strategy of local scans: the probe's own reading, in a thread of this process.

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use scanner_core::{
    AccessError, EnforcedControls, FailureKind, OpenContext, Remedy, ScanStrategy, StrategyError,
    TargetAccess,
    inventory::{Inventory, InventoryRequest, Section, parse},
};
use scanner_probe::{Root, Subject, Tree, answer, archive, layers::Layers};

use crate::host::in_thread;

/// Longest answer in bytes. In a cluster it is a sixteenth of this: there it goes through the API server.
const MAX_ANSWER: usize = 256 << 20;

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

    fn subject(self) -> Subject {
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
        Ok(Box::new(Reader {
            opened: Some(opened),
            limit: self.limit,
        }))
    }
}

struct Reader {
    opened: Option<Opened>,
    limit: Duration,
}

#[async_trait]
impl TargetAccess for Reader {
    async fn inventory(&mut self, request: &InventoryRequest) -> Result<Inventory, AccessError> {
        let opened = self.opened.take().ok_or_else(|| {
            AccessError::new(FailureKind::Internal, "what is scanned was read before")
        })?;
        let asked = request.clone();
        let read = in_thread("read", move || read(opened, &asked));
        let read = read.map_err(|error| {
            AccessError::new(FailureKind::Internal, "cannot start a thread").with_source(error)
        })?;
        match tokio::time::timeout(self.limit, read).await {
            Ok(Ok(inventory)) => inventory,
            Ok(Err(_)) => Err(AccessError::new(
                FailureKind::Internal,
                "the reader panicked",
            )),
            Err(_) => {
                let seconds = self.limit.as_secs();
                let message = format!("the scan took longer than {seconds} s and was given up");
                Err(AccessError::new(FailureKind::TooLate, message).with_remedy(longer()))
            }
        }
    }

    async fn close(self: Box<Self>) {}
}

/// What to do where the time was too short.
pub(super) fn longer() -> Remedy {
    Remedy::advice("name a smaller directory or a profile that looks at less, or give it longer")
}

fn read(opened: Opened, request: &InventoryRequest) -> Result<Inventory, AccessError> {
    let mut bytes = Capped(Vec::new());
    answer(&opened.subject(), request, "local", &mut bytes).map_err(|error| {
        let kind = match error.kind() {
            io::ErrorKind::FileTooLarge => FailureKind::TooLong,
            _ => FailureKind::CommandFailed,
        };
        AccessError::new(kind, "cannot read what is scanned").with_source(error)
    })?;
    parse::inventory(scanner_probe::NAME, &bytes.0, "local", request).map_err(|error| {
        AccessError::new(FailureKind::AnswerUnusable, "cannot read what is scanned")
            .with_source(error)
    })
}

/// An answer in memory, which what is scanned may not make as long as it likes.
struct Capped(Vec<u8>);

impl Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_ANSWER {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!(
                    "what the engines ask for is longer than {} MiB",
                    MAX_ANSWER >> 20
                ),
            ));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
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
    fn an_answer_is_bounded() {
        let mut answer = Capped(vec![0; MAX_ANSWER - 1]);
        assert!(answer.write_all(b"x").is_ok());
        let error = answer.write_all(b"x").unwrap_err();
        assert!(error.to_string().contains("256 MiB"), "{error}");
    }

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
