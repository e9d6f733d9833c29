//! Reads files: those that the user names, and those that another file names, whose author may be a stranger.

use std::{
    env, fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use rustix::fs::{Mode, OFlags};

use crate::problem::Problem;

/// Most bytes that are read of a profile, a policy, or a file that they name.
pub(crate) const MAX_BYTES: u64 = (1 << 20) + 1;

/// Reads a file that the user names, up to a limit that no such file has.
pub(crate) fn read_named(file: &str, what: &str, hint: &str) -> Result<String, Problem> {
    read_some(file, what, MAX_BYTES, hint)
}

/// The same with another limit in bytes.
pub(crate) fn read_some(file: &str, what: &str, limit: u64, hint: &str) -> Result<String, Problem> {
    let failed =
        |error: io::Error| Problem::usage(format!("cannot read {what} {file}: {error}"), hint);
    let opened = fs::File::open(file).map_err(failed)?;
    text(opened, limit).map_err(failed)
}

/// Reads a file that another one names: only a regular file below the folder of that one, so that a stranger's profile
/// cannot name the user's other files. Returns the normal form of its path, however it is written (`./a`, `b/../a`),
/// relative to the current folder if it is below that.
///
/// # Errors
///
/// Fails with a message that has only the name, never the content.
pub(crate) fn read_beside(name: &str, from: &str, limit: u64) -> Result<(String, String), String> {
    let failed = |error: io::Error| format!("cannot read {name:?}: {}", error.kind());
    if Path::new(name).is_absolute() {
        return Err(format!(
            "{name:?} is not below the folder of the file that names it: expected a name without a leading /"
        ));
    }
    let folder = match Path::new(from).parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let folder = fs::canonicalize(folder).map_err(failed)?;
    let file = fs::canonicalize(folder.join(name)).map_err(failed)?;
    if !file.starts_with(&folder) {
        return Err(format!(
            "{name:?} is not below the folder of the file that names it"
        ));
    }
    let no_file = || format!("{name:?} is not a regular file");
    // Something that is not a regular file is not even opened: opening alone may have an effect, or wait for ever.
    if !fs::symlink_metadata(&file).map_err(failed)?.is_file() {
        return Err(no_file());
    }
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = rustix::fs::open(&file, flags, Mode::empty());
    let opened = fs::File::from(opened.map_err(|error| failed(error.into()))?);
    if !opened.metadata().map_err(failed)?.is_file() {
        return Err(no_file());
    }
    let text = text(opened, limit).map_err(failed)?;
    Ok((known_as(&file), text))
}

/// The same for a file that a policy names: waivers, a profile, a key or a trust root.
pub(crate) fn read_for_policy(
    name: &str,
    policy: &str,
    what: &str,
) -> Result<(String, String), Problem> {
    read_beside(name, policy, MAX_BYTES).map_err(|error| {
        Problem::usage(
            format!("{policy}: {what}: {error}"),
            "a policy names regular files below its own folder; others are given as arguments",
        )
    })
}

fn text(file: fs::File, limit: u64) -> io::Result<String> {
    let mut text = String::new();
    file.take(limit).read_to_string(&mut text)?;
    Ok(text)
}

fn known_as(file: &Path) -> String {
    let here = env::current_dir().and_then(fs::canonicalize);
    let here: PathBuf = here.unwrap_or_default();
    let short = file.strip_prefix(here).unwrap_or(file);
    short.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_regular_files_below_the_folder_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at("in/deeper")).unwrap();
        for file in ["in/a.yaml", "in/deeper/b.yaml", "secret"] {
            fs::write(at(file), "TOKEN").unwrap();
        }
        rustix::fs::mknodat(
            rustix::fs::CWD,
            at("in/fifo"),
            rustix::fs::FileType::Fifo,
            Mode::RUSR,
            0,
        )
        .unwrap();
        symlink("a.yaml", at("in/link")).unwrap();
        symlink("../secret", at("in/out")).unwrap();
        symlink("..", at("in/up")).unwrap();
        symlink("fifo", at("in/to-fifo")).unwrap();
        symlink("/proc/self/environ", at("in/environ")).unwrap();
        let absolute = at("in/a.yaml");
        let absolute = absolute.to_str().unwrap();
        let from = at("in/ours.yaml");
        let read = |name: &str| read_beside(name, from.to_str().unwrap(), MAX_BYTES);
        for name in [
            "a.yaml",
            "./a.yaml",
            "deeper/b.yaml",
            "deeper/../a.yaml",
            "link",
        ] {
            assert_eq!(read(name).unwrap().1, "TOKEN", "{name}");
        }
        assert_eq!(read("link").unwrap().0, read("a.yaml").unwrap().0);
        for name in [
            "../secret",
            "out",
            "up/secret",
            "deeper/../../secret",
            "fifo",
            "to-fifo",
            "deeper",
            ".",
            "",
            "none.yaml",
            "/proc/self/environ",
            "environ",
            "/dev/stdin",
            "/etc/passwd",
            absolute,
        ] {
            let error = read(name).unwrap_err();
            assert!(!error.contains("TOKEN"), "{error}");
        }
    }
}
