//! The command line that is being completed, for the completers of single values.

use std::{ffi::OsString, sync::OnceLock};

use clap::Command;

static LINE: OnceLock<Line> = OnceLock::new();

/// A command line, and the commands that it may name.
pub(super) struct Line {
    command: Command,
    words: Vec<OsString>,
}

impl Line {
    /// Keeps the first line that is completed by this process.
    pub(super) fn keep(command: &Command, words: Vec<OsString>) -> &'static Self {
        LINE.get_or_init(|| Self {
            command: command.clone(),
            words,
        })
    }

    /// The line that was kept.
    pub(super) fn kept() -> Option<&'static Self> {
        LINE.get()
    }

    /// All commands.
    pub(super) fn command(&self) -> Command {
        self.command.clone()
    }

    /// The words; the name of the program is the first.
    pub(super) fn words(&self) -> &[OsString] {
        &self.words
    }
}
