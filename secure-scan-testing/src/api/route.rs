//! Reads the purpose of a request from its path, and passes it to its handler.

use serde_json::Value;

use super::{
    access::{authorize, discovery},
    answer::{Form, Refusal},
    asked::{Asked, Sent, stored},
    delete,
    reply::Reply,
    request::Info,
    review, streams, write,
};
use crate::{FakeCluster, identity::User, store::selector::Selection};

/// Answers a request of somebody who is known, where nothing went wrong so far.
pub(super) fn route(
    cluster: &FakeCluster,
    info: Info,
    user: User,
    sent: Sent,
) -> Result<Reply, Refusal> {
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
