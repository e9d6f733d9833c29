//! The API server: what a request is for, and who answers it.

mod access;
mod answer;
mod delete;
mod request;
mod review;
mod serve;
mod streams;
mod write;

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::{
    FakeCluster, exec,
    identity::User,
    kinds::Kind,
    store::{Key, selector::Selection},
};
use access::{authorize, discovery};
use answer::{Form, Refusal};
pub(crate) use delete::{collect, delete_now};
use request::Info;
pub(crate) use serve::answer;
use serve::{Body, lines};

/// What comes of a request.
enum Reply {
    Json(u16, Value),
    /// Watch events, line by line.
    Stream(Body),
    /// A WebSocket: the answer to its key, and what is served on it.
    Upgrade(String, Box<exec::Place>),
}

/// What a client offers for a WebSocket.
struct Handshake {
    key: String,
    protocols: String,
}

/// The parts of a request that follow its first line.
struct Sent {
    accept: String,
    content: String,
    handshake: Option<Handshake>,
    body: Bytes,
}

/// One request that was read.
struct Asked {
    info: Info,
    kind: Arc<Kind>,
    user: User,
    form: Form,
    content: String,
    body: Value,
}

fn route(cluster: &FakeCluster, info: Info, user: User, sent: Sent) -> Result<Reply, Refusal> {
    if !info.is_resource() {
        return discovery(cluster, &info, &user);
    }
    let virtual_kind = review::kind(&info);
    let kind = virtual_kind.or_else(|| {
        let state = cluster.state();
        state
            .kinds
            .of_path(&info.group, &info.version, &info.plural)
    });
    let Some(kind) = kind else {
        return Err(Refusal::new(
            404,
            "the server could not find the requested resource",
        ));
    };
    let labels = info.query("labelSelector").unwrap_or_default();
    let fields = info.query("fieldSelector").unwrap_or_default();
    let selection = Selection::read(&kind, labels, fields);
    authorize(cluster, &info, &user, selection.as_ref().ok())?;
    let body = match &*sent.body {
        [] => Value::Null,
        bytes => serde_json::from_slice(bytes).map_err(|error| {
            Refusal::bad_request(format!("the object provided is unrecognized: {error}"))
        })?,
    };
    let asked = Asked {
        form: Form::read(&sent.accept),
        info,
        kind,
        user,
        content: sent.content,
        body,
    };
    let selection = || selection.map_err(Refusal::bad_request);
    match (asked.info.verb.as_str(), asked.info.subresource.as_str()) {
        ("get" | "create", "exec") => streams::exec(cluster, &asked, sent.handshake),
        ("create", "token") => review::token(cluster, &asked),
        ("get", "log") => Ok(Reply::Json(200, Value::Null)),
        ("create", "") if review::kind(&asked.info).is_some() => review::review(cluster, &asked),
        ("create", "") => write::create(cluster, &asked),
        ("get", "" | "status" | "ephemeralcontainers") => get(cluster, &asked),
        ("list", "") => streams::list(cluster, &asked, &selection()?),
        ("watch", "") => streams::watch(cluster, &asked, selection()?),
        ("update", "" | "status" | "ephemeralcontainers") => write::update(cluster, &asked),
        ("patch", "" | "status" | "ephemeralcontainers") => write::patch(cluster, &asked),
        ("delete", "") | ("create", "eviction") => delete::delete(cluster, &asked),
        ("deletecollection", "") => Ok(delete::delete_all(cluster, &asked, &selection()?)),
        _ => Err(Refusal::new(
            405,
            "the server does not allow this method on the requested resource",
        )),
    }
}

fn get(cluster: &FakeCluster, asked: &Asked) -> Result<Reply, Refusal> {
    let object = stored(cluster, asked)?;
    Ok(Reply::Json(200, asked.form.object(&asked.kind, &object)))
}

impl Asked {
    fn key(&self) -> Key {
        Key::new(&self.kind, &self.info.namespace, &self.info.name)
    }

    /// Whether nothing is to be kept of it.
    fn is_dry(&self) -> bool {
        let all = self.info.queries("dryRun").any(|value| value == "All");
        let body = self.body["dryRun"]
            .as_array()
            .is_some_and(|d| d.contains(&json!("All")));
        all || (self.info.verb == "delete" && body)
    }
}

/// The object that a request is for.
fn stored(cluster: &FakeCluster, asked: &Asked) -> Result<Arc<Value>, Refusal> {
    let state = cluster.state();
    let found = state.store.get(&asked.key()).cloned();
    found.ok_or_else(|| Refusal::not_found(&asked.kind, &asked.info.name))
}
