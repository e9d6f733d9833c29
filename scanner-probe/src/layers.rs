//! The root filesystem that the layers of an image make together, without unpacking it to a disk.
//!
//! It is what containerd's `archive.Apply` would unpack for root, one layer after the other: the same names, links, owners
//! and permissions, whoever reads it. Everything that containerd refuses is refused.

mod acl;
mod apply;
mod attributes;
mod bad;
mod inodes;
mod resolve;
mod state;
mod steps;
mod views;
mod wanted;

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
};

use rustix::io::Errno;
use scanner_inventory::{FilePath, FileSelector, Gap, GapKind, Gaps};

pub(crate) use self::resolve::clean;
use self::{
    inodes::{Body, File, Id, Inode, Inodes, ROOT},
    state::Former,
    steps::Steps,
    wanted::{DATABASES, FOLDERS, MAX_KEPT, MAX_TEXT, NAMED, is_read},
};
use crate::{
    root::bytes,
    tar::{Reader, Stream},
    tree::{self, Contents, Meta, ReadAt, Tree},
};

/// A root filesystem in memory: contents of files are kept only if an inventory reads them.
#[derive(Debug, Default)]
pub struct Layers {
    inodes: Inodes,
    /// Whether digests of files are taken as they pass.
    digests: bool,
    /// Layers so far.
    count: usize,
    steps: Steps,
    /// Bytes of holes that were read.
    holes: u64,
    /// Places at which runtimes that unpack each layer by itself have something else.
    elsewhere: Gaps,
    former: Former,
    /// Digest of the image's manifest, if the archive has one that was verified.
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
    /// Fails when a container runtime would refuse it, when it has too many files or leads through links without end, and
    /// if the result would depend on the machine.
    pub fn add(&mut self, layer: impl Read) -> io::Result<()> {
        self.apply(layer)
    }

    /// Files that an inventory reads but whose bytes were not kept as they passed: files behind links, and files for which
    /// there was no room. By layer and place in it.
    pub(crate) fn missing(&self) -> Missing {
        let mut missing = Missing::new();
        let mut room = MAX_KEPT.saturating_sub(self.inodes.kept);
        let mut want = |id: Id| {
            let inode = self.inodes.get(id);
            let Body::File(File { bytes, source, .. }) = &inode.body else {
                return;
            };
            if bytes.is_some()
                || missing
                    .get(&source.0)
                    .is_some_and(|m| m.contains_key(&source.1))
            {
                return;
            }
            if let Some(left) = room.checked_sub(inode.size) {
                room = left;
                missing.entry(source.0).or_default().insert(source.1, id);
            }
        };
        let named = |path: &str| self.inodes.look_up(path.as_bytes(), true).ok().flatten();
        for path in NAMED {
            if let Some(id) = named(path).filter(|id| self.inodes.get(*id).size <= MAX_TEXT) {
                want(id);
            }
        }
        for path in DATABASES {
            if let Some(id) = named(path) {
                want(id);
            }
        }
        for folder in FOLDERS {
            let Some(id) = named(folder) else { continue };
            for (name, _) in self.inodes.children(id) {
                let path = [folder.as_bytes(), b"/", name].concat();
                let found = self.inodes.look_up(&path, true).ok().flatten();
                if let Some(id) = found.filter(|id| self.inodes.get(*id).size <= MAX_TEXT) {
                    want(id);
                }
            }
        }
        let every: Result<(), Errno> = self.inodes.each(ROOT, b"", |path, id| {
            if is_read(path, self.inodes.get(id).size) {
                want(id);
            }
            Ok(())
        });
        debug_assert!(every.is_ok());
        missing
    }

    /// Reads a layer again, for the bytes of the files in it that are missing.
    pub(crate) fn fill(&mut self, layer: impl Read, missing: &BTreeMap<u64, Id>) -> io::Result<()> {
        let mut reader = Reader::new(Stream(layer));
        let mut number = 0;
        while reader.next()?.is_some() {
            if let Some(id) = missing.get(&number) {
                let mut bytes = Vec::new();
                reader.read_to_end(&mut bytes)?;
                self.inodes.keep(*id, bytes);
            }
            number += 1;
        }
        Ok(())
    }

