//! One request that was read, and the object that it is for.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    answer::{Form, Refusal},
    request::Info,
};
use crate::{FakeCluster, identity::User, kinds::Kind, store::Key};

/// What a client offers for a WebSocket.
pub(super) struct Handshake {
    pub(super) key: String,
    pub(super) protocols: String,
}

/// The parts of a request that follow its first line.
pub(super) struct Sent {
    pub(super) accept: String,
    pub(super) content: String,
    pub(super) handshake: Option<Handshake>,
    pub(super) body: Bytes,
}

/// One request that was read.
pub(super) struct Asked {
    pub(super) info: Info,
    pub(super) kind: Arc<Kind>,
    pub(super) user: User,
    pub(super) form: Form,
    pub(super) content: String,
    pub(super) body: Value,
}

impl Asked {
    pub(super) fn key(&self) -> Key {
        Key::new(&self.kind, &self.info.namespace, &self.info.name)
    }

    /// Whether it is a dry run, of which nothing is kept.
    pub(super) fn is_dry(&self) -> bool {
        let all = self.info.queries("dryRun").any(|value| value == "All");
        let body = self.body["dryRun"]
            .as_array()
            .is_some_and(|d| d.contains(&json!("All")));
        all || (self.info.verb == "delete" && body)
    }
}

/// The object that a request is for.
pub(super) fn stored(cluster: &FakeCluster, asked: &Asked) -> Result<Arc<Value>, Refusal> {
    let state = cluster.state();
    let found = state.store.get(&asked.key()).cloned();
    found.ok_or_else(|| Refusal::not_found(&asked.kind, &asked.info.name))
}
