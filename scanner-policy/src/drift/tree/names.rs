//! Nodes by their directories and names.

use std::hash::{BuildHasher as _, RandomState};

use super::{
    chunks::{Chunks, Texts},
    index::Index,
    node::{Id, Node, ROOT},
};

/// The nodes of a tree; the root is always there.
#[derive(Debug, Default)]
pub(super) struct Names {
    nodes: Nodes,
    index: Index,
}

impl Names {
    pub(super) fn node(&self, id: Id) -> Option<&Node> {
        self.nodes.list.get(id.index())
    }

    pub(super) fn node_mut(&mut self, id: Id) -> Option<&mut Node> {
        self.nodes.list.get_mut(id.index())
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.list.len()
    }

    /// The directory of a node; the root is its own.
    pub(super) fn parent(&self, id: Id) -> Id {
        self.nodes.parent(id)
    }

    pub(super) fn name(&self, id: Id) -> &[u8] {
        self.nodes.name(id)
    }

    /// What has that name in a directory.
    pub(super) fn child(&self, parent: Id, name: &[u8]) -> Option<Id> {
        let nodes = &self.nodes;
        let is_it = |number| nodes.parent(Id(number)) == parent && nodes.name(Id(number)) == name;
        let hash = nodes.hash(parent, name);
        self.index.find(hash, is_it).map(Id)
    }

    /// Adds a node that is not there; `None` where there is no room for it.
    pub(super) fn add(&mut self, parent: Id, name: &[u8]) -> Option<Id> {
        let id = Id(u32::try_from(self.len()).ok()?);
        let Self { nodes, index } = self;
        nodes.list.push(Node {
            parent: parent.0,
            name: nodes.texts.push(name)?,
            ..Node::default()
        });
        let hash = nodes.hash(parent, name);
        index.insert(hash, id.0, |number| {
            let other = Id(number);
            nodes.hash(nodes.parent(other), nodes.name(other))
        });
        Some(id)
    }
}

/// Nodes by their numbers.
#[derive(Debug)]
struct Nodes {
    list: Chunks<Node>,
    texts: Texts,
    /// Keys that no target knows.
    keys: RandomState,
}

impl Default for Nodes {
    fn default() -> Self {
        let mut list = Chunks::default();
        list.push(Node::default());
        Self {
            list,
            texts: Texts::default(),
            keys: RandomState::new(),
        }
    }
}

impl Nodes {
    fn parent(&self, id: Id) -> Id {
        self.list
            .get(id.index())
            .map_or(ROOT, |node| Id(node.parent))
    }

    fn name(&self, id: Id) -> &[u8] {
        let Some(node) = self.list.get(id.index()) else {
            return &[];
        };
        let next = self.list.get(id.index() + 1).map(|next| next.name);
        self.texts.get(node.name, next)
    }

    fn hash(&self, parent: Id, name: &[u8]) -> u64 {
        self.keys.hash_one((parent.0, name))
    }
}
