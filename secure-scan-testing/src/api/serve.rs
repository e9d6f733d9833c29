//! One request and its answer: who calls, what goes wrong, and the HTTP around it.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, header, request::Parts};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{body::Incoming, upgrade::OnUpgrade};

use super::{
    answer::Refusal,
    asked::{Handshake, Sent},
    reply::{Body, Reply},
    request::Info,
    route::route,
    websocket,
};
use crate::{
    FakeCluster,
    call::Call,
    identity::User,
    state::{Effect, Strike},
};

/// Largest request in bytes, as an API server limits it.
const MAX_BODY: usize = 3 << 20;

/// A fault cuts the connection.
#[derive(Debug)]
pub(crate) struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut by a fault")
    }
}

impl std::error::Error for Cut {}

/// Answers one request.
pub(crate) async fn answer(
    cluster: FakeCluster,
    request: Request<Incoming>,
) -> Result<Response<Body>, Cut> {
    let (mut parts, body) = request.into_parts();
    let info = Info::read(&parts.method, &parts.uri);
    let audit_id = text(&parts.headers, "audit-id");
    let (number, user, strike) = note(&cluster, &info, &parts);
    let body = Limited::new(body, MAX_BODY).collect().await;
    let effect = match strike {
        Some(strike) => begin(&cluster, strike).await,
        None => Effect::None,
    };
    let upgrade = parts.extensions.remove::<OnUpgrade>();
    let reply = match (&effect, user, body) {
        (Effect::Hang, ..) => return std::future::pending().await,
        (Effect::Cut, ..) => return Err(Cut),
        (Effect::Malformed, ..) => {
            cluster.state().answered(number, 200);
            let half = full(b"{\"kind\":\"Pod\",\"apiVer".to_vec());
            return Ok(finish(&cluster, 200, half, &audit_id));
        }
        (Effect::Status(code, message), ..) => Err(Refusal::new(*code, message.clone())),
        (_, None, _) => Err(Refusal::unauthorized()),
        (_, Some(_), Err(_)) => Err(Refusal::new(
            413,
            "Request entity too large: limit is 3145728",
        )),
        (_, Some(user), Ok(body)) => {
            let sent = Sent {
                accept: text(&parts.headers, "accept"),
                content: text(&parts.headers, "content-type"),
                handshake: handshake(&parts.headers),
                body: body.to_bytes(),
            };
            route(&cluster, info, user, sent)
        }
    };
    if effect == Effect::LoseAnswer {
        return Err(Cut);
    }
    let (code, response) = respond(&cluster, reply, upgrade, &audit_id)?;
    cluster.state().answered(number, code);
    Ok(response)
}

fn text(headers: &HeaderMap, name: &str) -> String {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

/// What a client offers for a WebSocket, if it wants one.
fn handshake(headers: &HeaderMap) -> Option<Handshake> {
    let wants = text(headers, "upgrade").eq_ignore_ascii_case("websocket");
    wants.then(|| Handshake {
        key: text(headers, "sec-websocket-key"),
        protocols: text(headers, "sec-websocket-protocol"),
    })
}

/// Notes the call: its number, who calls, and what strikes it.
fn note(cluster: &FakeCluster, info: &Info, parts: &Parts) -> (u64, Option<User>, Option<Strike>) {
    let mut state = cluster.state();
    let state = &mut *state;
    let authorization = parts.headers.get(header::AUTHORIZATION);
    let authorization = authorization.and_then(|value| value.to_str().ok());
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
        audit_id: text(&parts.headers, "audit-id"),
        user_agent: text(&parts.headers, "user-agent"),
        status: None,
    });
    (state.called, user, strike)
}

/// Does what a fault does before anything else.
async fn begin(cluster: &FakeCluster, strike: Strike) -> Effect {
    if strike.delay > Duration::ZERO {
        tokio::time::sleep(strike.delay).await;
    }
    if let Some(action) = strike.action {
        action(cluster);
    }
    strike.effect
}

fn respond(
    cluster: &FakeCluster,
    reply: Result<Reply, Refusal>,
    upgrade: Option<OnUpgrade>,
    audit_id: &str,
) -> Result<(u16, Response<Body>), Cut> {
    Ok(match reply {
        Ok(Reply::Json(code, value)) => {
            let body = full(value.to_string().into());
            (code, finish(cluster, code, body, audit_id))
        }
        Ok(Reply::Stream(body)) => (200, finish(cluster, 200, body, audit_id)),
        Ok(Reply::Upgrade(accept, place)) => {
            tokio::spawn(websocket::serve(
                cluster.clone(),
                upgrade.ok_or(Cut)?,
                *place,
            ));
            let mut response = finish(cluster, 101, full(Vec::new()), audit_id);
            for (name, value) in [
                ("upgrade", "websocket"),
                ("connection", "Upgrade"),
                ("sec-websocket-accept", accept.as_str()),
                ("sec-websocket-protocol", websocket::PROTOCOL),
            ] {
                set(&mut response, name, value);
            }
            (101, response)
        }
        Err(refusal) => {
            let body = full(refusal.body().to_string().into());
            let mut response = finish(cluster, refusal.code, body, audit_id);
            if refusal.code == 429 {
                set(&mut response, "retry-after", "1");
            }
            (refusal.code, response)
        }
    })
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
