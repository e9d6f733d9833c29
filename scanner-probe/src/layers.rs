//! The root filesystem that the layers of an image make together, without unpacking it to a disk.
//!
//! Owners and permissions are those that the image says, whoever reads it. See the OCI image
//! specification, "Image Layer Filesystem Changeset", for whiteouts.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    ops::Bound,
    sync::Arc,
};

use rustix::{fs::FileType, io::Errno};
use scanner_inventory::{FileSelector, MAX_DIGEST};

use crate::{
    contents,
    headers::Headers,
    language,
    tree::{self, Contents, Meta, ReadAt, Tree},
};

/// Files of all layers together.
const MAX_FILES: usize = 2_000_000;
/// Longest text file that is kept, and all that is kept together, in bytes.
const MAX_TEXT: u64 = 16 << 20;
const MAX_KEPT: u64 = 256 << 20;
/// Links in a path before it counts as a loop, as in the kernel.
const MAX_LINKS: usize = 40;
/// Where the text files are that an inventory reads.
const TEXTS: [&str; 5] = [
    "/etc/",
    "/usr/lib/os-release",
    "/var/lib/dpkg/",
    "/lib/apk/db/",
    "/usr/lib/apk/db/",
];
/// Record of PAX for a file's capabilities, as GNU tar, Go and libarchive write it.
const CAPABILITY: &[u8] = b"SCHILY.xattr.security.capability";
/// Databases, which may be longer than a text.
const DATABASES: [&str; 6] = [
    "/var/lib/rpm/rpmdb.sqlite",
    "/var/lib/rpm/Packages.db",
    "/var/lib/rpm/Packages",
    "/usr/lib/sysimage/rpm/rpmdb.sqlite",
    "/usr/lib/sysimage/rpm/Packages.db",
    "/usr/lib/sysimage/rpm/Packages",
];

#[derive(Debug, Clone)]
struct Node {
    meta: Meta,
    link: Option<String>,
    /// What is in it, where an inventory reads that; hard links share it.
    bytes: Option<Arc<Vec<u8>>>,
    digest: Option<[u8; 32]>,
    /// Its attribute `security.capability`, where the archive tells attributes.
    capability: Option<Vec<u8>>,
}

/// A root filesystem in memory: what is in its files is kept only where an inventory reads it.
#[derive(Debug, Default)]
pub struct Layers {
    nodes: BTreeMap<String, Node>,
    /// Bytes that are kept.
    kept: u64,
    /// Whether digests of files are taken as they pass.
    digests: bool,
    /// Entries that could not be taken, such as names that lead out of the root.
    lost: u64,
    /// Digest of the image's manifest, where the archive has one that was verified.
    pub(crate) manifest: Option<String>,
}

impl Layers {
    /// A root filesystem without layers, which takes digests of files if they are wanted.
    pub fn new(digests: bool) -> Self {
        Self {
            digests,
            ..Self::default()
        }
    }

    /// Digest of the image's manifest, by which registries name it. An archive of `docker save` has
    /// none.
    pub fn manifest_digest(&self) -> Option<&str> {
        self.manifest.as_deref()
    }

    /// Puts one layer, as a tar archive, on top.
    ///
    /// # Errors
    ///
    /// Fails when it is no tar archive, or has too many files.
    pub fn add(&mut self, layer: impl Read) -> io::Result<()> {
        let mut archive = tar::Archive::new(Headers::new(layer));
        let mut upper: Vec<(String, Node)> = Vec::new();
        // Where in `upper` a hard link finds what it names.
        let mut latest: BTreeMap<String, usize> = BTreeMap::new();
        for entry in archive.entries()? {
            let mut entry = entry?;
            let Some(path) = inside(&entry.path_bytes()) else {
                self.lost += 1;
                continue;
            };
            let (parent, name) = path.rsplit_once('/').unwrap_or(("", &path));
            // A whiteout hides what is below this layer, never what is in it.
            if name == ".wh..wh..opq" {
                self.remove(&self.real(parent), false);
                continue;
            }
            if let Some(hidden) = name.strip_prefix(".wh.") {
                self.remove(&format!("{}/{hidden}", self.real(parent)), true);
                continue;
            }
            if self.nodes.len() + upper.len() >= MAX_FILES {
                return Err(io::Error::other("the image has too many files"));
            }
            let linked = entry.link_name_bytes().and_then(|to| inside(&to));
            let linked = linked.and_then(|to| match latest.get(&to) {
                Some(at) => Some(&upper[*at].1),
                None => self.nodes.get(&to),
            });
            let linked = linked.cloned();
            match self.node(&mut entry, &path, linked) {
                Some(node) => {
                    latest.insert(path.clone(), upper.len());
                    upper.push((path, node));
                }
                None => self.lost += 1,
            }
        }
        for (path, node) in upper {
            let (parent, name) = path.rsplit_once('/').unwrap_or(("", &path));
            let path = format!("{}/{name}", self.real(parent));
            if FileType::from_raw_mode(node.meta.mode) != FileType::Directory {
                self.remove(&path, true);
            }
            self.nodes.insert(path, node);
        }
        Ok(())
    }

