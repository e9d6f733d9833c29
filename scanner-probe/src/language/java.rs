//! Packages within archives of Java, by the `pom.properties` that Maven puts into them.
//!
//! An archive is read in parts, and so is one within it that is stored as it is, as Spring Boot does.

use std::{
    cell::Cell,
    io::{self, Read as _},
};

use flate2::read::DeflateDecoder;
use rawzip::{CompressionMethod, ReaderAt, ZipEntry, ZipLocator};

use scanner_inventory::FilePath;

use super::{manifest, package::Package};
use crate::tree::ReadAt;

/// Most entries of one archive that are read.
const MAX_ENTRIES: usize = 100_000;
/// How much is read of a file in an archive, in bytes.
const MAX_FILE: u64 = 64 << 10;
/// Archives within each other.
const MAX_DEPTH: usize = 3;
/// Bytes that are read at once: an entry's name, extra fields and comment must fit.
const BUFFER: usize = 192 << 10;
/// How far from its end the directory of an archive is searched for: a comment cannot be longer.
const MAX_COMMENT: u64 = 66_000;
/// Longest name within an archive that is reported.
const MAX_NAME: usize = 500;

pub(super) fn is_archive(name: &str) -> bool {
    let (stem, extension) = name.rsplit_once('.').unwrap_or_default();
    let known = ["jar", "war", "ear"];
    !stem.is_empty() && known.iter().any(|k| extension.eq_ignore_ascii_case(k))
}

/// A part of a file, read within a budget of bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window<'a> {
    file: &'a dyn ReadAt,
    start: u64,
    size: u64,
    budget: &'a Cell<u64>,
}

impl<'a> Window<'a> {
    pub(super) fn new(file: &'a dyn ReadAt, budget: &'a Cell<u64>) -> Self {
        Self {
            file,
            start: 0,
            size: file.size(),
            budget,
        }
    }

    /// The part from `start` to `end`, which lies within this one.
    fn part(&self, start: u64, end: u64) -> Option<Self> {
        let size = end.checked_sub(start).filter(|_| end <= self.size)?;
        Some(Self {
            start: self.start.checked_add(start)?,
            size,
            ..*self
        })
    }
}

impl ReaderAt for Window<'_> {
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let count = into.len().min(left);
        if count == 0 {
            return Ok(0);
        }
        let budget = self.budget.get().checked_sub(count as u64);
        self.budget
            .set(budget.ok_or_else(|| io::Error::other("enough was read"))?);
        self.file
            .read_exact_at(&mut into[..count], self.start + offset)?;
        Ok(count)
    }
}

/// Takes packages, and in which archive: `/app.jar!/lib/a.jar` is one within another.
pub(super) struct Found<F> {
    take: F,
    lost: u64,
    why: Option<&'static str>,
}

impl<F: FnMut(&str, Package)> Found<F> {
    pub(super) fn new(take: F) -> Self {
        Self {
            take,
            lost: 0,
            why: None,
        }
    }

    /// How much was not read, and the first reason.
    pub(super) fn lost(self) -> (u64, &'static str) {
        (self.lost, self.why.unwrap_or_default())
    }

    fn lose(&mut self, why: &'static str) {
        self.lost += 1;
        self.why.get_or_insert(why);
    }

    fn add(&mut self, path: &str, package: Package) {
        (self.take)(path, package);
    }
}

/// Looks into the archive in `window`.
pub(super) fn look<F: FnMut(&str, Package)>(window: &Window<'_>, path: &str, found: &mut Found<F>) {
    inside(window, path, 1, found);
}

