//! Seam: a root filesystem, as the kernel shows it or in the layers of an image.

use std::{
    fmt::{Debug, Write as _},
    io::{self, Write},
};

use rustix::{
    fs::{Stat, major, minor},
    io::Errno,
};
use scanner_inventory::{
    FileEntry, FileKind, FilePath, FileSelector, Gap, GapKind, Gaps, InventoryRequest,
    wire::{encode_link, encode_path},
};

/// Longest path, in bytes, that the kernel takes.
pub(crate) const MAX_PATH: usize = 4096;

/// Device, number and change time of an inode: they identify an unchanged file by any name.
pub type Inode = (u64, u64, i64, i64);

/// What is known about one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta {
    /// Type and permission bits, as `st_mode`.
    pub mode: u32,
    /// Owner.
    pub uid: u64,
    /// Group.
    pub gid: u64,
    /// Size in bytes.
    pub size: u64,
    /// When its contents were last written, in seconds since 1970; `None` if that is not kept.
    pub modified: Option<i64>,
    /// Identity and change time; `None` if nothing can change.
    pub inode: Option<Inode>,
    /// Major and minor number of a device; `None` for other files, and if they are not kept.
    pub device: Option<(u32, u32)>,
}

pub(crate) fn inode(stat: &Stat) -> Inode {
    let nanoseconds = i64::try_from(stat.st_ctime_nsec).unwrap_or_default();
    (stat.st_dev, stat.st_ino, stat.st_ctime, nanoseconds)
}

/// The data of a `stat`; a negative size counts as zero.
pub(crate) fn meta(stat: &Stat) -> Meta {
    Meta {
        mode: stat.st_mode,
        uid: stat.st_uid.into(),
        gid: stat.st_gid.into(),
        size: u64::try_from(stat.st_size).unwrap_or_default(),
        modified: Some(stat.st_mtime),
        inode: Some(inode(stat)),
        device: is_device(stat.st_mode).then(|| (major(stat.st_rdev), minor(stat.st_rdev))),
    }
}

/// The contents of a file for which a digest was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contents {
    /// SHA-256 of a regular file.
    Digest([u8; 32]),
    /// Where a symbolic link leads.
    Link(Vec<u8>),
    /// Unknown: the reader of the answer counts it as missing.
    Unknown,
}

/// Models a file that is read in parts.
pub trait ReadAt: Debug {
    /// Its size in bytes.
    fn size(&self) -> u64;

    /// Reads exactly the bytes at `offset`.
    ///
    /// # Errors
    ///
    /// Fails when there are not as many, or they cannot be read.
    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()>;

    /// Whether nothing was written to it since it was opened.
    fn is_unchanged(&self) -> bool;
}

/// Models a root filesystem whose paths are resolved within it, whatever its links say.
///
/// Paths and names are text as in [`FilePath`]: bytes that are not text are escaped, and a backslash is doubled.
pub trait Tree: Debug {
    /// The file at `path`, without following a link at its end; `None` if there is nothing.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be looked at.
    fn meta(&self, path: &str) -> Result<Option<Meta>, Errno>;

    /// The file at `path`, links followed within the root; `None` if they lead to nothing.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be looked at.
    fn followed(&self, path: &str) -> Result<Option<Meta>, Errno>;

    /// A text that differs once the file at `path` or its contents were changed; `None` if that cannot be known, or if the
    /// tree cannot change.
    fn state(&self, _path: &str) -> Option<String> {
        None
    }

    /// The contents of the file at `path`, a link at its end not followed. Unknown if it is not the file that was `seen`
    /// any more.
    fn contents(&self, path: &str, seen: Option<Inode>) -> Contents;

    /// Attribute `security.capability` of the regular file at `path`, empty when it has none; `None` if that cannot be
    /// known, for example because it is not the file that was `seen` any more.
    fn capability(&self, path: &str, seen: Option<Inode>) -> Option<Vec<u8>>;