    fn node<R: Read>(
        &mut self,
        entry: &mut tar::Entry<'_, R>,
        path: &str,
        linked: Option<Node>,
    ) -> Option<Node> {
        let capability = capability(entry);
        let header = entry.header();
        let kind = match header.entry_type() {
            tar::EntryType::Regular | tar::EntryType::Continuous | tar::EntryType::GNUSparse => {
                FileType::RegularFile
            }
            tar::EntryType::Directory => FileType::Directory,
            tar::EntryType::Symlink => FileType::Symlink,
            tar::EntryType::Char => FileType::CharacterDevice,
            tar::EntryType::Block => FileType::BlockDevice,
            tar::EntryType::Fifo => FileType::Fifo,
            tar::EntryType::Link => return linked,
            _ => return None,
        };
        let meta = Meta {
            mode: kind.as_raw_mode() | (header.mode().ok()? & 0o7777),
            uid: owner(&header.as_old().uid, header.uid())?,
            gid: owner(&header.as_old().gid, header.gid())?,
            size: entry.size(),
        };
        let link = match kind {
            FileType::Symlink => {
                Some(String::from_utf8_lossy(&entry.link_name_bytes()?).into_owned())
            }
            _ => None,
        };
        let real = {
            let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
            format!("{}/{name}", self.real(parent))
        };
        let is_read = |p: &&str| {
            let text = TEXTS.iter().any(|t| p.starts_with(t)) && meta.size <= MAX_TEXT;
            text || DATABASES.contains(p) || language::is_read(p, meta.size)
        };
        let wanted = kind == FileType::RegularFile
            && self.kept.saturating_add(meta.size) <= MAX_KEPT
            && [path, &real].iter().any(is_read);
        let mut bytes = Vec::new();
        let digest = if kind == FileType::RegularFile && self.digests && meta.size <= MAX_DIGEST {
            contents::digest(Copied(entry, wanted.then_some(&mut bytes)), meta.size).ok()?
        } else {
            if wanted {
                entry.take(meta.size).read_to_end(&mut bytes).ok()?;
            }
            None
        };
        self.kept += bytes.len() as u64;
        Some(Node {
            meta,
            link,
            bytes: wanted.then(|| Arc::new(bytes)),
            digest,
            capability,
        })
    }

    /// Removes what is below `path`, and with `itself` also what is there.
    fn remove(&mut self, path: &str, itself: bool) {
        if itself {
            self.nodes.remove(path);
        }
        let below = format!("{path}/");
        let from = (Bound::Included(below.clone()), Bound::Unbounded);
        let gone: Vec<String> = self
            .nodes
            .range(from)
            .map(|(path, _)| path.clone())
            .take_while(|path| path.starts_with(&below))
            .collect();
        for path in gone {
            self.nodes.remove(&path);
        }
    }

    /// What is in the regular file at `path`; `None` when there is none.
    fn bytes(&self, path: &str) -> Result<Option<&[u8]>, Errno> {
        let Some(node) = self.nodes.get(&self.real(path)) else {
            return Ok(None);
        };
        match FileType::from_raw_mode(node.meta.mode) {
            FileType::RegularFile => match &node.bytes {
                Some(bytes) => Ok(Some(bytes)),
                None => Err(Errno::FBIG),
            },
            FileType::Symlink => Err(Errno::LOOP),
            _ => Err(Errno::INVAL),
        }
    }

    /// `path` with every link in it followed, within the root; a loop is cut where it is.
    fn real(&self, path: &str) -> String {
        let mut left: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let (mut at, mut links) = (String::new(), 0);
        while let Some(part) = left.pop() {
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    at.truncate(at.rfind('/').unwrap_or(0));
                    continue;
                }
                _ => {}
            }
            let next = format!("{at}/{part}");
            match self.nodes.get(&next).and_then(|node| node.link.as_ref()) {
                Some(to) if links < MAX_LINKS => {
                    links += 1;
                    if to.starts_with('/') {
                        at.clear();
                    }
                    left.extend(to.split('/').rev().map(str::to_owned));
                }
                _ => at = next,
            }
        }
        at
    }
}

