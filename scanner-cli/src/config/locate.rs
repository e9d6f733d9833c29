//! Which file of options is read. Never one that merely lies in the current folder: a stranger's checkout could name a
//! milder policy.

use std::{
    env,
    ffi::OsString,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use clap::{ArgMatches, Args};

use crate::problem::Problem;

/// Variable that names the file; empty for none.
pub(super) const VARIABLE: &str = "SECURE_SCAN_CONFIG";

/// Which file is read, for all commands.
#[derive(Debug, Clone, Args)]
pub(crate) struct ConfigArgs {
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help = "File of options, secure-scan.toml [default: $SECURE_SCAN_CONFIG, or secure-scan/secure-scan.toml in \
                $XDG_CONFIG_HOME or ~/.config]",
        help_heading = "File of options"
    )]
    config: Option<PathBuf>,
    #[arg(
        long,
        global = true,
        conflicts_with = "config",
        help = "Read no file of options; an empty SECURE_SCAN_CONFIG does the same",
        help_heading = "File of options"
    )]
    no_config: bool,
}

/// Which file is read, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Choice {
    /// `--no-config`, or an empty variable.
    None,
    /// Named by `--config` or the variable; must exist.
    Named(PathBuf),
    /// In the user's own folder; may be absent.
    Own(PathBuf),
    /// There is no such folder.
    Nowhere,
}

impl Choice {
    /// The choice of this command line and environment.
    pub(crate) fn of(matches: &ArgMatches) -> Self {
        let named = matches.get_one::<PathBuf>("config").cloned();
        Self::decide(named, matches.get_flag("no_config"), |name| {
            env::var_os(name)
        })
    }

    fn decide(
        named: Option<PathBuf>,
        none: bool,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Self {
        if none {
            return Self::None;
        }
        if let Some(file) = named {
            return Self::Named(file);
        }
        match variable(VARIABLE) {
            Some(file) if file.is_empty() => return Self::None,
            Some(file) => return Self::Named(file.into()),
            None => {}
        }
        // A relative folder would be relative to the current one, https://specifications.freedesktop.org/basedir-spec/.
        let absolute = |name: &str| {
            let folder = variable(name).map(PathBuf::from);
            folder.filter(|folder| folder.is_absolute())
        };
        let folder = absolute("XDG_CONFIG_HOME");
        let folder = folder.or_else(|| Some(absolute("HOME")?.join(".config")));
        folder.map_or(Self::Nowhere, |folder| {
            Self::Own(folder.join("secure-scan/secure-scan.toml"))
        })
    }

    /// The file, if one is read.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::Named(file) => Some(file),
            Self::Own(file) => file.exists().then_some(file),
            Self::None | Self::Nowhere => None,
        }
    }

    /// Refuses a file in the user's own folder that others can write. One that was named is the user's choice.
    pub(super) fn check(&self) -> Result<(), Problem> {
        let Self::Own(file) = self else {
            return Ok(());
        };
        let Ok(metadata) = fs::metadata(file) else {
            return Ok(());
        };
        let own = [0, rustix::process::geteuid().as_raw()].contains(&metadata.uid());
        if own && metadata.mode() & 0o002 == 0 {
            return Ok(());
        }
        let why = if own {
            "everybody can write it"
        } else {
            "it belongs to another user"
        };
        Err(Problem::usage(
            format!(
                "{} is not read: {why}, so somebody else could lower the security of your scans",
                file.display()
            ),
            "make it yours (chown, chmod go-w), name it with --config, or give --no-config",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(named: Option<&str>, none: bool, variables: &[(&str, &str)]) -> Choice {
        Choice::decide(named.map(PathBuf::from), none, |name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn the_flag_comes_before_the_variable_and_that_before_the_folder() {
        let all = [(VARIABLE, "/v"), ("XDG_CONFIG_HOME", "/x"), ("HOME", "/h")];
        let named = |file: &str| Choice::Named(file.into());
        let own = |file: &str| Choice::Own(file.into());
        assert_eq!(of(Some("f"), false, &all), named("f"));
        assert_eq!(of(None, false, &all), named("/v"));
        assert_eq!(of(None, true, &all), Choice::None);
        assert_eq!(
            of(None, false, &[(VARIABLE, ""), ("HOME", "/h")]),
            Choice::None
        );
        assert_eq!(
            of(None, false, &all[1..]),
            own("/x/secure-scan/secure-scan.toml")
        );
        assert_eq!(
            of(None, false, &all[2..]),
            own("/h/.config/secure-scan/secure-scan.toml")
        );
        // Relative to the current folder, in which a stranger may have put something.
        let relative = [("XDG_CONFIG_HOME", "x"), ("HOME", ".")];
        assert_eq!(of(None, false, &relative), Choice::Nowhere);
        assert_eq!(of(None, false, &[]), Choice::Nowhere);
    }

    #[test]
    fn a_file_that_everybody_can_write_is_refused_where_nobody_named_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secure-scan.toml");
        let own = Choice::Own(file.clone());
        assert!(own.check().is_ok() && own.file().is_none(), "absent");
        fs::write(&file, "").unwrap();
        for (mode, accepted) in [(0o644, true), (0o664, true), (0o666, false)] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(own.check().is_ok(), accepted, "{mode:o}");
            assert!(Choice::Named(file.clone()).check().is_ok());
        }
    }
}