    /// The inode at `path`, a link at its end followed or not.
    fn look_up(&self, path: &str, follow: bool) -> Result<Option<&Inode>, Errno> {
        let found = self.inodes.look_up(&bytes(path)?, follow)?;
        Ok(found.map(|id| self.inodes.get(id)))
    }

    /// The contents of the regular file at `path`; `None` if there is none.
    fn bytes(&self, path: &str) -> Result<Option<&[u8]>, Errno> {
        let Some(inode) = self.look_up(path, true)? else {
            return Ok(None);
        };
        match &inode.body {
            Body::File(File {
                bytes: Some(bytes), ..
            }) => Ok(Some(bytes)),
            Body::File(_) => Err(Errno::FBIG),
            _ => Err(Errno::INVAL),
        }
    }
}

/// Files by their layer, and by their place among its entries.
pub(crate) type Missing = BTreeMap<usize, BTreeMap<u64, Id>>;

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

impl Tree for Layers {
    fn meta(&self, path: &str) -> Result<Option<Meta>, Errno> {
        Ok(self.look_up(path, false)?.map(Inode::meta))
    }

    fn followed(&self, path: &str) -> Result<Option<Meta>, Errno> {
        Ok(self.look_up(path, true)?.map(Inode::meta))
    }

    fn contents(&self, path: &str, _: Option<tree::Inode>) -> Contents {
        match self.look_up(path, false) {
            Ok(Some(inode)) => inode.contents(),
            _ => Contents::Unknown,
        }
    }

    fn capability(&self, path: &str, _: Option<tree::Inode>) -> Option<Vec<u8>> {
        let inode = self.look_up(path, false).ok()??;
        Some(inode.capability.clone())
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
        let Some(id) = self.inodes.look_up(&bytes(path)?, true)? else {
            return Ok(Vec::new());
        };
        let children = self.inodes.children(id);
        Ok(children
            .map(|(name, _)| FilePath::from_bytes(name).to_text())
            .collect())
    }

    fn elsewhere(&self) -> Gaps {
        self.elsewhere.clone()
    }

    fn walk(&self, selectors: &[&FileSelector], _: bool, out: &mut dyn Write) -> io::Result<Gaps> {
        let mut keep = |path: &[u8], id: Id| {
            let inode = self.inodes.get(id);
            let (look, attribute) = (|| inode.contents(), || Some(inode.capability.clone()));
            tree::keep(selectors, inode.meta(), path, out, look, attribute)
        };
        self.inodes.each(ROOT, b"", &mut keep)?;
        let (behind, gaps) = self.starts_behind_links(selectors);
        for (start, id) in behind {
            // A link itself was met on the way.
            if self.inodes.look_up(&start, false) == Ok(Some(id)) {
                keep(&start, id)?;
            }
            self.inodes.each(id, &start, &mut keep)?;
        }
        Ok(gaps)
    }
}

impl Layers {
    /// Directories to walk that lie behind links, such as /home on some systems: their files have another name where they
    /// really are. Also those that cannot be read.
    fn starts_behind_links(&self, selectors: &[&FileSelector]) -> (Vec<(Vec<u8>, Id)>, Gaps) {
        let (mut behind, mut gaps) = (Vec::<(Vec<u8>, Id)>::new(), Gaps::default());
        for start in tree::starts(selectors) {
            let start = clean(&start.to_bytes());
            let ends = (1..=start.len()).filter(|at| matches!(start.get(*at), None | Some(b'/')));
            let is_link = |at: &usize| {
                let found = self.inodes.look_up(&start[..*at], false).ok().flatten();
                found.is_some_and(|id| matches!(self.inodes.get(id).body, Body::Link(_)))
            };
            let Some(link) = ends.rev().find(is_link) else {
                continue;
            };
            // A directory below another one is walked with that.
            let above = |(other, _): &(Vec<u8>, Id)| {
                other.len() >= link && start.starts_with(&[other, &b"/"[..]].concat())
            };
            if behind.iter().any(above) {
                continue;
            }
            match self.inodes.look_up(&start, true) {
                Ok(Some(id)) if self.inodes.is_directory(id) => behind.push((start, id)),
                // There is nothing below something that is not a directory.
                Ok(_) => {}
                Err(_) => {
                    gaps.add(Gap::new(GapKind::NotReadable).at(&start[..]));
                }
            }
        }
        (behind, gaps)
    }
}

#[cfg(test)]
mod tests;
