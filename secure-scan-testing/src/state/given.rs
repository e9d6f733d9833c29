//! The objects of a cluster before anyone calls: its node, its namespaces with their contents, and those that a test gives.

use std::sync::Arc;

use serde_json::{Value, json};

use super::State;
use crate::{defaults, facts::NODE, store::Key};

impl State {
    /// Stores an object that was there before anyone called, and gives where.
    pub(crate) fn give(&mut self, mut object: Value) -> Key {
        let kind = self.kinds.of_object(&object);
        assert!(
            kind.is_some(),
            "no known kind: {} {}",
            object["apiVersion"],
            object["kind"]
        );
        let kind = kind.unwrap_or_else(|| Arc::new(defaults::no_kind()));
        let name = object["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert!(!name.is_empty(), "an object has a name: {object}");
        let home = object["metadata"]["namespace"]
            .as_str()
            .unwrap_or("default")
            .to_owned();
        if kind.namespaced {
            namespace(self, &home);
            object["metadata"]["namespace"] = json!(home);
        }
        let key = Key::new(&kind, &home, &name);
        let given = object["metadata"]["uid"].as_str().map(str::to_owned);
        let uid = given.unwrap_or_else(|| self.store.new_uid());
        defaults::made(&mut object, &kind, &uid, &self.clock.stamp());
        self.given.insert(uid);
        let known = self.store.get(&key).is_some();
        self.store.put(key.clone(), object);
        if kind.kind == "Namespace" && !known {
            furnish(self, &name);
        }
        key
    }
}

/// Adds the node.
pub(crate) fn node(state: &mut State) {
    let _ = state.give(json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": NODE.0, "labels": {"kubernetes.io/hostname": NODE.0, "kubernetes.io/os": "linux"}},
        "status": {
            "addresses": [{"type": "InternalIP", "address": NODE.1}],
            "conditions": [{"type": "Ready", "status": "True"}],
            "nodeInfo": {"kubeletVersion": "v1.37.2", "operatingSystem": "linux", "architecture": "amd64",
                "containerRuntimeVersion": "containerd://2.1.4", "kernelVersion": "6.12.0", "osImage": "Fake"},
        },
    }));
}

/// Adds a namespace that is not there.
pub(crate) fn namespace(state: &mut State, name: &str) {
    let kind = state.kinds.of_name("namespaces");
    let known = kind.is_some_and(|kind| state.store.get(&Key::new(&kind, "", name)).is_some());
    if !known {
        let metadata = json!({"name": name});
        let _ = state.give(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}));
    }
}

/// Adds the objects that each namespace has to a new one.
pub(crate) fn furnish(state: &mut State, namespace: &str) {
    for (kind, name) in [
        ("ServiceAccount", "default"),
        ("ConfigMap", "kube-root-ca.crt"),
    ] {
        let metadata = json!({"name": name, "namespace": namespace});
        let _ = state.give(json!({"apiVersion": "v1", "kind": kind, "metadata": metadata}));
    }
}
