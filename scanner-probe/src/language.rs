//! Packages of languages: what npm, pip, gem and Maven left in the file system, found by one walk of the
//! whole root.
//!
//! Only packages that state their own name are reported: there is no database of them, and packages that were bundled into
//! one file or linked into a program are not found.

mod java;
mod manifest;
mod package;

use std::{
    cell::Cell,
    io::{self, Write},
};

use scanner_inventory::{
    FileKind, FilePath, FileSelector,
    wire::{decode_path, encode_path},
};

use crate::{
    end::End,
    tree::{ReadAt, Tree},
};

use package::Package;

/// Most packages that are reported: each is a line, and the reader of an answer accepts 50,000 for a section.
const MAX_PACKAGES: u64 = 40_000;
/// Most files that are read.
const MAX_FILES: u64 = 200_000;
/// Most bytes that are read of all of them together.
const MAX_READ: u64 = 1 << 30;
/// Longest `package.json` that is read, in bytes.
const MAX_JSON: u64 = 1 << 20;
/// How much is read of a file whose first lines are a header, in bytes.
const MAX_HEADER: u64 = 64 << 10;
/// Longest name, version or licence, in characters.
const MAX_TEXT: usize = 255;
/// Longest path, in bytes, as in Linux.
const MAX_PATH: usize = 4096;
/// Names of the files that are considered; their place decides.
const NAMES: [&str; 6] = [
    "package.json",
    "METADATA",
    "PKG-INFO",
    "*.gemspec",
    // Archives of Java and files of Python's packages, whose endings may be in letters of any size.
    "*.???",
    "*.????????",
];

/// Whether a file at `path` may say what a package is.
#[cfg(feature = "archive")]
pub(crate) fn is_read(path: &str, size: u64) -> bool {
    match Kind::of(path) {
        Some(Kind::Npm) => size <= MAX_JSON,
        Some(Kind::Gem) | None => false,
        Some(Kind::Python | Kind::Java) => true,
    }
}

/// The kind of a file, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Npm,
    Python,
    Gem,
    Java,
}

impl Kind {
    fn of(path: &str) -> Option<Self> {
        let (dir, name) = path.rsplit_once('/')?;
        let (above, parent) = dir.rsplit_once('/').unwrap_or_default();
        match name {
            // node_modules/NAME or node_modules/@SCOPE/NAME, and no deeper.
            "package.json" => {
                let (higher, holder) = above.rsplit_once('/').unwrap_or(("", above));
                let scoped = holder.starts_with('@') && higher.ends_with("/node_modules");
                (holder == "node_modules" || scoped).then_some(Self::Npm)
            }
            "METADATA" => ends(parent, ".dist-info").then_some(Self::Python),
            "PKG-INFO" => (ends(parent, ".egg-info") || parent.eq_ignore_ascii_case("EGG-INFO"))
                .then_some(Self::Python),
            _ if ends(name, ".egg-info") => Some(Self::Python),
            _ if name.ends_with(".gemspec") => {
                let default = parent == "default" && above.ends_with("/specifications");
                (parent == "specifications" || default).then_some(Self::Gem)
            }
            _ => java::is_archive(name).then_some(Self::Java),
        }
    }
}

/// Whether the name of a Python package has that ending: Python ignores case.
fn ends(name: &str, ending: &str) -> bool {
    let at = name.len().checked_sub(ending.len());
    let found = at.and_then(|at| name.get(at..));
    found.is_some_and(|found| found.eq_ignore_ascii_case(ending))
}

/// Writes every package as a line `ECOSYSTEM NAME VERSION LICENSE PATH`, with tabs between them.
pub(crate) fn packages(root: &dyn Tree, out: &mut dyn Write) -> io::Result<End> {
    let budget = Cell::new(MAX_READ);
    let mut look = Look {
        root,
        out,
        line: Vec::new(),
        budget: &budget,
        files: 0,
        packages: 0,
        lost: 0,
        reasons: Vec::new(),
    };
    let selector = FileSelector {
        kind: vec![FileKind::File],
        name: NAMES.map(str::to_owned).to_vec(),
        ..FileSelector::default()
    };
    let unseen = root.walk(&[&selector], false, &mut look)?.total();
    if unseen > 0 {
        look.lose(&format!("{unseen} directories or files"), "cannot be read");
        look.lost += unseen - 1;
    }
    Ok(if look.lost == 0 {
        End::Ok
    } else {
        End::partial(look.lost, look.reasons.join("; "))
    })
}

/// Takes the lines of a walk, and reads each file as it comes: nothing is kept.
struct Look<'a> {
    root: &'a dyn Tree,
    out: &'a mut dyn Write,
    line: Vec<u8>,
    /// Bytes that may still be read.
    budget: &'a Cell<u64>,
    files: u64,
    packages: u64,
    lost: u64,
    reasons: Vec<String>,
}

