//! `secure-scan man`: the manual pages.

use std::{
    fs::Permissions,
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use clap::{Args, Command};
use clap_mangen::Man;

use crate::problem::{NOT_DONE, Problem};

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Existing folder for the pages; a file or link of the same name is replaced, and no link is followed
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(crate) fn run(args: &ManArgs, command: Command) -> Result<u8, Problem> {
    let folder = args.folder.display();
    if !args.folder.is_dir() {
        return Err(Problem::usage(
            format!("cannot write manual pages to {folder}: there is no such folder"),
            "name a folder that exists",
        ));
    }
    let mut command = command.disable_help_subcommand(true);
    command.build();
    pages(&command, &args.folder).map_err(|error| Problem {
        code: NOT_DONE,
        message: format!("cannot write manual pages to {folder}: {error}"),
        hint: Some("name a folder that can be written, on a disk with room".into()),
    })?;
    Ok(0)
}

/// Writes the page of a command, and those of the commands below it.
fn pages(command: &Command, folder: &Path) -> io::Result<()> {
    for below in command.get_subcommands().filter(|c| !c.is_hide_set()) {
        pages(below, folder)?;
    }
    let page = Man::new(command.clone());
    let mut text = Vec::new();
    page.render(&mut text)?;
    write(&folder.join(page.get_filename()), folder, &text)
}

/// Writes a new file and gives it its name, so that a link of that name is replaced and nothing is written where it leads.
fn write(path: &Path, folder: &Path, text: &[u8]) -> io::Result<()> {
    let readable = Permissions::from_mode(0o644);
    let mut file = tempfile::Builder::new()
        .permissions(readable)
        .tempfile_in(folder)?;
    file.write_all(text)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;
    use crate::problem::USAGE;

    fn args(folder: &Path) -> ManArgs {
        ManArgs {
            folder: folder.to_owned(),
        }
    }

    #[test]
    fn a_link_is_replaced_and_nothing_is_written_where_it_leads() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("mine");
        fs::write(&target, "mine").unwrap();
        let page = folder.path().join("secure-scan.1");
        symlink("mine", &page).unwrap();
        let done = run(&args(folder.path()), crate::cli::command(None));
        assert_eq!(done.map_err(|problem| problem.message), Ok(0));
        assert_eq!(fs::read_to_string(&target).unwrap(), "mine");
        let written = fs::symlink_metadata(&page).unwrap();
        assert!(written.is_file());
        assert_eq!(written.permissions().mode() & 0o777, 0o644);
        assert!(folder.path().join("secure-scan-config-show.1").exists());
    }

    #[test]
    fn what_cannot_be_written_is_not_wrong_usage_and_a_folder_that_is_not_there_is() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "").unwrap();
        // No file can have the name of a folder.
        fs::create_dir_all(at("taken/secure-scan.1")).unwrap();
        for (place, code) in [("file", USAGE), ("absent", USAGE), ("taken", NOT_DONE)] {
            let done = run(&args(&at(place)), crate::cli::command(None));
            let problem = done.unwrap_err();
            assert_eq!(problem.code, code, "{place}: {}", problem.message);
            assert!(problem.hint.is_some());
        }
    }
}
