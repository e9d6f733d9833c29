//! A strategy: a directory that a shell reads in a child process, such as an exported copy of a container's filesystem.
//!
//! The script of the shell collector and the parser of its answer come with `secure-scan-core`.

mod request;
mod shell;

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use scanner_core::{
    AccessError, EnforcedControls, FailureKind, OpenContext, Remedy, ScanStrategy, StrategyError,
    TargetAccess,
    inventory::{
        InventoryRequest, Section, parse,
        sink::{InventorySink, deliver},
    },
};

use shell::Shell;

/// Name of the agent in reports.
const AGENT: &str = "acme-directory";
/// What a directory does not have.
const ABSENT: [Section; 8] = [
    Section::Identity,
    Section::Processes,
    Section::Listeners,
    Section::Connections,
    Section::Mounts,
    Section::Env,
    Section::Kernel,
    Section::Pod,
];

/// Reads the files of a directory as if it were a root filesystem. No link in it is followed.
///
/// Files alone are read: checks of accounts or packages are errors, which never count as passed.
#[derive(Debug, Clone)]
pub struct Directory {
    root: PathBuf,
}

impl Directory {
    /// Reads that directory, with the tools of this machine.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The path without links, as the tools will print it; empty for `/`.
    fn prefix(&self) -> Result<String, StrategyError> {
        let unusable = |why: &str| {
            let message = format!("{} {why}", self.root.display());
            StrategyError::new(FailureKind::NotStarted, message)
                .with_remedy(Remedy::advice("name a directory that this user may read"))
        };
        let root = self.root.canonicalize();
        let root = root.map_err(|error| unusable("is not there").with_source(error))?;
        if !root.is_dir() {
            return Err(unusable("is not a directory"));
        }
        match root.to_str() {
            Some("/") => Ok(String::new()),
            Some(text) if !text.contains(char::is_control) => Ok(text.to_owned()),
            _ => Err(unusable("has a name that the tools cannot print")),
        }
    }
}

#[async_trait]
impl ScanStrategy for Directory {
    fn name(&self) -> &'static str {
        AGENT
    }

    fn trust(&self) -> &'static str {
        "as the tools of this machine read the directory, which may differ from what runs"
    }

    fn absent(&self) -> &[Section] {
        &ABSENT
    }

    async fn open(
        &self,
        _: &OpenContext<'_>,
        _: &EnforcedControls,
    ) -> Result<Box<dyn TargetAccess>, StrategyError> {
        let prefix = self.prefix()?;
        let shell = Shell::start(Path::new("/")).map_err(|error| {
            StrategyError::new(FailureKind::NotStarted, "no shell could be started")
                .with_source(error)
        })?;
        Ok(Box::new(Access { prefix, shell }))
    }
}

struct Access {
    prefix: String,
    shell: Shell,
}

#[async_trait]
impl TargetAccess for Access {
    async fn stream(
        &mut self,
        asked: &InventoryRequest,
        sink: &mut dyn InventorySink,
    ) -> Result<(), AccessError> {
        let below = request::below(&self.prefix, asked);
        // New for each answer and not to be guessed: no file can hold a line of the answer.
        let nonce = uuid::Uuid::new_v4().simple().to_string();
        let answer = self.shell.ask(&request::script(&below, &nonce)).await?;
        let mut inventory = parse::inventory(AGENT, &answer, &nonce, &below).map_err(|error| {
            AccessError::new(
                FailureKind::AnswerUnusable,
                "the answer of the shell is not usable",
            )
            .with_source(error)
        })?;
        request::from_root(&self.prefix, asked, &mut inventory);
        deliver(inventory, sink).await;
        Ok(())
    }

    async fn close(self: Box<Self>) {
        self.shell.end().await;
    }
}