/// Keeps what passes, if it is to be kept.
struct Copied<'a, R>(R, Option<&'a mut Vec<u8>>);

impl<R: Read> Read for Copied<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer)?;
        if let Some(kept) = &mut self.1 {
            kept.extend_from_slice(&buffer[..read]);
        }
        Ok(read)
    }
}

/// Bytes in memory, which nobody writes to.
#[derive(Debug)]
struct Kept<'a>(&'a [u8]);

impl ReadAt for Kept<'_> {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).ok();
        let bytes = start.and_then(|at| self.0.get(at..at.checked_add(into.len())?));
        into.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn is_unchanged(&self) -> bool {
        true
    }
}

impl Node {
    fn contents(&self) -> Contents {
        match (&self.link, self.digest) {
            (Some(to), _) => Contents::Link(to.clone().into_bytes()),
            (None, Some(digest)) => Contents::Digest(digest),
            _ => Contents::Unknown,
        }
    }
}

/// An owner; a blank field is root, as container runtimes read it.
fn owner(field: &[u8], read: io::Result<u64>) -> Option<u64> {
    let blank = field.iter().all(|byte| matches!(byte, 0 | b' '));
    if blank { Some(0) } else { read.ok() }
}

/// The attribute `security.capability` of an entry, empty when it has none; `None` when its attributes
/// cannot be read: a record of PAX may hold any byte, and one with a line's end in it is not read whole.
fn capability<R: Read>(entry: &mut tar::Entry<'_, R>) -> Option<Vec<u8>> {
    let Some(records) = entry.pax_extensions().ok()? else {
        return Some(Vec::new());
    };
    let mut found = Vec::new();
    for record in records {
        let record = record.ok()?;
        if record.key_bytes() == CAPABILITY {
            found = record.value_bytes().to_vec();
        }
    }
    Some(found)
}

/// A path of an archive as an absolute one; `None` where it leads out.
fn inside(path: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(path);
    let mut out = String::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => return None,
            part => {
                out.push('/');
                out.push_str(part);
            }
        }
    }
    Some(out)
}

impl Tree for Layers {
    fn meta(&self, path: &str) -> Result<Option<Meta>, Errno> {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let path = format!("{}/{name}", self.real(parent));
        Ok(self.nodes.get(&path).map(|node| node.meta))
    }

    fn contents(&self, path: &str) -> Contents {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let found = self.nodes.get(&format!("{}/{name}", self.real(parent)));
        found.map_or(Contents::Unknown, Node::contents)
    }

    fn capability(&self, path: &str) -> Option<Vec<u8>> {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let node = self.nodes.get(&format!("{}/{name}", self.real(parent)))?;
        node.capability.clone()
    }

    fn open(&self, path: &str) -> Result<Option<Box<dyn ReadAt + '_>>, Errno> {
        let bytes = self.bytes(path)?;
        Ok(bytes.map(|bytes| Box::new(Kept(bytes)) as Box<dyn ReadAt>))
    }

    fn text(&self, path: &str) -> Result<Option<String>, Errno> {
        let bytes = self.bytes(path)?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
    }

    fn names(&self, path: &str) -> Result<Vec<String>, Errno> {
        let below = format!("{}/", self.real(path));
        let from = (Bound::Included(below.clone()), Bound::Unbounded);
        let within = self.nodes.range(from).map(|(path, _)| path);
        Ok(within
            .map_while(|path| path.strip_prefix(&below))
            .filter(|name| !name.contains('/'))
            .map(str::to_owned)
            .collect())
    }

    fn is_program(&self, path: &str) -> bool {
        self.nodes.get(&self.real(path)).is_some_and(|node| {
            FileType::from_raw_mode(node.meta.mode) == FileType::RegularFile
                && node.meta.mode & 0o111 != 0
        })
    }

    fn walk(&self, selectors: &[&FileSelector], out: &mut dyn Write) -> io::Result<u64> {
        for (path, node) in &self.nodes {
            let (look, attribute) = (|| node.contents(), || node.capability.clone());
            tree::keep(selectors, node.meta, path.as_bytes(), out, look, attribute)?;
        }
        Ok(self.lost)
    }
}

#[cfg(test)]
mod tests;
