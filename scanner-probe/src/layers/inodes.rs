//! Inodes and the directories that name them, as a filesystem has them: hard links are one inode.

use std::collections::BTreeMap;

use rustix::fs::FileType;

use super::{
    bad::{Bad, bad},
    steps::Steps,
};
use crate::tree::{Contents, Meta};

/// Number of an inode.
pub(super) type Id = u32;
/// The root directory.
pub(super) const ROOT: Id = 0;

/// Most names of all files together, and bytes of names and of what links lead to.
const MAX_FILES: usize = 2_000_000;
pub(super) const MAX_BYTES: usize = 512 << 20;
/// Longest name of a file in a directory in bytes, as in Linux.
pub(super) const MAX_NAME: usize = 255;

/// The contents of an inode.
#[derive(Debug, Clone)]
pub(super) enum Body {
    Directory(BTreeMap<Box<[u8]>, Id>),
    File(File),
    Link(Box<[u8]>),
    /// A device or FIFO, by its type.
    Special(u32),
}

/// A regular file.
#[derive(Debug, Clone, Default)]
pub(super) struct File {
    pub(super) digest: Option<[u8; 32]>,
    /// Its contents, if an inventory reads them.
    pub(super) bytes: Option<Vec<u8>>,
    /// Its layer, and its place among the entries there.
    pub(super) source: (usize, u64),
}

/// What was removed together with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Removed {
    Nothing,
    Something,
    /// Also files that the layer itself has unpacked.
    Own,
    /// Also files that are astray.
    Astray,
}

#[derive(Debug, Clone)]
pub(super) struct Inode {
    pub(super) body: Body,
    /// Permissions, without the type.
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) size: u64,
    /// Attribute `security.capability`, empty when there is none.
    pub(super) capability: Vec<u8>,
    /// How many names it has.
    names: u32,
    /// The layer that it is from.
    layer: u32,
    /// Whether it was unpacked below a link of a layer below, see `views`.
    pub(super) astray: bool,
}

impl Inode {
    pub(super) const fn new(body: Body, size: u64) -> Self {
        Self {
            body,
            mode: 0o755,
            uid: 0,
            gid: 0,
            size,
            capability: Vec::new(),
            names: 0,
            layer: 0,
            astray: false,
        }
    }

    pub(super) const fn directory() -> Self {
        Self::new(Body::Directory(BTreeMap::new()), 0)
    }

    pub(super) fn meta(&self) -> Meta {
        let kind = match self.body {
            Body::Directory(_) => FileType::Directory.as_raw_mode(),
            Body::File(_) => FileType::RegularFile.as_raw_mode(),
            Body::Link(_) => FileType::Symlink.as_raw_mode(),
            Body::Special(kind) => kind,
        };
        Meta {
            mode: kind | self.mode,
            uid: self.uid.into(),
            gid: self.gid.into(),
            size: self.size,
            modified: None,
            inode: None,
            device: None,
        }
    }

    pub(super) fn contents(&self) -> Contents {
        match &self.body {
            Body::Link(to) => Contents::Link(to.to_vec()),
            Body::File(File {
                digest: Some(digest),
                ..
            }) => Contents::Digest(*digest),
            _ => Contents::Unknown,
        }
    }
}

/// All inodes of an image.
#[derive(Debug)]
pub(super) struct Inodes {
    all: Vec<Inode>,
    /// Numbers that are free again.
    free: Vec<Id>,
    pub(super) names: usize,
    /// Bytes of names and link targets.
    pub(super) bytes: usize,
    /// The layer that is unpacked.
    pub(super) layer: u32,
    /// Bytes of files that are kept.
    pub(super) kept: u64,
}

impl Default for Inodes {
    fn default() -> Self {
        Self {
            all: vec![Inode::directory()],
            free: Vec::new(),
            names: 0,
            bytes: 0,
            layer: 0,
            kept: 0,
        }
    }
}

impl Inodes {
    pub(super) fn get(&self, id: Id) -> &Inode {
        // An unknown number would stand for the root, but there are none.
        self.all.get(id as usize).unwrap_or(&self.all[0])
    }

    pub(super) fn get_mut(&mut self, id: Id) -> &mut Inode {
        let at = if (id as usize) < self.all.len() {
            id as usize
        } else {
            0
        };
        &mut self.all[at]
    }

    /// The file `name` in `directory`; `None` if there is none, or if it is not a directory.
    pub(super) fn child(&self, directory: Id, name: &[u8]) -> Option<Id> {
        match &self.get(directory).body {
            Body::Directory(children) => children.get(name).copied(),
            _ => None,
        }
    }

    pub(super) fn is_directory(&self, id: Id) -> bool {
        matches!(self.get(id).body, Body::Directory(_))
    }

    /// Whether it is from a layer below the one that is unpacked.
    pub(super) fn is_below(&self, id: Id) -> bool {
        self.get(id).layer < self.layer
    }

    /// Adds an inode as `name` of `directory`, where nothing has that name. As in Linux, the group is that of a directory
    /// with the setgid bit.
    pub(super) fn add(&mut self, directory: Id, name: &[u8], mut inode: Inode) -> Result<Id, Bad> {
        let above = self.get(directory);
        inode.layer = self.layer;
        if above.mode & 0o2000 != 0 {
            inode.gid = above.gid;
        }
        if let Body::File(File {
            bytes: Some(bytes), ..
        }) = &inode.body
        {
            self.kept += bytes.len() as u64;
        }
        if let Body::Link(target) = &inode.body {
            self.bytes += target.len();
        }
        let id = if let Some(id) = self.free.pop() {
            *self.get_mut(id) = inode;
            id
        } else {
            self.all.push(inode);
            Id::try_from(self.all.len() - 1).map_err(|_| bad("the image has too many files"))?
        };
        self.name(directory, name, id)?;
        Ok(id)
    }

