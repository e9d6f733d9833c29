//! `secure-scan profile`, and finding the profile that a scan uses.

use std::{fmt::Write as _, fs, io::Read as _};

use scanner_policy::{Profile, builtin};

use crate::{Problem, args::ProfileCommand, output};

/// Bytes of a profile that are read at most.
const MAX_BYTES: u64 = (1 << 20) + 1;

pub(crate) fn run(command: ProfileCommand) -> Result<u8, Problem> {
    let text = match command {
        ProfileCommand::List => {
            let mut text = String::new();
            for (name, source) in builtin::ALL {
                let profile = parse(source, name)?;
                let count = profile.ids().count();
                let title = &profile.reference().title;
                let _ = writeln!(text, "{name}  {count} checks  {title}");
            }
            text
        }
        ProfileCommand::Show { name } => {
            let found = builtin::find(&name).ok_or_else(|| unknown(&name))?;
            found.to_owned()
        }
        ProfileCommand::Check { file } => {
            let profile = parse(&read(&file)?, &file)?;
            format!("{file}: {} checks, no errors\n", profile.ids().count())
        }
    };
    output::print(&text).map(|()| 0)
}

/// The shipped profile of that name, or the file.
pub(crate) fn load(name: &str) -> Result<Profile, Problem> {
    if let Some(text) = builtin::find(name) {
        return parse(text, name);
    }
    let is_file = name.contains(['/', '.']) || fs::metadata(name).is_ok();
    if is_file {
        parse(&read(name)?, name)
    } else {
        Err(unknown(name))
    }
}

fn parse(text: &str, file: &str) -> Result<Profile, Problem> {
    Profile::parse(text, file).map_err(|error| {
        Problem::usage(
            error.to_string(),
            "correct the profile; a working one: secure-scan profile show container-baseline",
        )
    })
}

fn read(file: &str) -> Result<String, Problem> {
    let failed = |error: std::io::Error| {
        Problem::usage(
            format!("cannot read the profile {file}: {error}"),
            "name a readable file, or a shipped profile: secure-scan profile list",
        )
    };
    let mut text = String::new();
    let opened = fs::File::open(file).map_err(failed)?;
    opened
        .take(MAX_BYTES)
        .read_to_string(&mut text)
        .map_err(failed)?;
    Ok(text)
}

fn unknown(name: &str) -> Problem {
    let names: Vec<&str> = builtin::ALL.iter().map(|(name, _)| *name).collect();
    Problem::usage(
        format!(
            "there is no profile {name:?}; shipped are: {}",
            names.join(", ")
        ),
        "name one of them, or the path of a file",
    )
}
