//! `secure-scan.toml`: values of options, for all commands or for one, and `secure-scan config`.
//!
//! Flags come before the environment, the environment before the file. What the file has becomes arguments before the user's
//! own, so that the same parsers, conflicts and messages hold for both.

mod entries;
mod keys;
mod locate;
mod merge;
mod show;

use std::path::PathBuf;

use clap::Subcommand;

pub(crate) use entries::File;
pub(crate) use locate::Choice;
pub(crate) use merge::{Merged, merge};
pub(crate) use show::{ShowArgs, run};

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print each option of a command with its value and where it came from
    ///
    /// From a flag, from a variable of the environment, from the file with its line, or the program's own default. Without a
    /// command it prints what the file has.
    Show(ShowArgs),
    /// Print which file is read
    Path,
}

/// Which file is read, for all commands.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ConfigArgs {
    /// File of options, secure-scan.toml [default: $SECURE_SCAN_CONFIG, or secure-scan/secure-scan.toml in $XDG_CONFIG_HOME or
    /// ~/.config]
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help_heading = "File of options"
    )]
    config: Option<PathBuf>,
    /// Read no file of options, as SECURE_SCAN_CONFIG= does
    #[arg(
        long,
        global = true,
        conflicts_with = "config",
        help_heading = "File of options"
    )]
    no_config: bool,
}
