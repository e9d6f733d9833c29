//! Packages of an rpm database: one header each, of which six tags are read.
//!
//! A header in the database is `il dl`, `il` index entries `tag type offset count` and `dl` bytes of
//! data, all big-endian; see rpm's docs/manual/hregions.md and `rpmtag.h`.

mod berkeley;
mod files;
mod header;
mod ndb;

use std::{
    io::{self, Write},
    ops::ControlFlow,
};

use sha2::{Digest as _, Sha256};

use super::{
    database::{Bad, ended},
    sqlite,
};
use header::{INT32, MAX_ENTRIES, word};

use crate::tree::ReadAt;

/// Formats of a database, which its name shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Fedora since 33, RHEL since 9.
    Sqlite,
    /// SUSE.
    Ndb,
    /// Berkeley DB: RHEL up to 8, Amazon Linux 2.
    Berkeley,
}

/// Names of the database; if a system changed from one to another, the first one that exists is in use.
pub(super) const NAMES: [(&str, Format); 3] = [
    ("rpmdb.sqlite", Format::Sqlite),
    ("Packages.db", Format::Ndb),
    ("Packages", Format::Berkeley),
];

/// Most bytes of a header that are read: its index, and its data up to the tags that are needed. The data is in the order
/// of the tags: all of these but the source come first, and the source comes after the digests of the files.
const MAX_HEADER: usize = 4 << 20;
/// Longest name, version or architecture; a file name of a package, which has all of them, is shorter.
const MAX_TEXT: usize = 255;

const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;
const ARCH: u32 = 1022;
const SOURCE: u32 = 1044;
const STRING: u32 = 6;

/// The fields of a package that are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Package {
    name: String,
    /// `EPOCH:VERSION-RELEASE`, the epoch only if there is one.
    version: String,
    arch: String,
    /// File name of the source package; empty where it is not known.
    source: String,
}

impl Package {
    /// An identity of the package, of a fixed size.
    pub(super) fn digest(&self) -> [u8; 32] {
        let parts = [&self.name, &self.version, &self.arch, &self.source].map(String::as_str);
        Sha256::digest(parts.join("\n")).into()
    }

    /// Writes it as a paragraph of five lines at most.
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "P:{}", self.name)?;
        writeln!(out, "V:{}", self.version)?;
        writeln!(out, "A:{}", self.arch)?;
        if !self.source.is_empty() {
            writeln!(out, "o:{}", self.source)?;
        }
        writeln!(out, "@")
    }
}

/// Passes every package to `take`, or `None` for one whose header cannot be read. The inner error is about the database
/// itself; the outer one comes from `take`.
pub(super) fn each(
    database: &dyn ReadAt,
    format: Format,
    take: &mut dyn FnMut(Option<Package>) -> io::Result<()>,
) -> io::Result<Result<(), Bad>> {
    headers(database, format, &mut |header| take(package(header)))
}

/// Passes the name of every readable package and each of its files to `take`, until it breaks. [`each`] reports what is
/// wrong with the database.
pub(super) fn each_file(
    database: &dyn ReadAt,
    format: Format,
    take: &mut dyn FnMut(&str, &[u8]) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let read = headers(database, format, &mut |header| {
        let Some(package) = package(header) else {
            return Ok(());
        };
        match files::each(header, &mut |path| take(&package.name, path)) {
            Some(ControlFlow::Break(())) => Err(io::ErrorKind::FileTooLarge.into()),
            _ => Ok(()),
        }
    });
    match read {
        Ok(_) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    }
}

fn headers(
    database: &dyn ReadAt,
    format: Format,
    header: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<Result<(), Bad>> {
    let read = match format {
        // hnum is the row's number, blob is the header.
        Format::Sqlite => sqlite::rows(database, "Packages", MAX_HEADER, &mut |row| {
            header(sqlite::blob(row, 1).unwrap_or_default())
        }),
        Format::Ndb => ndb::values(database, MAX_HEADER, header),
        Format::Berkeley => berkeley::values(database, MAX_HEADER, header),
    };
    ended(database, read)
}

/// Reads the start of a header.
pub(super) fn package(header: &[u8]) -> Option<Package> {
    let entries = usize::try_from(word(header, 0)?).ok()?;
    if entries > MAX_ENTRIES {
        return None;
    }
    let data = header.get(8 + entries * 16..)?;
    let mut found = [const { None::<String> }; 4];
    let (mut epoch, mut source) = (None, String::new());
    for entry in header[8..8 + entries * 16].chunks_exact(16) {
        let (tag, kind) = (word(entry, 0)?, word(entry, 4)?);
        let at = usize::try_from(word(entry, 8)?).ok();
        let slot = match (tag, kind) {
            (NAME, STRING) => 0,
            (VERSION, STRING) => 1,
            (RELEASE, STRING) => 2,
            (ARCH, STRING) => 3,
            (EPOCH, INT32) => {
                epoch = Some(word(data, at?)?);
                continue;
            }
            // A package counts without it, too.
            (SOURCE, STRING) => {
                let text = at.and_then(|at| text(data, at));
                source = text.unwrap_or_default();
                continue;
            }
            _ => continue,
        };
        found[slot] = Some(text(data, at?)?);
    }
    let [name, version, release, arch] = found;
    let (version, release) = (version?, release?);
    Some(Package {
        name: name.filter(|name| !name.is_empty())?,
        version: match epoch {
            Some(epoch) => format!("{epoch}:{version}-{release}"),
            None => format!("{version}-{release}"),
        },
        // Imported keys are packages without an architecture.
        arch: arch.unwrap_or_default(),
        source,
    })
}

/// The text at that place of the data.
fn text(data: &[u8], at: usize) -> Option<String> {
    let text = data.get(at..)?;
    let end = text.iter().take(MAX_TEXT + 1).position(|byte| *byte == 0)?;
    Some(line(&text[..end]))
}

/// The text as a part of a line, without line ends.
fn line(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

#[cfg(test)]
mod tests;