    /// The regular file at `path`, links followed, to be read in parts; `None` when there is none.
    ///
    /// # Errors
    ///
    /// Fails when there is something that cannot be read.
    fn open(&self, path: &str) -> Result<Option<Box<dyn ReadAt + '_>>, Errno>;

    /// The text of a regular file; `None` when there is none.
    ///
    /// # Errors
    ///
    /// Fails when there is something that cannot be read, or that is longer than the limit.
    fn text(&self, path: &str) -> Result<Option<String>, Errno>;

    /// Names in a directory, sorted; none when there is no such directory.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be read.
    fn names(&self, path: &str) -> Result<Vec<String>, Errno>;

    /// Places at which programs that build this tree differ: some of them have something there that is not in it.
    fn elsewhere(&self) -> Gaps {
        Gaps::default()
    }

    /// Writes every file that is kept by one of `selectors` that names no paths, with the contents that any of them asks
    /// for, and returns what could not be read. It stays on the filesystem of each start, or also enters mounts below it.
    ///
    /// # Errors
    ///
    /// Fails when the reader of `out` is gone.
    fn walk(
        &self,
        selectors: &[&FileSelector],
        stays: bool,
        out: &mut dyn Write,
    ) -> io::Result<Gaps>;
}

/// Why a path could not be read.
pub(crate) fn refusal(error: Errno) -> GapKind {
    match error {
        Errno::ACCESS | Errno::PERM => GapKind::NotSearchable,
        Errno::NAMETOOLONG | Errno::LOOP => GapKind::OverLimit,
        _ => GapKind::NotReadable,
    }
}

/// Writes the union of the selections of `request`, and returns what could not be read.
pub(crate) fn files(
    tree: &dyn Tree,
    request: &InventoryRequest,
    out: &mut dyn Write,
) -> io::Result<Gaps> {
    let selectors = &request.files;
    let all: Vec<&FileSelector> = selectors.iter().collect();
    let mut named: Vec<&String> = selectors.iter().flat_map(|s| &s.paths).collect();
    named.sort();
    named.dedup();
    let mut gaps = Gaps::default();
    for path in named {
        let name = FilePath::from(path);
        let place = name.as_text();
        match tree.meta(place) {
            Ok(Some(meta)) => {
                let asked = |follow| {
                    let mut all = selectors.iter();
                    all.any(|s: &FileSelector| s.follow == follow && s.paths.contains(path))
                };
                let is_link = kind(meta.mode) == FileKind::Symlink;
                if is_link && asked(true) {
                    match tree.followed(place) {
                        Ok(found) => {
                            out.write_all(b"+")?;
                            named_line(found, path, out)?;
                        }
                        Err(error) => gaps.add(Gap::new(refusal(error)).at(name.clone())),
                    }
                    if !asked(false) {
                        continue;
                    }
                }
                let look = || tree.contents(place, meta.inode);
                let attribute = || tree.capability(place, meta.inode);
                keep_if(|_| true, &all, meta, &name.to_bytes(), out, look, attribute)?;
            }
            Ok(None) => named_line(None, path, out)?,
            Err(error) => gaps.add(Gap::new(refusal(error)).at(name)),
        }
    }
    if selectors.iter().any(FileSelector::walks) {
        gaps.extend(&tree.walk(&all, request.one_filesystem, out)?);
    }
    Ok(gaps)
}

/// Directories below which all selections lie, in order, each once and without a trailing slash.
pub(crate) fn starts(selectors: &[&FileSelector]) -> Vec<FilePath> {
    let mut all: Vec<FilePath> = Vec::new();
    for selector in selectors.iter().filter(|s| s.walks()) {
        if selector.under.is_empty() {
            all.push("/".into());
        }
        all.extend(
            selector
                .under
                .iter()
                .map(|dir| match dir.trim_end_matches('/') {
                    "" => "/".into(),
                    dir => dir.into(),
                }),
        );
    }
    all.sort();
    all.dedup();
    all
}

