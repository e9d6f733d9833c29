//! `secure-scan man`: the manual pages.

use std::path::PathBuf;

use clap::{Args, Command};

use crate::problem::Problem;

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Folder that exists; a file in it of the same name is replaced
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(crate) fn run(args: &ManArgs, command: Command) -> Result<u8, Problem> {
    let written = clap_mangen::generate_to(command, &args.folder);
    let written = written.map_err(|error| {
        let folder = args.folder.display();
        let message = format!("cannot write manual pages to {folder}: {error}");
        Problem::usage(message, "name a folder that exists and can be written")
    });
    written.map(|()| 0)
}
