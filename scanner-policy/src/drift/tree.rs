//! The files of an image in little memory: a node for each, that holds its own name and where its directory is.

mod chunks;
mod index;
mod names;
mod node;
mod table;

use std::num::NonZeroU16;

use scanner_core::inventory::{FileEntry, FileKind, FilePath};

use chunks::Chunks;
use names::Names;
use node::{Digest, Node, Rare, State};
pub(crate) use node::{Id, ROOT};
use table::Table;

/// Files by their paths.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    names: Names,
    states: Table<State>,
    /// Names of packages.
    packages: Table<String>,
    owned: u64,
    digests: Chunks<Digest>,
    rare: Chunks<Rare>,
    files: u64,
    /// Whether there was more than this can hold.
    full: bool,
}

impl Tree {
    /// Keeps a file.
    pub(crate) fn add(&mut self, file: &FileEntry) {
        if self.keep(file).is_none() {
            self.full = true;
        }
    }

    fn keep(&mut self, file: &FileEntry) -> Option<()> {
        let id = self.make(file.path.as_text())?;
        let known = *self.names.node(id)?;
        if known.state.is_some() {
            return self.again(id, known);
        }
        let state = self.states.place(&State::of(file))?;
        let mut digest = Digest::default();
        let has_digest = hex::decode_to_slice(&file.digest, &mut digest).is_ok();
        let rare = Rare::of(file);
        let is_rare = rare.is_some();
        let more = match rare {
            Some(mut rare) => {
                rare.digest = has_digest.then(|| Box::new(digest));
                Some(self.rare.place(rare)?)
            }
            None if has_digest => Some(self.digests.place(digest)?),
            None => None,
        };
        let package = self.package(&file.package);
        self.owned += u64::from(package.is_some());
        let small = |number: i64| u32::try_from(number).unwrap_or_default();
        let node = self.names.node_mut(id)?;
        node.state = Some(state);
        node.package = package;
        node.size = small(file.size);
        node.modified = file.modified.map(small).unwrap_or_default();
        node.more = more;
        node.rare = is_rare;
        self.files += 1;
        if id != ROOT {
            let parent = self.parent(id);
            self.names.node_mut(parent)?.listed = true;
        }
        Some(())
    }

    /// Notes that another file came for that path.
    fn again(&mut self, id: Id, known: Node) -> Option<()> {
        if known.rare {
            self.rare.at_mut(known.more?)?.twice = true;
            return Some(());
        }
        let digest = known.more.and_then(|place| self.digests.at(place));
        let rare = Rare {
            digest: digest.copied().map(Box::new),
            twice: true,
            size: known.size.into(),
            modified: Some(known.modified.into()),
            ..Rare::default()
        };
        let place = self.rare.place(rare)?;
        let node = self.names.node_mut(id)?;
        (node.more, node.rare) = (Some(place), true);
        Some(())
    }

    /// The place of a package. If there are very many, only the first ones are known.
    fn package(&mut self, name: &String) -> Option<NonZeroU16> {
        let has_room = self.packages.len() < usize::from(u16::MAX) || self.packages.has(name);
        let place = (!name.is_empty() && has_room).then(|| self.packages.place(name));
        NonZeroU16::try_from(place??).ok()
    }

    fn package_of(&self, node: &Node) -> Option<&String> {
        self.packages.get(node.package?.into())
    }

    fn state_of(&self, node: &Node) -> Option<State> {
        self.states.get(node.state?).copied()
    }

    fn rare_of(&self, node: &Node) -> Option<&Rare> {
        node.more
            .filter(|_| node.rare)
            .and_then(|place| self.rare.at(place))
    }

    fn digest_of(&self, node: &Node) -> Option<&Digest> {
        if node.rare {
            return self.rare_of(node)?.digest.as_deref();
        }
        self.digests.at(node.more?)
    }

    /// The place of a path, if a file came that is there or below.
    pub(crate) fn find(&self, path: &str) -> Option<Id> {
        let mut parts = parts(path)?;
        parts.try_fold(ROOT, |at, name| self.names.child(at, name.as_bytes()))
    }

    /// The file at that place, if one came.
    pub(crate) fn file(&self, id: Id) -> Option<FileEntry> {
        let node = self.names.node(id)?;
        let state = self.state_of(node)?;
        let mut file = FileEntry {
            path: FilePath::from_text(&self.path(id)).ok()?,
            exists: true,
            kind: state.kind,
            mode: state.mode,
            uid: state.uid,
            gid: state.gid,
            size: node.size.into(),
            modified: Some(node.modified.into()),
            digest: self.digest_of(node).map(hex::encode).unwrap_or_default(),
            capabilities_known: state.kind == FileKind::File,
            package: self.package_of(node).cloned().unwrap_or_default(),
            ..FileEntry::default()
        };
        if let Some(rare) = self.rare_of(node) {
            rare.complete(&mut file);
        }
        Some(file)
    }

    /// Whether more than one file came for that path.
    pub(crate) fn is_twice(&self, id: Id) -> bool {
        let rare = self.names.node(id).and_then(|node| self.rare_of(node));
        rare.is_some_and(|rare| rare.twice)
    }

    /// The nearest directory above `path` that came, and whether its entries can be known: one of them came, or everyone
    /// may list it.
    pub(crate) fn directory(&self, path: &str) -> Option<(Id, bool)> {
        let mut below = path;
        while let Some((parent, _)) = below.rsplit_once('/') {
            if let Some(id) = self.find(parent) {
                let node = self.names.node(id)?;
                if let Some(state) = self.state_of(node) {
                    return Some((id, node.listed || state.mode & 0o005 == 0o005));
                }
            }
            if parent.is_empty() {
                break;
            }
            below = parent;
        }
        None
    }

    /// The directory that holds a file.
    pub(crate) fn parent(&self, id: Id) -> Id {
        self.names.parent(id)
    }

    /// Every place, whether a file came or only one below it.
    pub(crate) fn all(&self) -> impl Iterator<Item = Id> + use<> {
        (0..u32::try_from(self.names.len()).unwrap_or(u32::MAX)).map(Id)
    }

    /// Number of files that came.
    pub(crate) const fn files(&self) -> u64 {
        self.files
    }

    /// Number of those that a package owns.
    pub(super) const fn owned(&self) -> u64 {
        self.owned
    }

    /// Whether there were more files, or longer names, than this can hold.
    pub(crate) const fn is_full(&self) -> bool {
        self.full
    }

    /// The path of that place, as text.
    pub(crate) fn path(&self, id: Id) -> String {
        let mut parts = Vec::new();
        let mut at = id;
        while at != ROOT {
            parts.push(self.names.name(at));
            at = self.parent(at);
        }
        if parts.is_empty() {
            return "/".into();
        }
        parts.iter().rev().fold(String::new(), |mut path, name| {
            path.push('/');
            path.push_str(&String::from_utf8_lossy(name));
            path
        })
    }

    /// The place of a path, made if it is new, as those above it are.
    fn make(&mut self, path: &str) -> Option<Id> {
        let mut parts = parts(path)?;
        parts.try_fold(ROOT, |at, name| {
            let name = name.as_bytes();
            let known = self.names.child(at, name);
            known.or_else(|| self.names.add(at, name))
        })
    }
}

/// The names in an absolute path; the root has none.
fn parts(path: &str) -> Option<impl Iterator<Item = &str>> {
    let path = path.trim_end_matches('/');
    let below = path.strip_prefix('/');
    let is_root = path.is_empty();
    (is_root || below.is_some()).then(|| below.into_iter().flat_map(|names| names.split('/')))
}