/// Writes `path` as a line `MODE UID GID SIZE [MODIFIED] PATH` if one of `selectors` that walk keeps it, and its contents
/// if any of them asks for them: a file that is reported twice has the same contents both times.
pub(crate) fn keep(
    selectors: &[&FileSelector],
    meta: Meta,
    path: &[u8],
    out: &mut dyn Write,
    look: impl FnOnce() -> Contents,
    attribute: impl FnOnce() -> Option<Vec<u8>>,
) -> io::Result<()> {
    let walks = |entry: &FileEntry| {
        let mut all = selectors.iter();
        all.any(|s| s.walks() && s.matches(entry))
    };
    keep_if(walks, selectors, meta, path, out, look, attribute)
}

fn keep_if(
    kept: impl FnOnce(&FileEntry) -> bool,
    selectors: &[&FileSelector],
    meta: Meta,
    path: &[u8],
    out: &mut dyn Write,
    look: impl FnOnce() -> Contents,
    attribute: impl FnOnce() -> Option<Vec<u8>>,
) -> io::Result<()> {
    let entry = FileEntry {
        kind: kind(meta.mode),
        exists: true,
        mode: i64::from(meta.mode & 0o7777),
        path: FilePath::from_bytes(path),
        ..FileEntry::default()
    };
    if !kept(&entry) {
        return Ok(());
    }
    let (mut digest, mut capabilities, mut times) = (false, false, false);
    for selector in selectors.iter().filter(|s| s.matches(&entry)) {
        digest |= selector.digest;
        capabilities |= selector.capabilities;
        times |= selector.times;
    }
    line(meta, times, path, out)?;
    if digest {
        contents(&look(), out)?;
    }
    if capabilities && entry.kind == FileKind::File {
        capability(attribute().as_deref(), out)?;
    }
    Ok(())
}

/// Without a line the reader of the answer counts the file as one whose capabilities are not known.
fn capability(attribute: Option<&[u8]>, out: &mut dyn Write) -> io::Result<()> {
    match attribute {
        Some(bytes) => writeln!(out, "^{}", hex(bytes)),
        None => Ok(()),
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2 + 1);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn contents(found: &Contents, out: &mut dyn Write) -> io::Result<()> {
    match found {
        Contents::Digest(digest) => writeln!(out, "={}", hex(digest)),
        Contents::Link(to) => {
            out.write_all(&encode_link(to))?;
            writeln!(out)
        }
        Contents::Unknown => Ok(()),
    }
}

/// The line of a file that was asked for by name, and may be absent.
fn named_line(found: Option<Meta>, path: &str, out: &mut dyn Write) -> io::Result<()> {
    if let Some(meta) = found {
        return line(meta, false, path.as_bytes(), out);
    }
    out.write_all(b"- ")?;
    out.write_all(&encode_path(path.as_bytes()))?;
    writeln!(out)
}

fn line(meta: Meta, times: bool, path: &[u8], out: &mut dyn Write) -> io::Result<()> {
    let Meta {
        mode,
        uid,
        gid,
        size,
        modified,
        inode: _,
        device,
    } = meta;
    write!(out, "{mode:x} {uid} {gid} {size} ")?;
    if let Some(seconds) = modified.filter(|_| times) {
        write!(out, "{seconds}")?;
        if let Some((major, minor)) = device {
            write!(out, ",{major:x}:{minor:x}")?;
        }
        write!(out, " ")?;
    }
    out.write_all(&encode_path(path))?;
    writeln!(out)
}

fn is_device(mode: u32) -> bool {
    matches!(kind(mode), FileKind::BlockDevice | FileKind::CharDevice)
}

pub(crate) fn kind(mode: u32) -> FileKind {
    use rustix::fs::FileType;
    match FileType::from_raw_mode(mode) {
        FileType::Directory => FileKind::Directory,
        FileType::Symlink => FileKind::Symlink,
        FileType::BlockDevice => FileKind::BlockDevice,
        FileType::CharacterDevice => FileKind::CharDevice,
        FileType::Fifo => FileKind::Fifo,
        FileType::Socket => FileKind::Socket,
        _ => FileKind::File,
    }
}