    /// Gives an inode one more name.
    pub(super) fn name(&mut self, directory: Id, name: &[u8], id: Id) -> Result<(), Bad> {
        if name.len() > MAX_NAME {
            return Err(bad("a name is longer than Linux allows"));
        }
        self.bytes += name.len();
        if self.names >= MAX_FILES || self.bytes > MAX_BYTES {
            return Err(bad("the image has too many files"));
        }
        let Body::Directory(children) = &mut self.get_mut(directory).body else {
            return Err(bad("a file is below another one that is not a directory"));
        };
        children.insert(name.into(), id);
        self.names += 1;
        self.get_mut(id).names += 1;
        Ok(())
    }

    /// Removes a name, and all below it.
    pub(super) fn remove(&mut self, directory: Id, name: &[u8]) -> Removed {
        let Body::Directory(children) = &mut self.get_mut(directory).body else {
            return Removed::Nothing;
        };
        let Some((name, id)) = children.remove_entry(name) else {
            return Removed::Nothing;
        };
        let mut removed = Removed::Something;
        let mut gone: Vec<(Box<[u8]>, Id)> = vec![(name, id)];
        while let Some((name, id)) = gone.pop() {
            self.names -= 1;
            self.bytes -= name.len();
            let layer = self.layer;
            let inode = self.get_mut(id);
            inode.names -= 1;
            if inode.astray {
                removed = Removed::Astray;
            } else if inode.layer == layer {
                removed = removed.max(Removed::Own);
            }
            if inode.names > 0 {
                continue;
            }
            match std::mem::replace(&mut inode.body, Body::Special(0)) {
                Body::Directory(children) => gone.extend(children),
                Body::Link(target) => self.bytes -= target.len(),
                Body::File(File {
                    bytes: Some(bytes), ..
                }) => self.kept -= bytes.len() as u64,
                _ => {}
            }
            self.free.push(id);
        }
        removed
    }

    /// The inode at a clean path without links.
    pub(super) fn at(&self, path: &[u8]) -> Option<Id> {
        let parts = path.split(|byte| *byte == b'/').filter(|p| !p.is_empty());
        parts
            .into_iter()
            .try_fold(ROOT, |id, part| self.child(id, part))
    }

    /// How many bytes of a clean path without links exist, as the path itself or of a directory above it.
    pub(super) fn there(&self, path: &[u8]) -> usize {
        let (mut id, mut end) = (ROOT, 0);
        for part in path.split(|byte| *byte == b'/').skip(1) {
            match self.child(id, part) {
                Some(child) => id = child,
                None if part.is_empty() => {}
                None => return end,
            }
            end += 1 + part.len();
        }
        path.len()
    }

    /// The directory at a clean path without links; missing ones are created with root as their owner.
    pub(super) fn make_directories(&mut self, path: &[u8]) -> Result<Id, Bad> {
        let mut id = ROOT;
        for part in path.split(|byte| *byte == b'/').filter(|p| !p.is_empty()) {
            id = match self.child(id, part) {
                Some(child) => child,
                None => self.add(id, part, Inode::directory())?,
            };
        }
        if self.is_directory(id) {
            return Ok(id);
        }
        Err(bad("a file is below another one that is not a directory"))
    }

    /// Removes everything below a directory except what is `kept`. `goes` is called for each one before.
    pub(super) fn empty(
        &mut self,
        directory: Id,
        path: &[u8],
        kept: impl Fn(&[u8]) -> bool,
        mut goes: impl FnMut(&Self, &[u8], Id) -> Result<(), Bad>,
        steps: &mut Steps,
    ) -> Result<Removed, Bad> {
        let mut removed = Removed::Nothing;
        let mut open = vec![(directory, path.strip_suffix(b"/").unwrap_or(path).to_vec())];
        while let Some((directory, path)) = open.pop() {
            let children: Vec<(Box<[u8]>, Id)> = self
                .children(directory)
                .map(|(name, id)| (name.into(), id))
                .collect();
            steps.take(children.len())?;
            for (name, id) in children {
                let path = [&path, &b"/"[..], &name].concat();
                if !kept(&path) {
                    goes(self, &path, id)?;
                    self.each(id, &path, |path, id| goes(self, path, id))?;
                    removed = removed.max(self.remove(directory, &name));
                } else if self.is_directory(id) {
                    open.push((id, path));
                }
            }
        }
        Ok(removed)
    }

    /// Keeps the contents of a file.
    pub(super) fn keep(&mut self, id: Id, bytes: Vec<u8>) {
        self.kept += bytes.len() as u64;
        if let Body::File(file) = &mut self.get_mut(id).body {
            file.bytes = Some(bytes);
        }
    }

    /// Names of a directory in order; none if it is not a directory.
    pub(super) fn children(&self, id: Id) -> impl Iterator<Item = (&[u8], Id)> {
        let children = match &self.get(id).body {
            Body::Directory(children) => Some(children),
            _ => None,
        };
        let children = children.into_iter().flatten();
        children.map(|(name, id)| (&**name, *id))
    }

    /// Looks at everything below a directory, with its path behind `prefix`.
    pub(super) fn each<E>(
        &self,
        directory: Id,
        prefix: &[u8],
        mut look: impl FnMut(&[u8], Id) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut path = prefix.to_vec();
        let mut open = vec![(path.len(), self.children(directory))];
        while let Some((length, children)) = open.last_mut() {
            path.truncate(*length);
            let Some((name, id)) = children.next() else {
                open.pop();
                continue;
            };
            path.push(b'/');
            path.extend_from_slice(name);
            look(&path, id)?;
            if self.is_directory(id) {
                open.push((path.len(), self.children(id)));
            }
        }
        Ok(())
    }
}
