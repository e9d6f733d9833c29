//! Lists, watches and execs.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::{sync::mpsc, time::Instant};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{
    answer::{Form, Refusal},
    asked::{Asked, Handshake, stored},
    reply::{Reply, lines},
    websocket::PROTOCOL,
};
use crate::{
    FakeCluster,
    agent::Place,
    kinds::Kind,
    store::{Watcher, selector::Selection},
};

/// How often a quiet watch sends a bookmark.
const BOOKMARK: Duration = Duration::from_mins(1);
/// How long a watch lasts without a timeout of its own.
const WATCH: Duration = Duration::from_mins(30);

pub(super) fn list(
    cluster: &FakeCluster,
    asked: &Asked,
    selection: &Selection,
) -> Result<Reply, Refusal> {
    let state = cluster.state();
    let kind = &asked.kind;
    let namespace = Some(asked.info.namespace.as_str()).filter(|n| !n.is_empty());
    let after = match asked
        .info
        .query("continue")
        .filter(|token| !token.is_empty())
    {
        None => None,
        Some(token) => {
            let read = URL_SAFE_NO_PAD
                .decode(token)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok());
            let read = read.and_then(|text| {
                let (namespace, name) = text.split_once('/')?;
                Some((namespace.to_owned(), name.to_owned()))
            });
            Some(read.ok_or_else(|| Refusal::bad_request("continue key is not valid"))?)
        }
    };
    let found = state.store.of(&kind.group, &kind.plural, namespace);
    let found = found.filter(|(key, object)| {
        let place = (key.namespace.clone(), key.name.clone());
        after.as_ref().is_none_or(|after| place > *after) && selection.selects(object)
    });
    let found: Vec<_> = found.collect();
    let limit = asked
        .info
        .query("limit")
        .and_then(|limit| limit.parse().ok())
        .filter(|limit| *limit > 0);
    let shown = limit.unwrap_or(found.len()).min(found.len());
    let mut metadata = json!({"resourceVersion": state.store.version().to_string()});
    if shown < found.len() {
        let (last, _) = found[shown.saturating_sub(1)];
        metadata["continue"] =
            json!(URL_SAFE_NO_PAD.encode(format!("{}/{}", last.namespace, last.name)));
        metadata["remainingItemCount"] = json!(found.len() - shown);
    }
    let items = found[..shown].iter().map(|(_, object)| match asked.form {
        Form::Metadata => asked.form.object(kind, object),
        Form::Whole => (***object).clone(),
    });
    let items: Vec<Value> = items.collect();
    Ok(Reply::Json(200, asked.form.list(kind, &items, &metadata)))
}

