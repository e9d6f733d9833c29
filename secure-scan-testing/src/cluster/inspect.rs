//! What a test reads and changes in a fake cluster behind its clients' backs.

use std::{fmt, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    FakeCluster, IssuedToken,
    call::Call,
    state::{State, removal::collect},
    store::Key,
};

/// An object of the fake.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct ObjectName {
    /// Kind, such as `Job`.
    pub kind: String,
    /// Namespace; empty for an object of the whole cluster.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// UID.
    pub uid: String,
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.kind)?;
        if !self.namespace.is_empty() {
            write!(f, "{}/", self.namespace)?;
        }
        f.write_str(&self.name)
    }
}

impl FakeCluster {
    /// Every object besides the given ones and those that a cluster has by itself: what a scan left behind.
    pub fn left(&self) -> Vec<ObjectName> {
        let state = self.state();
        let all = state.store.all().filter_map(|(key, object)| {
            let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
            let kind = state.kinds.of_path(&key.group, "v1", &key.plural);
            let kind = kind.map_or_else(|| key.plural.clone(), |kind| kind.kind.clone());
            (!state.given.contains(uid)).then(|| ObjectName {
                kind,
                namespace: key.namespace.clone(),
                name: key.name.clone(),
                uid: uid.to_owned(),
            })
        });
        all.collect()
    }

    /// Every call so far, in order: the last 50,000 of them, see [`FakeCluster::remembering`].
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.iter().cloned().collect()
    }

    /// How many calls there were in all.
    pub fn call_count(&self) -> u64 {
        self.state().called
    }

    /// Every token that was issued: the last 50,000 of them, see [`FakeCluster::remembering`].
    pub fn tokens(&self) -> Vec<IssuedToken> {
        let state = self.state();
        state.identities.tokens(&state.store, state.clock.now())
    }

    /// The time, by the fake's clock.
    pub fn now(&self) -> Timestamp {
        self.state().clock.now()
    }

    /// Time since the fake was made, by its own clock.
    pub fn elapsed(&self) -> Duration {
        self.state().clock.elapsed()
    }

    /// An object as it is stored; `resource` is its kind or its plural, with the group where it is not clear.
    pub fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        let state = self.state();
        let key = state.place(resource, namespace, name)?;
        state.store.get(&key).map(|object| (**object).clone())
    }

    /// Changes an object, as somebody else in the cluster would; returns whether it existed.
    pub fn edit(
        &self,
        resource: &str,
        namespace: &str,
        name: &str,
        change: impl FnOnce(&mut Value),
    ) -> bool {
        let mut state = self.state();
        let Some(key) = state.place(resource, namespace, name) else {
            return false;
        };
        let Some(mut object) = state.store.get(&key).map(|object| (**object).clone()) else {
            return false;
        };
        change(&mut object);
        state.store.put(key, object);
        true
    }

    /// Deletes an object at once, with its dependents, as somebody else in the cluster would; returns whether it existed.
    pub fn delete(&self, resource: &str, namespace: &str, name: &str) -> bool {
        let mut state = self.state();
        let key = state.place(resource, namespace, name);
        let removed = key.and_then(|key| {
            state.runs.end_pod(&key);
            state.store.remove(&key)
        });
        drop(state);
        match removed {
            Some(object) => {
                collect(self, &object["metadata"]["uid"]);
                true
            }
            None => false,
        }
    }

    /// Replaces a pod by another one with the same name and specification and a new UID, as a controller does; returns
    /// whether there was one.
    pub fn replace_pod(&self, namespace: &str, name: &str) -> bool {
        let Some(mut pod) = self.get("pods", namespace, name) else {
            return false;
        };
        self.delete("pods", namespace, name);
        pod["status"] = Value::Null;
        let meta =
            json!({"name": name, "namespace": namespace, "labels": pod["metadata"]["labels"]});
        pod["metadata"] = meta;
        let _ = self.clone().pod(pod);
        true
    }

    /// Restarts a container of a pod: a new container id, and one restart more; returns whether it existed.
    pub fn restart(&self, namespace: &str, name: &str, container: &str) -> bool {
        let mut found = false;
        self.edit("pods", namespace, name, |pod| {
            let all = pod["status"]["containerStatuses"].as_array_mut();
            for status in all.into_iter().flatten().filter(|s| s["name"] == container) {
                let restarts = status["restartCount"].as_i64().unwrap_or_default() + 1;
                status["restartCount"] = json!(restarts);
                status["containerID"] = json!(format!("containerd://{restarts:064x}"));
                found = true;
            }
        });
        found
    }

    /// Ends every watch that is open, as a server or a proxy may do at any time.
    pub fn end_watches(&self) {
        self.state().store.end_watches();
    }

    /// Forgets the history of changes: a watch that goes on from an older version is refused with 410.
    pub fn compact(&self) {
        self.state().store.forget();
    }
}

impl State {
    fn place(&self, resource: &str, namespace: &str, name: &str) -> Option<Key> {
        let kind = self.kinds.of_name(resource)?;
        Some(Key::new(&kind, namespace, name))
    }
}
