//! The API server: who calls, whether he may, what goes wrong, and what is answered.

mod answer;
mod delete;
mod request;
mod review;
mod streams;
mod write;

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{HeaderMap, Request, Response, header};
use http_body_util::{BodyExt as _, Full, Limited, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::{Frame, Incoming},
    upgrade::OnUpgrade,
};
use serde_json::{Value, json};

use crate::{
    FakeCluster,
    call::Call,
    exec,
    fault::{Effect, Strike},
    identity::User,
    kinds::Kind,
    rbac::{self, Attributes},
    store::{Key, selector::Selection},
};
use answer::{Form, Refusal};
pub(crate) use delete::{collect, delete_now};
use request::Info;

/// Largest request in bytes, as an API server limits it.
const MAX_BODY: usize = 3 << 20;

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A fault cuts the connection.
#[derive(Debug)]
pub(crate) struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut by a fault")
    }
}

impl std::error::Error for Cut {}

/// What comes of a request.
enum Reply {
    Json(u16, Value),
    /// Watch events, line by line.
    Stream(UnsyncBoxBody<Bytes, Infallible>),
    /// A WebSocket: the headers of the answer, and what is served on it.
    Upgrade(String, Box<exec::Place>),
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

/// Answers one request.
pub(crate) async fn answer(
    cluster: FakeCluster,
    request: Request<Incoming>,
) -> Result<Response<Body>, Cut> {
    let (mut parts, body) = request.into_parts();
    let info = Info::read(&parts.method, &parts.uri);
    let text = |headers: &HeaderMap, name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let audit_id = text(&parts.headers, "audit-id");
    let (number, user, strike) = {
        let mut state = cluster.state();
        let state = &mut *state;
        let authorization = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|v| v.to_str().ok());
        let now = state.clock.now();
        let user = state
            .identities
            .authenticate(authorization, &state.store, now);
        state.called += 1;
        let strike = state.note(Call {
            number: state.called,
            at: state.clock.elapsed(),
            verb: info.verb.clone(),
            group: info.group.clone(),
            resource: info.resource(),
            namespace: info.namespace.clone(),
            name: info.name.clone(),
            uri: parts.uri.to_string(),
            user: user
                .as_ref()
                .map(|user| user.name.clone())
                .unwrap_or_default(),
            audit_id: audit_id.clone(),
            user_agent: text(&parts.headers, "user-agent"),
            status: None,
        });
        (state.called, user, strike)
    };
    let body = Limited::new(body, MAX_BODY).collect().await;
    let mut lose = false;
    let mut struck = None;
    if let Some(Strike {
        delay,
        effect,
        action,
    }) = strike
    {
        if delay > Duration::ZERO {
            tokio::time::sleep(delay).await;
        }
        if let Some(action) = action {
            action(&cluster);
        }
        match effect {
            Effect::None => {}
            Effect::Hang => return std::future::pending().await,
            Effect::Cut => return Err(Cut),
            Effect::LoseAnswer => lose = true,
            Effect::Malformed => {
                cluster.state().answered(number, 200);
                return Ok(finish(
                    &cluster,
                    200,
                    full(b"{\"kind\":\"Pod\",\"apiVer".to_vec()),
                    &audit_id,
                ));
            }
            Effect::Status(code, message) => struck = Some(Refusal::new(code, message)),
        }
    }
    let upgrade = parts.extensions.remove::<OnUpgrade>();
    let reply = match (struck, user, body) {
        (Some(refusal), ..) => Err(refusal),
        (None, None, _) => Err(Refusal::unauthorized()),
        (None, Some(_), Err(_)) => Err(Refusal::new(
            413,
            "Request entity too large: limit is 3145728",
        )),
        (None, Some(user), Ok(body)) => {
            let accept = text(&parts.headers, "accept");
            let content = text(&parts.headers, "content-type");
            let upgrades = text(&parts.headers, "upgrade").eq_ignore_ascii_case("websocket");
            let protocols = text(&parts.headers, "sec-websocket-protocol");
            let key = Some(text(&parts.headers, "sec-websocket-key")).filter(|_| upgrades);
            let offered = Some(protocols).filter(|_| upgrades);
            let bytes = body.to_bytes();
            route(
                &cluster,
                info,
                user,
                &accept,
                content,
                &bytes,
                key,
                offered.as_deref(),
            )
        }
    };
    if lose {
        return Err(Cut);
    }
    let (code, response) = match reply {
        Ok(Reply::Json(code, value)) => (
            code,
            finish(&cluster, code, full(value.to_string().into()), &audit_id),
        ),
        Ok(Reply::Stream(body)) => (200, finish(&cluster, 200, body, &audit_id)),
        Ok(Reply::Upgrade(accept, place)) => {
            let Some(upgrade) = upgrade else {
                return Err(Cut);
            };
            tokio::spawn(exec::serve(cluster.clone(), upgrade, *place));
            let mut response = finish(&cluster, 101, full(Vec::new()), &audit_id);
            for (name, value) in [
                ("upgrade", "websocket"),
                ("connection", "Upgrade"),
                ("sec-websocket-accept", accept.as_str()),
                ("sec-websocket-protocol", exec::PROTOCOL),
            ] {
                set(&mut response, name, value);
            }
            (101, response)
        }
        Err(refusal) => {
            let body = full(refusal.body().to_string().into());
            let mut response = finish(&cluster, refusal.code, body, &audit_id);
            if refusal.code == 429 {
                set(&mut response, "retry-after", "1");
            }
            (refusal.code, response)
        }
    };
    cluster.state().answered(number, code);
    Ok(response)
}

fn full(bytes: Vec<u8>) -> Body {
    Full::new(Bytes::from(bytes)).boxed_unsync()
}

