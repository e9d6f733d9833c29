//! The files of an image in little memory: a node for each, that holds its own name and where its directory is.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
};

use hashbrown::HashTable;
use scanner_core::inventory::{FileEntry, FileKind, FilePath};

/// The place of a file in a [`Tree`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Id(u32);

impl Id {
    /// Its number, counted from 0 without gaps.
    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The root directory.
pub(super) const ROOT: Id = Id(0);
/// No digest.
const NONE: u32 = u32::MAX;

/// What is kept of each file.
#[derive(Debug, Clone, Copy)]
struct Node {
    parent: u32,
    name: (u32, u16),
    /// Place in [`Tree::digests`].
    digest: u32,
    uid: u32,
    gid: u32,
    mode: u16,
    kind: FileKind,
    /// Whether the file itself came, not only one below it.
    exists: bool,
    /// Whether a file came that is directly in it.
    listed: bool,
    size: u64,
    modified: Option<i64>,
}

/// A place of which nothing came.
const EMPTY: Node = Node {
    parent: 0,
    name: (0, 0),
    digest: NONE,
    uid: 0,
    gid: 0,
    mode: 0,
    kind: FileKind::Directory,
    exists: false,
    listed: false,
    size: 0,
    modified: None,
};

/// What few files have.
#[derive(Debug, Clone, Default)]
struct Rare {
    link: FilePath,
    capabilities: Vec<String>,
    /// The capabilities of a regular file were not read.
    blind: bool,
    /// Another file of the same path came.
    twice: bool,
    /// Owners that do not fit into 32 bits.
    owners: Option<(i64, i64)>,
}

/// Files by their paths.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    names: Vec<u8>,
    digests: Vec<[u8; 32]>,
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
            nodes: vec![EMPTY],
            names: Vec::new(),
            digests: Vec::new(),
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
    pub(super) fn add(&mut self, file: &FileEntry) {
        let Some(id) = self.make(file.path.as_text()) else {
            self.full = true;
            return;
        };
        let fits = |id: i64| u32::try_from(id).ok();
        let owners = fits(file.uid).zip(fits(file.gid));
        let digest = self.digest(&file.digest);
        let node = &mut self.nodes[id.index()];
        let twice = node.exists;
        if twice {
            self.rare.entry(id.0).or_default().twice = true;
            return;
        }
        self.files += 1;
        node.exists = true;
        node.kind = file.kind;
        node.mode = u16::try_from(file.mode & 0o7777).unwrap_or_default();
        node.size = u64::try_from(file.size).unwrap_or_default();
        node.modified = file.modified;
        node.digest = digest;
        (node.uid, node.gid) = owners.unwrap_or_default();
        let known = file.capabilities_known && !file.capabilities.is_empty();
        // That a regular file has none is what most are known to have.
        let blind = file.kind == FileKind::File && !file.capabilities_known;
        if owners.is_none() || known || blind || !file.link.is_empty() {
            let more = Rare {
                link: file.link.clone(),
                capabilities: file.capabilities.clone(),
                blind,
                twice: false,
                owners: owners.is_none().then_some((file.uid, file.gid)),
            };
            self.rare.insert(id.0, more);
        }
        if id != ROOT {
            let parent = self.parent(id);
            self.nodes[parent.index()].listed = true;
        }
    }

    /// The place of a path, if a file came that is there or below.
    pub(super) fn find(&self, path: &str) -> Option<Id> {
        let path = path.trim_end_matches('/');
        if path.is_empty() {
            return Some(ROOT);
        }
        let same = |(_, id): &(u32, u32)| self.is(Id(*id), path);
        let found = self.index.find(spread(self.hash(path)), same);
        found.map(|(_, id)| Id(*id))
    }

    /// The file at that place, if one came.
    pub(super) fn file(&self, id: Id) -> Option<FileEntry> {
        let node = self.nodes.get(id.index()).filter(|node| node.exists)?;
        let digest = self.digests.get(node.digest as usize);
        let mut file = FileEntry {
            path: FilePath::from_text(&self.path(id)).ok()?,
            exists: true,
            kind: node.kind,
            mode: node.mode.into(),
            uid: node.uid.into(),
            gid: node.gid.into(),
            size: i64::try_from(node.size).unwrap_or(i64::MAX),
            modified: node.modified,
            digest: digest.map(hex::encode).unwrap_or_default(),
            capabilities_known: node.kind == FileKind::File,
            ..FileEntry::default()
        };
        if let Some(more) = self.rare.get(&id.0) {
            file.link.clone_from(&more.link);
            file.capabilities_known &= !more.blind;
            file.capabilities.clone_from(&more.capabilities);
            (file.uid, file.gid) = more.owners.unwrap_or((file.uid, file.gid));
        }
        Some(file)
    }

    /// Whether more than one file came for that path.
    pub(super) fn is_twice(&self, id: Id) -> bool {
        self.rare.get(&id.0).is_some_and(|more| more.twice)
    }

    /// The nearest directory above `path` that came, and whether it can be known what is in it: an entry of it came, or
    /// everyone may list it.
    pub(super) fn directory(&self, path: &str) -> Option<(Id, bool)> {
        let mut below = path;
        while let Some((parent, _)) = below.rsplit_once('/') {
            if let Some(id) = self.find(parent) {
                let node = &self.nodes[id.index()];
                if node.exists {
                    return Some((id, node.listed || node.mode & 0o005 == 0o005));
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
    pub(super) fn parent(&self, id: Id) -> Id {
        Id(self.nodes[id.index()].parent)
    }

    /// Every place, whether a file came or only one below it.
    pub(super) fn all(&self) -> impl Iterator<Item = Id> + use<> {
        (0..u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)).map(Id)
    }

    /// Number of files that came.
    pub(super) const fn files(&self) -> u64 {
        self.files
    }

    /// Whether there were more files, or longer names, than this can hold.
    pub(super) const fn is_full(&self) -> bool {
        self.full
    }

    /// The path of that place, as text.
    pub(super) fn path(&self, id: Id) -> String {
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
        let (start, length) = self.nodes[id.index()].name;
        let start = start as usize;
        self.names
            .get(start..start + usize::from(length))
            .unwrap_or_default()
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
            let length = u16::try_from(name.len()).ok()?;
            let next = u32::try_from(self.nodes.len()).ok()?;
            self.names.extend_from_slice(name.as_bytes());
            self.nodes.push(Node {
                parent: id.0,
                name: (start, length),
                ..EMPTY
            });
            let hash = self.hash(path);
            self.index
                .insert_unique(spread(hash), (hash, next), |(hash, _)| spread(*hash));
            id = Id(next);
        }
        Some(id)
    }

    fn digest(&mut self, hex: &str) -> u32 {
        let mut digest = [0; 32];
        if hex::decode_to_slice(hex, &mut digest).is_err() {
            return NONE;
        }
        let place = u32::try_from(self.digests.len()).unwrap_or(NONE);
        self.digests.push(digest);
        place
    }

    fn hash(&self, path: &str) -> u32 {
        u32::try_from(self.keys.hash_one(path) & u64::from(u32::MAX)).unwrap_or_default()
    }
}

/// The table looks at both ends of a hash.
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}
