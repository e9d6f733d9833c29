//! Where reports go: opened before the scan starts, so that a file that cannot be written is an error
//! before a cluster is touched.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::{
        FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown,
    },
    path::{Path, PathBuf},
    str::FromStr,
};

use rustix::fs::OFlags;

use secure_scan::{
    Document,
    reports::{
        Format,
        format::UnknownFormat,
        render,
        text::{self, Style},
    },
};
use tempfile::NamedTempFile;

use crate::{
    output::{self, print_error},
    problem::{NOT_DONE, Problem},
};

/// Where one form of the report goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) format: Format,
    /// Standard output where there is none.
    pub(crate) file: Option<PathBuf>,
}

impl FromStr for Output {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, file) = match text.split_once('=') {
            Some((_, "-")) => {
                return Err("leave out '=-': a form without a file goes to standard output".into());
            }
            Some((_, "")) => return Err("expected a file after '='".into()),
            Some((name, file)) => (name, Some(file.into())),
            None => (text, None),
        };
        let format = name
            .parse()
            .map_err(|error: UnknownFormat| error.to_string())?;
        Ok(Self { format, file })
    }
}

/// Every place that was asked for, ready to be written.
pub(crate) struct Sinks(Vec<(Format, Place)>);

enum Place {
    Stdout,
    /// A new file beside the destination, moved there when it is complete; only its owner can read it.
    File(NamedTempFile, PathBuf),
    /// A device, a pipe, or one of this process's own descriptors: it must not be replaced by a file.
    Special(PathBuf),
}

impl Sinks {
    /// Opens every place.
    pub(crate) fn open(outputs: &[Output]) -> Result<Self, Problem> {
        let mut places = Vec::new();
        for (index, Output { format, file }) in outputs.iter().enumerate() {
            let again = |other: &Output| other.file == *file;
            if outputs.iter().take(index).any(again) {
                let place = match file {
                    Some(file) => format!("the same file {}", shown(Some(file))),
                    None => "standard output".into(),
                };
                return Err(Problem::usage(
                    format!("two reports would go to {place}"),
                    "name another file for each format, as in -o json=report.json",
                ));
            }
            let place = match file {
                None => Place::Stdout,
                Some(file) => place(file).map_err(|error| {
                    let path = shown(Some(file));
                    Problem::usage(
                        format!("cannot write the report to {path}: {}", reason(&error)),
                        "name a file in a directory that exists and can be written",
                    )
                })?,
            };
            places.push((*format, place));
        }
        Ok(Self(places))
    }

    /// Refuses forms that the scan cannot give, before it starts.
    pub(crate) fn check(&self, packages: bool, digest: bool) -> Result<(), Problem> {
        let refused = self.0.iter().find_map(|(format, _)| {
            let error = format.possible(packages, digest).err()?;
            Some(Problem::usage(format!("{format}: {error}"), error.hint))
        });
        refused.map_or(Ok(()), Err)
    }

    /// Writes the verdict and the counts to standard error, unless the terminal report goes to standard output. So whoever
    /// started the scan sees them.
    pub(crate) fn note_result(&self, document: &Document) {
        let read = |(format, place): &(Format, Place)| {
            *format == Format::Terminal && matches!(place, Place::Stdout)
        };
        if !self.0.iter().any(read) {
            output::note(text::summary(&document.view(), None).trim_end());
        }
    }

    /// Writes the report to every place. All are tried, even after one has failed.
    pub(crate) fn write(
        self,
        document: &Document,
        verbose: bool,
        colour: bool,
    ) -> Result<(), Problem> {
        let mut result = Ok(());
        for (format, place) in self.0 {
            let style = Style {
                colour: colour && matches!(place, Place::Stdout),
                verbose,
                width: matches!(place, Place::Stdout).then(output::width).flatten(),
            };
            let written = match render(document, format, style) {
                Ok(text) => place.write(&text),
                Err(error) => Err(Problem {
                    code: NOT_DONE,
                    message: format!("{format}: {error}"),
                    hint: Some(error.hint.to_owned()),
                }),
            };
            if let Err(problem) = written {
                // The last one is printed by the caller.
                if let Err(earlier) = std::mem::replace(&mut result, Err(problem)) {
                    print_error(&earlier);
                }
            }
        }
        result
    }

    /// Writes the same kind of text to every place.
    pub(crate) fn write_with(
        self,
        text: impl Fn(Format) -> Option<String>,
        what: &str,
        forms: &str,
    ) -> Result<(), Problem> {
        for (format, place) in self.0 {
            let text = text(format).ok_or_else(|| {
                Problem::usage(
                    format!("{what} cannot be written as {format}"),
                    format!("use {forms}"),
                )
            })?;
            place.write(&text)?;
        }
        Ok(())
    }
}