type Events = mpsc::UnboundedReceiver<(&'static str, Arc<Value>)>;

/// A watch that is open.
struct Watch {
    cluster: FakeCluster,
    events: Events,
    kind: Arc<Kind>,
    form: Form,
    marks: bool,
    end: Instant,
    ended: bool,
}

impl Watch {
    async fn next(mut self) -> Option<(Value, Self)> {
        if self.ended {
            return None;
        }
        let mark = Instant::now() + BOOKMARK;
        let until = if self.marks {
            mark.min(self.end)
        } else {
            self.end
        };
        match tokio::time::timeout_at(until, self.events.recv()).await {
            Ok(Some((what, object))) => {
                let object = self.form.object(&self.kind, &object);
                Some((json!({"type": what, "object": object}), self))
            }
            Ok(None) => None,
            Err(_) => {
                self.ended = Instant::now() >= self.end;
                if !self.marks {
                    return None;
                }
                let version = self.cluster.state().store.version().to_string();
                let mark = json!({
                    "kind": self.kind.kind, "apiVersion": self.kind.api_version(),
                    "metadata": {"resourceVersion": version, "creationTimestamp": null},
                });
                Some((json!({"type": "BOOKMARK", "object": mark}), self))
            }
        }
    }
}

pub(super) fn watch(
    cluster: &FakeCluster,
    asked: &Asked,
    selection: Selection,
) -> Result<Reply, Refusal> {
    let (sender, events) = mpsc::unbounded_channel();
    let since = asked.info.query("resourceVersion").unwrap_or_default();
    let since = match since {
        "" | "0" => None,
        number => {
            let number = number.parse().map_err(|_| {
                Refusal::bad_request(format!("Invalid value: {number:?}: resourceVersion"))
            })?;
            Some(number)
        }
    };
    let watcher = Watcher {
        kind: Arc::clone(&asked.kind),
        namespace: Some(asked.info.namespace.clone()).filter(|n| !n.is_empty()),
        selection,
        sender,
    };
    let seconds = asked
        .info
        .query("timeoutSeconds")
        .and_then(|s| s.parse().ok());
    let marks = matches!(
        asked.info.query("allowWatchBookmarks"),
        Some("true" | "1" | "")
    );
    if !cluster.state().store.watch(watcher, since) {
        let gone = Refusal::new(
            410,
            format!(
                "too old resource version: {} ({})",
                since.unwrap_or_default(),
                cluster.state().store.version()
            ),
        );
        let event = json!({"type": "ERROR", "object": gone.body()});
        return Ok(Reply::Stream(lines(stream::iter([event]))));
    }
    let watch = Watch {
        cluster: cluster.clone(),
        events,
        kind: Arc::clone(&asked.kind),
        form: asked.form,
        marks,
        end: Instant::now() + seconds.map_or(WATCH, Duration::from_secs),
        ended: false,
    };
    Ok(Reply::Stream(lines(stream::unfold(watch, Watch::next))))
}

pub(super) fn exec(
    cluster: &FakeCluster,
    asked: &Asked,
    handshake: Option<Handshake>,
) -> Result<Reply, Refusal> {
    let pod = (*stored(cluster, asked)?).clone();
    let name = &asked.info.name;
    if let Some(phase @ ("Succeeded" | "Failed")) = pod["status"]["phase"].as_str() {
        let message =
            format!("cannot exec into a container in a completed pod; current phase is {phase}");
        return Err(Refusal::bad_request(message));
    }
    let names = |list: &str| -> Vec<String> {
        let all = pod["spec"][list].as_array().into_iter().flatten();
        all.filter_map(|c| c["name"].as_str().map(str::to_owned))
            .collect()
    };
    let own = names("containers");
    let container = match (
        asked.info.query("container").filter(|c| !c.is_empty()),
        own.as_slice(),
    ) {
        (Some(container), _) => container.to_owned(),
        (None, [only]) => only.clone(),
        (None, _) => {
            let all = own.join(" ");
            let message = format!(
                "a container name must be specified for pod {name}, choose one of: [{all}]"
            );
            return Err(Refusal::bad_request(message));
        }
    };
    let all = [own, names("initContainers"), names("ephemeralContainers")].concat();
    if !all.contains(&container) {
        return Err(Refusal::bad_request(format!(
            "container {container} is not valid for pod {name}"
        )));
    }
    let Some(Handshake { key, protocols }) = handshake else {
        return Err(Refusal::bad_request("Upgrade request required"));
    };
    if !protocols
        .split(',')
        .any(|protocol| protocol.trim() == PROTOCOL)
    {
        return Err(Refusal::new(
            403,
            format!("unable to upgrade: no protocol of {protocols:?} is spoken here"),
        ));
    }
    let lists = [
        "containerStatuses",
        "initContainerStatuses",
        "ephemeralContainerStatuses",
    ];
    let mut statuses = lists
        .iter()
        .flat_map(|list| pod["status"][*list].as_array().into_iter().flatten());
    let runs =
        statuses.any(|s| s["name"] == container.as_str() && s["state"]["running"].is_object());
    if !runs {
        return Err(Refusal::new(
            500,
            format!("unable to upgrade connection: container not found ({container:?})"),
        ));
    }
    let state = cluster.state();
    let place = Place {
        target: state.target(&pod, &container),
        run: state.runs.of(&asked.key(), &container),
        command: asked.info.queries("command").map(str::to_owned).collect(),
        stdin: matches!(asked.info.query("stdin"), Some("true" | "1")),
        container,
        pod,
    };
    Ok(Reply::Upgrade(
        derive_accept_key(key.as_bytes()),
        Box::new(place),
    ))
}
