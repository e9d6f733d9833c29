//! Files: one line for each, and lines after it for its contents.
//!
//! `MODE UID GID SIZE PATH` is a file, or `MODE UID GID SIZE MODIFIED PATH` where times were asked for; there `,MAJOR:MINOR`
//! in hexadecimal may follow MODIFIED, which is of a device. `- PATH` says that there is none. After `+`, both speak of what the link PATH leads to. `=DIGEST` and `>TARGET`
//! speak of the file before them. Before the first file they speak of the path that a line with a path alone has named;
//! `=DIGEST PATH` says itself which one it means. `~TARGET` is `>TARGET` as escaped text. `^XATTR` is the attribute `security.capability` of the
//! file before it in hexadecimal, empty when it has none. `%PACKAGE` is the package that owns the file before it.

use std::collections::BTreeMap;

use super::{
    capabilities::of_file,
    line::{field, number_of},
};
use crate::{
    gap::{Attribute, Gap, GapKind},
    gaps::Gaps,
    model::{FileEntry, FileKind},
    path::FilePath,
    request::{FileSelector, InventoryRequest, MAX_DIGEST},
    wire::{decode_path, escaped_text},
};

/// Length of a SHA-256 digest in hexadecimal.
const DIGEST: usize = 64;

/// Longest name of a package, in bytes.
const MAX_PACKAGE: usize = 255;
/// Most bytes of paths and contents that are kept until their files come. Contents beyond that are unknown.
const MAX_NAMED: usize = 64 << 20;
/// About how many bytes a path takes in memory beside its own.
const NAMED: usize = 200;

/// Reads the lines of the files one by one. A file is complete when the next one begins, so that memory grows only with
/// the contents that are sent before the files.
pub(super) struct FilesReader {
    wanted: Contents,
    named: BTreeMap<FilePath, Sent>,
    /// Bytes of them.
    kept: usize,
    current: Option<FilePath>,
    last: Option<FileEntry>,
    /// Whether the first file has come. Contents by path come before it.
    listing: bool,
    unreadable: u64,
    gaps: Gaps,
}

impl FilesReader {
    pub(super) fn new(request: &InventoryRequest) -> Self {
        Self {
            wanted: Contents::of(request),
            named: BTreeMap::new(),
            kept: 0,
            current: None,
            last: None,
            listing: false,
            unreadable: 0,
            gaps: Gaps::default(),
        }
    }

    /// Takes a line, and returns the file that it completes, if it completes one.
    pub(super) fn line(&mut self, line: &[u8]) -> Option<FileEntry> {
        let (read, complete) = match line.split_first() {
            Some((b'/' | b'\\', _)) => {
                self.current = decode_path(line).filter(|_| !self.listing);
                (self.current.is_some(), None)
            }
            Some((b'>', text)) => (self.link(Some(FilePath::from_bytes(text))), None),
            Some((b'~', text)) => (self.link(escaped_text(text)), None),
            Some((b'=', text)) => (self.digest(text).is_some(), None),
            Some((b'%', text)) => (self.package(text).is_some(), None),
            Some((b'^', text)) => (self.capabilities(text).is_some(), None),
            _ => {
                self.current = None;
                let next = file(line);
                let read = next.is_some();
                self.listing |= read;
                let complete = read
                    .then(|| std::mem::replace(&mut self.last, next))
                    .flatten();
                (read, complete)
            }
        };
        self.unreadable += u64::from(!read);
        complete.map(|file| self.complete(file))
    }

    fn sent(&mut self, path: &FilePath) -> Option<&mut Sent> {
        if !self.named.contains_key(path) {
            self.kept += path.as_text().len() + NAMED;
            if self.kept > MAX_NAMED {
                return None;
            }
        }
        Some(self.named.entry(path.clone()).or_default())
    }

    fn link(&mut self, target: Option<FilePath>) -> bool {
        let Some(target) = target else {
            return false;
        };
        if let Some(path) = self.current.clone() {
            self.kept += target.as_text().len();
            if let Some(sent) = self.sent(&path) {
                sent.link(target);
            }
            return true;
        }
        let Some(last) = &mut self.last else {
            return false;
        };
        last.link = target;
        true
    }

    fn digest(&mut self, text: &[u8]) -> Option<()> {
        let path = match text.iter().position(|byte| *byte == b' ') {
            Some(space) => Some(decode_path(&text[space + 1..]).filter(|_| !self.listing)?),
            None => self.current.clone(),
        };
        let digest = is_digest(&text[..text.len().min(DIGEST)])?;
        let alone = text.len() == DIGEST || text.get(DIGEST) == Some(&b' ');
        if !alone {
            return None;
        }
        if let Some(path) = path {
            if let Some(sent) = self.sent(&path) {
                sent.digest(digest);
            }
            return Some(());
        }
        digest.clone_into(&mut self.last.as_mut()?.digest);
        Some(())
    }

    fn package(&mut self, name: &[u8]) -> Option<()> {
        let last = self.last.as_mut().filter(|_| self.current.is_none())?;
        if name.len() > MAX_PACKAGE {
            return None;
        }
        last.package = field(name);
        Some(())
    }

    fn capabilities(&mut self, text: &[u8]) -> Option<()> {
        let last = self.last.as_mut().filter(|_| self.current.is_none())?;
        let found = of_file(text)?;
        last.capabilities = found.names;
        last.capability_sets = found.sets;
        last.capabilities_known = true;
        Some(())
    }

