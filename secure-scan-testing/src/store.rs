//! Objects, their versions, and what happened to them, as an etcd behind an API server keeps them.

pub(crate) mod patch;
pub(crate) mod selector;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc::UnboundedSender};

use crate::{kinds::Kind, rbac::Rule};
use selector::Selection;

/// Changes that a watch can go back to.
const HISTORY: usize = 2048;

/// The place of an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) group: String,
    pub(crate) plural: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Key {
    pub(crate) fn new(kind: &Kind, namespace: &str, name: &str) -> Self {
        Self {
            group: kind.group.clone(),
            plural: kind.plural.clone(),
            namespace: if kind.namespaced {
                namespace.into()
            } else {
                String::new()
            },
            name: name.into(),
        }
    }

    pub(crate) fn pod(namespace: &str, name: &str) -> Self {
        Self {
            group: String::new(),
            plural: "pods".into(),
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    fn is_of(&self, kind: &Kind) -> bool {
        self.group == kind.group && self.plural == kind.plural
    }
}

/// One change of one object.
#[derive(Debug, Clone)]
struct Change {
    version: u64,
    key: Key,
    before: Option<Arc<Value>>,
    after: Option<Arc<Value>>,
}

impl Change {
    /// The watch event that it is for a watch of `selection`; a change can move an object into or out of it.
    fn event(&self, selection: &Selection) -> Option<(&'static str, Arc<Value>)> {
        let had = self.before.as_ref().filter(|o| selection.selects(o));
        let has = self.after.as_ref().filter(|o| selection.selects(o));
        match (had, has) {
            (None, Some(now)) => Some(("ADDED", Arc::clone(now))),
            (Some(_), Some(now)) => Some(("MODIFIED", Arc::clone(now))),
            (Some(was), None) => {
                let mut last = (**was).clone();
                last["metadata"]["resourceVersion"] = json!(self.version.to_string());
                Some(("DELETED", Arc::new(last)))
            }
            (None, None) => None,
        }
    }
}

/// Who receives changes.
pub(crate) struct Watcher {
    pub(crate) kind: Arc<Kind>,
    pub(crate) namespace: Option<String>,
    pub(crate) selection: Selection,
    pub(crate) sender: UnboundedSender<(&'static str, Arc<Value>)>,
}

impl Watcher {
    fn wants(&self, key: &Key) -> bool {
        key.is_of(&self.kind) && self.namespace.as_ref().is_none_or(|n| *n == key.namespace)
    }
}

/// Everything that is stored.
#[derive(Default)]
pub(crate) struct Store {
    objects: BTreeMap<Key, Arc<Value>>,
    version: u64,
    made: u64,
    history: VecDeque<Change>,
    /// The newest version that the history does not have any more.
    forgotten: u64,
    watchers: Vec<Watcher>,
    /// Notified of each removal.
    removed: Arc<Notify>,
    /// Rights that an authorizer beside RBAC, which lists nothing, gives to every account.
    pub(crate) unlisted: Option<Vec<Rule>>,
}

impl Store {
    /// What is notified of each removal.
    pub(crate) fn removals(&self) -> Arc<Notify> {
        Arc::clone(&self.removed)
    }

    /// The version of the last change.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// A UID that no object had.
    pub(crate) fn new_uid(&mut self) -> String {
        self.made += 1;
        format!("00000000-0000-4000-8000-{:012x}", self.made)
    }

    pub(crate) fn get(&self, key: &Key) -> Option<&Arc<Value>> {
        self.objects.get(key)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (&Key, &Arc<Value>)> {
        self.objects.iter()
    }

    /// Objects of a kind, in one namespace or in all.
    pub(crate) fn of<'a>(
        &'a self,
        group: &'a str,
        plural: &'a str,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a Key, &'a Arc<Value>)> {
        let from = Key {
            group: group.into(),
            plural: plural.into(),
            namespace: namespace.unwrap_or_default().into(),
            name: String::new(),
        };
        self.objects.range(from..).take_while(move |(key, _)| {
            key.group == group
                && key.plural == plural
                && namespace.is_none_or(|wanted| key.namespace == wanted)
        })
    }

    /// Stores an object under a new version, and gives it as stored.
    pub(crate) fn put(&mut self, key: Key, mut object: Value) -> Arc<Value> {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let object = Arc::new(object);
        let before = self.objects.insert(key.clone(), Arc::clone(&object));
        self.note(key, before, Some(Arc::clone(&object)));
        object
    }

    /// Removes an object.
    pub(crate) fn remove(&mut self, key: &Key) -> Option<Arc<Value>> {
        let before = self.objects.remove(key)?;
        self.version += 1;
        self.note(key.clone(), Some(Arc::clone(&before)), None);
        self.removed.notify_waiters();
        Some(before)
    }

    fn note(&mut self, key: Key, before: Option<Arc<Value>>, after: Option<Arc<Value>>) {
        let change = Change {
            version: self.version,
            key,
            before,
            after,
        };
        self.watchers.retain(|watcher| {
            let event = watcher
                .wants(&change.key)
                .then(|| change.event(&watcher.selection));
            match event.flatten() {
                Some(event) => watcher.sender.send(event).is_ok(),
                None => !watcher.sender.is_closed(),
            }
        });
        self.history.push_back(change);
        if self.history.len() > HISTORY
            && let Some(old) = self.history.pop_front()
        {
            self.forgotten = old.version;
        }
    }

    /// Begins a watch after version `since`, or with all existing objects; `false` if that version is too old.
    pub(crate) fn watch(&mut self, watcher: Watcher, since: Option<u64>) -> bool {
        match since {
            None => {
                let (kind, place) = (Arc::clone(&watcher.kind), watcher.namespace.clone());
                for (_, object) in self.of(&kind.group, &kind.plural, place.as_deref()) {
                    if watcher.selection.selects(object) {
                        let _ = watcher.sender.send(("ADDED", Arc::clone(object)));
                    }
                }
            }
            Some(since) if since < self.forgotten => return false,
            Some(since) => {
                let later = self.history.iter().filter(|change| change.version > since);
                for change in later.filter(|change| watcher.wants(&change.key)) {
                    if let Some(event) = change.event(&watcher.selection) {
                        let _ = watcher.sender.send(event);
                    }
                }
            }
        }
        self.watchers.push(watcher);
        true
    }

    /// Forgets the history: the next watch from an older version is refused as too old.
    pub(crate) fn forget(&mut self) {
        self.history.clear();
        self.forgotten = self.version;
    }

    /// Ends every watch that is open.
    pub(crate) fn end_watches(&mut self) {
        self.watchers.clear();
    }
}