fn set(response: &mut Response<Body>, name: &'static str, value: &str) {
    if let Ok(value) = value.parse() {
        response.headers_mut().insert(name, value);
    }
}

fn finish(cluster: &FakeCluster, code: u16, body: Body, audit_id: &str) -> Response<Body> {
    let date = cluster.state().clock.http_date();
    let mut response = Response::new(body);
    *response.status_mut() = http::StatusCode::from_u16(code).unwrap_or_default();
    set(&mut response, "date", &date);
    set(&mut response, "audit-id", audit_id);
    if code != 101 {
        set(&mut response, "content-type", "application/json");
    }
    response
}

#[expect(clippy::too_many_arguments, reason = "each is a part of one request")]
fn route(
    cluster: &FakeCluster,
    info: Info,
    user: User,
    accept: &str,
    content: String,
    body: &[u8],
    key: Option<String>,
    offered: Option<&str>,
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
    let body = match body {
        [] => Value::Null,
        bytes => serde_json::from_slice(bytes).map_err(|error| {
            Refusal::bad_request(format!("the object provided is unrecognized: {error}"))
        })?,
    };
    let asked = Asked {
        form: Form::read(accept),
        info,
        kind,
        user,
        content,
        body,
    };
    let selection = || selection.map_err(Refusal::bad_request);
    match (asked.info.verb.as_str(), asked.info.subresource.as_str()) {
        ("get" | "create", "exec") => streams::exec(cluster, &asked, key, offered),
        ("create", "token") => review::token(cluster, &asked),
        ("create", "eviction") => delete::delete(cluster, &asked),
        ("get", "log") => Ok(Reply::Json(200, Value::Null)),
        ("create", "") if review::kind(&asked.info).is_some() => review::review(cluster, &asked),
        ("create", "") => write::create(cluster, &asked),
        ("get", "" | "status" | "ephemeralcontainers") => get(cluster, &asked),
        ("list", "") => streams::list(cluster, &asked, &selection()?),
        ("watch", "") => streams::watch(cluster, &asked, selection()?),
        ("update", "" | "status" | "ephemeralcontainers") => write::update(cluster, &asked),
        ("patch", "" | "status" | "ephemeralcontainers") => write::patch(cluster, &asked),
        ("delete", "") => delete::delete(cluster, &asked),
        ("deletecollection", "") => delete::delete_all(cluster, &asked, &selection()?),
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

fn authorize(
    cluster: &FakeCluster,
    info: &Info,
    user: &User,
    selection: Option<&Selection>,
) -> Result<(), Refusal> {
    let resource = info.resource();
    let named = selection.and_then(Selection::name);
    let name = named.filter(|_| info.name.is_empty()).unwrap_or(&info.name);
    let state = cluster.state();
    let may = |verb: &str| {
        let wanted = Attributes {
            verb,
            group: &info.group,
            resource: &resource,
            namespace: &info.namespace,
            name,
            url: "",
        };
        rbac::allowed(&state.store, user, &wanted)
    };
    // From Kubernetes 1.35, an exec by WebSocket needs the verb of a POST too.
    let verbs = if info.subresource == "exec" {
        vec![info.verb.as_str(), "create"]
    } else {
        vec![info.verb.as_str()]
    };
    let Some(verb) = verbs.into_iter().find(|verb| !may(verb)) else {
        return Ok(());
    };
    let place = if info.namespace.is_empty() {
        "at the cluster scope".to_owned()
    } else {
        format!("in the namespace {:?}", info.namespace)
    };
    let dot = if info.group.is_empty() { "" } else { "." };
    let of = format!("{}{dot}{}", info.plural, info.group);
    let what = if info.name.is_empty() {
        of
    } else {
        format!("{of} {:?}", info.name)
    };
    Err(Refusal::new(
        403,
        format!(
            "{what} is forbidden: User {:?} cannot {verb} resource {resource:?} in API group {:?} {place}",
            user.name, info.group
        ),
    ))
}

fn discovery(cluster: &FakeCluster, info: &Info, user: &User) -> Result<Reply, Refusal> {
    let state = cluster.state();
    let wanted = Attributes {
        verb: &info.verb,
        url: &info.path,
        ..Attributes::default()
    };
    if !rbac::allowed(&state.store, user, &wanted) {
        let message = format!(
            "forbidden: User {:?} cannot {} path {:?}",
            user.name, info.verb, info.path
        );
        return Err(Refusal::new(403, message));
    }
    let parts: Vec<&str> = info
        .path
        .split('/')
        .filter(|part| !part.is_empty())
        .collect();
    let found = match parts.as_slice() {
        ["version"] => Some(json!({
            "major": "1", "minor": "37", "gitVersion": "v1.37.2", "gitCommit": "", "gitTreeState": "clean",
            "buildDate": "2026-11-01T00:00:00Z", "goVersion": "go1.26", "compiler": "gc", "platform": "linux/amd64",
        })),
        ["healthz" | "livez" | "readyz"] => Some(json!("ok")),
        ["api"] => Some(
            json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}),
        ),
        ["apis"] => Some(state.kinds.groups()),
        ["api", version] => state.kinds.discovery("", version),
        ["apis", group, version] => state.kinds.discovery(group, version),
        _ => None,
    };
    let found = found
        .ok_or_else(|| Refusal::new(404, "the server could not find the requested resource"))?;
    Ok(Reply::Json(200, found))
}

/// A body of values that come one by one, each a line.
fn lines(
    values: impl futures_util::Stream<Item = Value> + Send + 'static,
) -> UnsyncBoxBody<Bytes, Infallible> {
    let frames = values.map(|value| Ok(Frame::data(Bytes::from(format!("{value}\n")))));
    StreamBody::new(frames).boxed_unsync()
}