    /// Adds to a file the contents that were sent for its path, unless they contradict each other, and records what is missing.
    fn complete(&mut self, mut entry: FileEntry) -> FileEntry {
        // A file that is named and walked comes twice.
        let sent = self.named.get(&entry.path);
        if let Some(sent) = sent.filter(|sent| !sent.doubtful && !entry.followed) {
            match entry.kind {
                FileKind::File => entry.digest.clone_from(&sent.digest),
                FileKind::Symlink => entry.link.clone_from(&sent.link),
                _ => {}
            }
        }
        self.wanted.note(&entry, &mut self.gaps);
        entry
    }

    /// Returns the last file, the number of unreadable lines, and gaps for contents that are missing.
    pub(super) fn finish(mut self) -> (Option<FileEntry>, u64, Gaps) {
        let last = self.last.take().map(|file| self.complete(file));
        (last, self.unreadable, self.gaps)
    }
}

/// What lines said about a path.
#[derive(Default)]
struct Sent {
    digest: String,
    link: FilePath,
    doubtful: bool,
}

impl Sent {
    fn digest(&mut self, text: &str) {
        self.doubtful |= !self.digest.is_empty() && self.digest != text;
        text.clone_into(&mut self.digest);
    }

    fn link(&mut self, target: FilePath) {
        self.doubtful |= !self.link.is_empty() && self.link != target;
        self.link = target;
    }
}

/// Which contents of files a request asks for.
struct Contents {
    digests: Vec<FileSelector>,
    capabilities: Vec<FileSelector>,
}

impl Contents {
    fn of(request: &InventoryRequest) -> Self {
        let asking = |asks: fn(&FileSelector) -> bool, only: fn(&mut FileSelector)| {
            let mut asked: Vec<FileSelector> = request.files.clone();
            asked.retain(asks);
            asked.iter_mut().for_each(only);
            asked
        };
        Self {
            digests: asking(|s| s.digest, |s| s.capabilities = false),
            capabilities: asking(|s| s.capabilities, |s| s.digest = false),
        }
    }

    /// Adds a gap for requested contents of that file that are missing.
    fn note(&self, entry: &FileEntry, gaps: &mut Gaps) {
        if self.digests.iter().any(|s| s.misses(entry)) {
            let too_large = u64::try_from(entry.size).is_ok_and(|size| size > MAX_DIGEST);
            let gap = if too_large {
                Gap::new(GapKind::OverLimit).with_note("larger than what is read")
            } else {
                Gap::new(GapKind::Unknown)
                    .with_note("not readable, not read, or changed while they were read")
            };
            gaps.add(gap.at(entry.path.clone()).of_attribute(Attribute::Digest));
        }
        if self.capabilities.iter().any(|s| s.misses(entry)) {
            let gap = Gap::new(GapKind::Unsupported)
                .with_note("not known: only strategies with a probe read them");
            gaps.add(
                gap.at(entry.path.clone())
                    .of_attribute(Attribute::Capabilities),
            );
        }
    }
}

fn is_digest(text: &[u8]) -> Option<&str> {
    let hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let whole = text.len() == DIGEST && text.iter().all(hex);
    std::str::from_utf8(text).ok().filter(|_| whole)
}

fn file(line: &[u8]) -> Option<FileEntry> {
    match line.strip_prefix(b"+") {
        Some(line) => state(line).map(|entry| FileEntry {
            followed: true,
            ..entry
        }),
        None => state(line),
    }
}

fn state(line: &[u8]) -> Option<FileEntry> {
    if let Some(path) = line.strip_prefix(b"- ") {
        return Some(FileEntry {
            path: decode_path(path)?,
            ..FileEntry::default()
        });
    }
    let mut fields = line.splitn(5, |byte| *byte == b' ');
    let mode = std::str::from_utf8(fields.next()?).ok()?;
    let mode = i64::from_str_radix(mode, 16).ok()?;
    let (uid, gid, size) = (
        number_of(fields.next()?)?,
        number_of(fields.next()?)?,
        number_of(fields.next()?)?,
    );
    let (modified, device, path) = time_and_path(fields.next()?)?;
    // File types of inode(7).
    let kind = match mode & 0o170_000 {
        0o100_000 => FileKind::File,
        0o040_000 => FileKind::Directory,
        0o120_000 => FileKind::Symlink,
        0o060_000 => FileKind::BlockDevice,
        0o020_000 => FileKind::CharDevice,
        0o010_000 => FileKind::Fifo,
        0o140_000 => FileKind::Socket,
        _ => return None,
    };
    Some(FileEntry {
        path: decode_path(path)?,
        exists: true,
        kind,
        mode: mode & 0o7777,
        uid,
        gid,
        size,
        modified,
        device: match kind {
            FileKind::BlockDevice | FileKind::CharDevice => device.unwrap_or_default(),
            _ => String::new(),
        },
        ..FileEntry::default()
    })
}

/// The time before a path and the device after that time, if there are any. No path starts like a number.
fn time_and_path(rest: &[u8]) -> Option<(Option<i64>, Option<String>, &[u8])> {
    if !rest
        .first()
        .is_some_and(|byte| matches!(byte, b'-' | b'0'..=b'9'))
    {
        return Some((None, None, rest));
    }
    let end = rest.iter().position(|byte| *byte == b' ')?;
    let (field, path) = (std::str::from_utf8(&rest[..end]).ok()?, &rest[end + 1..]);
    let (seconds, device) = field.split_once(',').unwrap_or((field, ""));
    Some((Some(seconds.parse().ok()?), device_of(device), path))
}

/// A device by its numbers in hexadecimal.
fn device_of(text: &str) -> Option<String> {
    let (major, minor) = text.split_once(':')?;
    let number = |text: &str| u32::from_str_radix(text, 16).ok();
    Some(format!("{}:{}", number(major)?, number(minor)?))
}

#[cfg(test)]
mod tests;