fn inside<F: FnMut(&str, Package)>(
    window: &Window<'_>,
    path: &str,
    depth: usize,
    found: &mut Found<F>,
) {
    let mut buffer = vec![0; BUFFER];
    let locator = ZipLocator::new().max_search_space(MAX_COMMENT);
    let Ok(archive) = locator.locate_in_reader(*window, &mut buffer, window.size) else {
        found.lose("is not a whole archive");
        return;
    };
    let (mut own, mut title) = (false, None);
    let mut entries = archive.entries(&mut buffer);
    for count in 0.. {
        let entry = match entries.next_entry() {
            Ok(Some(entry)) => entry,
            Ok(None) => break,
            Err(_) => {
                found.lose("is not a whole archive");
                break;
            }
        };
        if count >= MAX_ENTRIES {
            found.lose("has more entries than are read");
            break;
        }
        let name = entry.file_path();
        let Ok(name) = str::from_utf8(name.as_ref()) else {
            continue;
        };
        let pom = name.starts_with("META-INF/maven/") && name.ends_with("/pom.properties");
        let nested = is_archive(name);
        if !pom && !nested && name != "META-INF/MANIFEST.MF" {
            continue;
        }
        let method = entry.compression_method();
        let Ok(body) = archive.get_entry(entry.wayfinder()) else {
            found.lose("has an entry that cannot be read");
            continue;
        };
        if nested {
            if name.len() > MAX_NAME {
                found.lose("has an archive within it whose name is too long");
                continue;
            }
            let (start, end) = body.compressed_data_range();
            let part = window.part(start, end);
            let inner = format!("{path}!/{}", FilePath::from(name));
            if let (Some(part), CompressionMethod::STORE, ..MAX_DEPTH) = (part, method, depth) {
                inside(&part, &inner, depth + 1, found);
            } else {
                found.add(&inner, by_name(name));
                found.lose("has archives within it that are compressed or too deep");
            }
            continue;
        }
        let Some(text) = text(&body, method) else {
            found.lose("has an entry that cannot be read");
            continue;
        };
        // The main section of a manifest comes first; long signatures of each file may follow.
        if !pom {
            title = by_title(&text);
        } else if let Some(package) = by_pom(&text) {
            own = true;
            found.add(path, package);
        } else {
            found.lose("has a pom.properties that names no package");
        }
    }
    if !own {
        found.add(path, title.unwrap_or_else(|| by_name(path)));
    }
}

/// The start of a file of an archive; `None` when it cannot be read.
fn text(entry: &ZipEntry<'_, Window<'_>>, method: CompressionMethod) -> Option<String> {
    let mut bytes = Vec::new();
    let stored = entry.reader();
    let read = match method {
        CompressionMethod::STORE => stored.take(MAX_FILE).read_to_end(&mut bytes),
        CompressionMethod::DEFLATE => {
            let plain = DeflateDecoder::new(stored);
            plain.take(MAX_FILE).read_to_end(&mut bytes)
        }
        _ => return None,
    };
    read.ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Maven's coordinates, as `GROUP:ARTIFACT`.
fn by_pom(text: &str) -> Option<Package> {
    let of = |key: &str| {
        let lines = text.lines().filter_map(|line| line.split_once('='));
        let mut values = lines.filter(|(k, _)| k.trim() == key);
        let value = values.next()?.1.trim();
        (!value.is_empty()).then(|| value.to_owned())
    };
    Some(Package {
        ecosystem: "maven",
        name: format!("{}:{}", of("groupId")?, of("artifactId")?),
        version: of("version")?,
        license: String::new(),
    })
}

/// By the name in its manifest, for `OSGi` or else for people; see the JAR file specification. A line that starts with a
/// space continues the one before.
fn by_title(text: &str) -> Option<Package> {
    let joined = text.replace("\r\n", "\n").replace("\n ", "");
    let main = joined.split("\n\n").next()?;
    let of = |key: &str| {
        let lines = main.lines().filter_map(|line| line.split_once(": "));
        let mut values = lines.filter(|(k, _)| k.eq_ignore_ascii_case(key));
        let value = values.next()?.1.split(';').next()?.trim();
        (!value.is_empty()).then(|| value.to_owned())
    };
    let pairs = [
        ("Bundle-SymbolicName", "Bundle-Version"),
        ("Implementation-Title", "Implementation-Version"),
    ];
    pairs.into_iter().find_map(|(name, version)| {
        Some(Package {
            ecosystem: "jar",
            name: of(name)?,
            version: of(version)?,
            license: String::new(),
        })
    })
}

/// By its file name, `NAME-VERSION.jar` or without a version.
fn by_name(path: &str) -> Package {
    let file = path.rsplit('/').next().unwrap_or(path);
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let (name, version) = manifest::split(stem).unwrap_or((stem, ""));
    Package {
        ecosystem: "jar",
        name: name.to_owned(),
        version: version.to_owned(),
        license: String::new(),
    }
}