impl Place {
    fn write(self, text: &str) -> Result<(), Problem> {
        let failed = |path: &Path, error: &io::Error| Problem {
            code: NOT_DONE,
            message: format!("cannot write the report to {}: {error}", path.display()),
            hint: Some("name a file that can be written".into()),
        };
        match self {
            Self::Stdout => output::print_form(text),
            Self::Special(path) => special(&path)
                .and_then(|mut file| file.write_all(text.as_bytes()))
                .map_err(|e| failed(&path, &e)),
            Self::File(mut temp, path) => {
                let written = temp
                    .write_all(text.as_bytes())
                    .and_then(|()| temp.as_file().sync_all());
                let written = written.and_then(|()| keep_mode(temp.as_file(), &path));
                written.map_err(|e| failed(&path, &e))?;
                let kept = temp.persist(&path);
                kept.map(drop).map_err(|e| failed(&path, &e.error))
            }
        }
    }
}

/// Refuses a file that cannot be written, before any work for it begins.
pub(crate) fn writable(file: &Path, what: &str) -> Result<(), Problem> {
    place(file).map(drop).map_err(|error| {
        Problem::usage(
            format!(
                "cannot write {what} to {}: {}",
                file.display(),
                reason(&error)
            ),
            "name a file in a directory that exists and can be written",
        )
    })
}

/// Writes a file whole or not at all, for its owner alone.
pub(crate) fn write_file(file: &Path, what: &str, text: &str) -> Result<(), Problem> {
    let place = place(file).map_err(|error| Problem {
        code: NOT_DONE,
        message: format!("cannot write {what} to {}: {error}", file.display()),
        hint: Some("name a file that can be written".into()),
    })?;
    place.write(text)
}

fn place(file: &Path) -> io::Result<Place> {
    match fs::symlink_metadata(file) {
        Ok(found) if found.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(found) if found.is_symlink() && !is_descriptor(file) => {
            return Err(io::Error::other(
                "it is a link, which may lead anywhere: name the file that it leads to",
            ));
        }
        Ok(found) if !found.is_file() => {
            // Tried before the scan, without truncating the file. A pipe would wait here for its reader.
            if fs::metadata(file).is_ok_and(|m| !m.file_type().is_fifo()) {
                special(file)?;
            }
            return Ok(Place::Special(file.to_owned()));
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(_) | Err(_) => {}
    }
    let parent = match file.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let temp = tempfile::Builder::new()
        .prefix(".secure-scan-")
        .tempfile_in(parent)?;
    Ok(Place::File(temp, file.to_owned()))
}

/// Opens something that is not a regular file. A link that took its place meanwhile is not followed, unless it is one of
/// this process's own descriptors.
fn special(file: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    if !is_descriptor(file) {
        options.custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
    }
    options.append(true).open(file)
}

/// Whether it is a name of one of this process's own descriptors, as the shell knows them.
fn is_descriptor(file: &Path) -> bool {
    let Some(name) = file.to_str().and_then(|name| name.strip_prefix("/dev/")) else {
        return false;
    };
    let number = |n: &str| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit());
    matches!(name, "stdout" | "stderr") || name.strip_prefix("fd/").is_some_and(number)
}

/// Gives a new file the owner and the mode of the regular file whose place it takes, if there is one.
fn keep_mode(new: &fs::File, path: &Path) -> io::Result<()> {
    let Some(old) = fs::symlink_metadata(path)
        .ok()
        .filter(fs::Metadata::is_file)
    else {
        return Ok(());
    };
    let made = new.metadata()?;
    let same = (made.uid(), made.gid()) == (old.uid(), old.gid());
    let kept = same || fchown(new, Some(old.uid()), Some(old.gid())).is_ok();
    // If the group differs, it does not get the rights of the old file's group.
    let mask = if kept { 0o777 } else { 0o707 };
    new.set_permissions(fs::Permissions::from_mode(old.mode() & mask))
}

/// This program's own words, or the kind of error that the system reports.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "its folder does not exist".to_owned(),
        io::ErrorKind::Other => error.to_string(),
        kind => kind.to_string(),
    }
}

fn shown(file: Option<&Path>) -> String {
    file.map_or_else(String::new, |f| f.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_read() {
        let json = "json=a=b".parse::<Output>().unwrap();
        assert_eq!((json.format, json.file), (Format::Json, Some("a=b".into())));
        assert!("json=".parse::<Output>().is_err());
        let bare = "sarif".parse::<Output>().unwrap();
        assert_eq!((bare.format, bare.file), (Format::Sarif, None));
        let error = "pdf".parse::<Output>().unwrap_err();
        assert!(error.contains("sarif, junit, ohdf, html"), "{error}");
    }
}