impl Write for Look<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            match part.strip_suffix(b"\n") {
                Some(end) => {
                    self.line.extend_from_slice(end);
                    let line = std::mem::take(&mut self.line);
                    self.file(&line)?;
                }
                None => self.line.extend_from_slice(part),
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Look<'_> {
    /// Counts what was not read. A few reasons are enough, and a hostile root can cause any number of them.
    fn lose(&mut self, what: &str, why: &str) {
        self.lost += 1;
        if self.reasons.len() < 5 {
            self.reasons.push(format!("{what} {why}"));
        }
    }

    /// Takes a line `MODE UID GID SIZE PATH`.
    fn file(&mut self, line: &[u8]) -> io::Result<()> {
        let path = line.splitn(5, |byte| *byte == b' ').nth(4);
        let Some(path) = path.and_then(decode_path) else {
            return Ok(());
        };
        let path = path.as_text();
        let Some(kind) = Kind::of(path) else {
            return Ok(());
        };
        self.files += 1;
        if self.files > MAX_FILES || self.packages >= MAX_PACKAGES || path.len() > MAX_PATH {
            self.lose(path, "is beyond what is read");
            return Ok(());
        }
        if kind == Kind::Gem {
            return match manifest::gem(path) {
                Some(package) => self.emit(package, path),
                // A package without a version is one that is being developed.
                None => Ok(()),
            };
        }
        let file = match self.root.open(path) {
            Ok(Some(file)) => file,
            // The file has disappeared meanwhile.
            Ok(None) => {
                self.lose(path, "cannot be found again");
                return Ok(());
            }
            Err(error) => {
                self.lose(path, &format!("cannot be read: {error}"));
                return Ok(());
            }
        };
        if kind == Kind::Java {
            return self.archive(&*file, path);
        }
        let found = self.read(&*file, kind).and_then(|bytes| match kind {
            Kind::Npm => manifest::npm(&bytes, path),
            _ => manifest::python(&bytes),
        });
        let Some(package) = found.filter(|_| file.is_unchanged()) else {
            self.lose(path, "is not what such a file is, too long, or changed");
            return Ok(());
        };
        self.emit(package, path)
    }

    /// Reads a file; `None` if that fails, or if the file is longer than the limit.
    fn read(&self, file: &dyn ReadAt, kind: Kind) -> Option<Vec<u8>> {
        let size = match kind {
            Kind::Npm if file.size() > MAX_JSON => return None,
            Kind::Npm => file.size(),
            _ => file.size().min(MAX_HEADER),
        };
        let left = self.budget.get().checked_sub(size)?;
        self.budget.set(left);
        let mut bytes = vec![0; usize::try_from(size).ok()?];
        file.read_exact_at(&mut bytes, 0).ok()?;
        Some(bytes)
    }

    fn archive(&mut self, file: &dyn ReadAt, path: &str) -> io::Result<()> {
        let window = java::Window::new(file, self.budget);
        let mut written = Ok(());
        let mut found = java::Found::new(|inner: &str, package| {
            if written.is_ok() {
                written = self.emit(package, inner);
            }
        });
        java::look(&window, path, &mut found);
        let (lost, why) = found.lost();
        written?;
        if lost > 0 {
            self.lose(path, why);
            self.lost += lost - 1;
        } else if !file.is_unchanged() {
            self.lose(path, "changed while it was read");
        }
        Ok(())
    }

    /// Writes a package that the file at `path` names.
    fn emit(&mut self, package: Package, path: &str) -> io::Result<()> {
        let Package {
            ecosystem,
            name,
            version,
            license,
        } = package;
        let fits = |text: &String| text.chars().count() <= MAX_TEXT;
        if name.is_empty() || ![&name, &version].into_iter().all(fits) {
            self.lose(path, "has no name and version as packages have them");
            return Ok(());
        }
        if self.packages >= MAX_PACKAGES {
            self.lose(path, "is beyond what is read");
            return Ok(());
        }
        self.packages += 1;
        // A licence may be a whole text.
        let license = Some(license).filter(fits).unwrap_or_default();
        let line = [ecosystem, &name, &version, &license].map(clean);
        write!(self.out, "{}\t", line.join("\t"))?;
        let path = FilePath::from_text(path).unwrap_or_else(|_| path.into());
        self.out.write_all(&encode_path(&path.to_bytes()))?;
        writeln!(self.out)
    }
}

/// The text as a field of a line, in which nothing ends the field or the line.
fn clean(text: &str) -> String {
    let plain = |c: char| if c.is_control() { '?' } else { c };
    text.chars().map(plain).collect()
}
