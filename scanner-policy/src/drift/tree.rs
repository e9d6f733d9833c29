//! The files of an image in little memory: a node for each, that holds its own name and where its directory is.

mod node;
mod table;

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher as _, RandomState},
    num::NonZeroU16,
};

use hashbrown::HashTable;
use scanner_core::inventory::{FileEntry, FileKind, FilePath};

use node::{Node, Rare, State};
use table::Table;

/// The place of a file in a [`Tree`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id(u32);

impl Id {
    /// Its number, counted from 0 without gaps.
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The root directory.
pub(crate) const ROOT: Id = Id(0);
/// Files by their paths.
#[derive(Debug)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    names: Vec<u8>,
    states: Table<State>,
    /// Names of packages.
    packages: Table<String>,
    owned: u64,
    digests: BTreeMap<u32, [u8; 32]>,
    rare: HashMap<u32, Rare>,
    /// Places by hashes of their paths; a hash stands beside each, so that growing needs no path.
    index: HashTable<(u32, u32)>,
    /// Keys that no target knows.
    keys: RandomState,
    files: u64,
    /// Whether there was more than this can hold.
    full: bool,
}

impl Default for Tree {
    fn default() -> Self {
        Self {
            nodes: vec![Node::default()],
            names: Vec::new(),
            states: Table::default(),
            packages: Table::default(),
            owned: 0,
            digests: BTreeMap::new(),
            rare: HashMap::new(),
            index: HashTable::new(),
            keys: RandomState::new(),
            files: 0,
            full: false,
        }
    }
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
        if self.nodes[id.index()].state.is_some() {
            self.rare.entry(id.0).or_default().twice = true;
            self.nodes[id.index()].rare = true;
            return Some(());
        }
        let state = self.states.place(&State::of(file))?;
        let mut digest = [0; 32];
        if hex::decode_to_slice(&file.digest, &mut digest).is_ok() {
            self.digests.insert(id.0, digest);
        }
        let size = u32::try_from(file.size).ok();
        let modified = file.modified.map(|seconds| u32::try_from(seconds).ok());
        // Most regular files are known to have no capabilities.
        let blind = file.kind == FileKind::File && !file.capabilities_known;
        let rare = blind
            || !file.capabilities.is_empty()
            || !file.capability_sets.is_empty()
            || !file.device.is_empty()
            || !file.link.is_empty()
            || size.is_none()
            || !matches!(modified, Some(Some(_)));
        if rare {
            let more = Rare {
                link: file.link.clone(),
                capabilities: file.capabilities.clone(),
                capability_sets: file.capability_sets.clone(),
                device: file.device.clone(),
                blind,
                twice: false,
                size: Some(file.size),
                modified: file.modified,
            };
            self.rare.insert(id.0, more);
        }
        let package = self.package(&file.package);
        self.owned += u64::from(package.is_some());
        let node = &mut self.nodes[id.index()];
        node.state = Some(state);
        node.package = package;
        node.size = size.unwrap_or_default();
        node.modified = modified.flatten().unwrap_or_default();
        node.rare = rare;
        self.files += 1;
        if id != ROOT {
            let parent = self.parent(id);
            self.nodes[parent.index()].listed = true;
        }
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

    /// The place of a path, if a file came that is there or below.
    pub(crate) fn find(&self, path: &str) -> Option<Id> {
        let path = path.trim_end_matches('/');
        if path.is_empty() {
            return Some(ROOT);
        }
        let same = |(_, id): &(u32, u32)| self.is(Id(*id), path);
        let found = self.index.find(spread(self.hash(path)), same);
        found.map(|(_, id)| Id(*id))
    }

    /// The file at that place, if one came.
    pub(crate) fn file(&self, id: Id) -> Option<FileEntry> {
        let node = self.nodes.get(id.index())?;
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
            digest: self.digests.get(&id.0).map(hex::encode).unwrap_or_default(),
            capabilities_known: state.kind == FileKind::File,
            package: self.package_of(node).cloned().unwrap_or_default(),
            ..FileEntry::default()
        };
        if let Some(more) = self.rare.get(&id.0).filter(|_| node.rare)
            && let Some(size) = more.size
        {
            file.link.clone_from(&more.link);
            file.capabilities_known &= !more.blind;
            file.capabilities.clone_from(&more.capabilities);
            file.capability_sets.clone_from(&more.capability_sets);
            file.device.clone_from(&more.device);
            file.size = size;
            file.modified = more.modified;
        }
        Some(file)
    }

    /// Whether more than one file came for that path.
    pub(crate) fn is_twice(&self, id: Id) -> bool {
        self.rare.get(&id.0).is_some_and(|more| more.twice)
    }

    /// The nearest directory above `path` that came, and whether its entries can be known: one of them came, or everyone
    /// may list it.
    pub(crate) fn directory(&self, path: &str) -> Option<(Id, bool)> {
        let mut below = path;
        while let Some((parent, _)) = below.rsplit_once('/') {
            if let Some(id) = self.find(parent) {
                let node = &self.nodes[id.index()];
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
        Id(self.nodes[id.index()].parent)
    }

    /// Every place, whether a file came or only one below it.
    pub(crate) fn all(&self) -> impl Iterator<Item = Id> + use<> {
        (0..u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)).map(Id)
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
            parts.push(self.name(at));
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

    fn name(&self, id: Id) -> &[u8] {
        let start = self.nodes[id.index()].name as usize;
        let next = self.nodes.get(id.index() + 1);
        let end = next.map_or(self.names.len(), |next| next.name as usize);
        self.names.get(start..end).unwrap_or_default()
    }

    /// Whether that place has this path.
    fn is(&self, id: Id, path: &str) -> bool {
        let (mut at, mut left) = (id, path.as_bytes());
        while at != ROOT {
            let before = left
                .strip_suffix(self.name(at))
                .and_then(|left| left.strip_suffix(b"/"));
            let Some(before) = before else { return false };
            left = before;
            at = self.parent(at);
        }
        left.is_empty()
    }

    /// The place of a path, made if it is new, as those above it are.
    fn make(&mut self, path: &str) -> Option<Id> {
        let path = path.trim_end_matches('/');
        let mut known = path;
        let mut new: Vec<&str> = Vec::new();
        let mut id = loop {
            if let Some(id) = self.find(known) {
                break id;
            }
            let (parent, _) = known.rsplit_once('/')?;
            new.push(known);
            known = parent;
        };
        for path in new.into_iter().rev() {
            let (_, name) = path.rsplit_once('/')?;
            let start = u32::try_from(self.names.len()).ok()?;
            let next = u32::try_from(self.nodes.len()).ok()?;
            self.names.extend_from_slice(name.as_bytes());
            self.nodes.push(Node {
                parent: id.0,
                name: start,
                ..Node::default()
            });
            let hash = self.hash(path);
            self.index
                .insert_unique(spread(hash), (hash, next), |(hash, _)| spread(*hash));
            id = Id(next);
        }
        Some(id)
    }

    fn hash(&self, path: &str) -> u32 {
        u32::try_from(self.keys.hash_one(path) & u64::from(u32::MAX)).unwrap_or_default()
    }
}

/// The table looks at both ends of a hash.
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}
