//! Names every call to the API server, and writes it and its answer into the audit log.

use std::{
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use futures_util::FutureExt as _;
use http::{HeaderName, HeaderValue, Method, Request, Response, Uri};
use kube::client::Body;
use scanner_core::{
    audit::{Answer, AuditLog, Call, Entry, Identity, sha256},
    escape::visible,
};
use tower::{Layer, Service};
use uuid::Uuid;

use super::{TokenWatch, USER_AGENT};

const AUDIT_ID: HeaderName = HeaderName::from_static("audit-id");

/// Filled by the connection, for streams that go on after their call was answered.
#[derive(Clone, Default)]
pub(crate) struct StreamTap(Arc<OnceLock<Tapped>>);

struct Tapped {
    log: Arc<AuditLog>,
    id: String,
    tokens: Arc<TokenWatch>,
}

impl StreamTap {
    /// The log, and the id of the call in it.
    pub(crate) fn call(&self) -> Option<(&AuditLog, &str)> {
        self.0
            .get()
            .map(|tapped| (&*tapped.log, tapped.id.as_str()))
    }

    /// Looks for tokens in what goes through.
    pub(crate) fn look(&self, outgoing: bool, carry: &mut Vec<u8>, data: &[u8]) {
        if let Some(tapped) = self.0.get() {
            tapped.tokens.stream(outgoing, carry, data);
        }
    }
}

/// Counts and logs what one identity does.
#[derive(Clone)]
pub(super) struct AuditLayer {
    pub(super) log: Arc<AuditLog>,
    pub(super) tokens: Arc<TokenWatch>,
    pub(super) identity: Identity,
    pub(super) calls: Arc<AtomicU64>,
}

impl<S> Layer<S> for AuditLayer {
    type Service = Audited<S>;

    fn layer(&self, inner: S) -> Audited<S> {
        Audited {
            inner,
            by: self.clone(),
        }
    }
}

#[derive(Clone)]
pub(super) struct Audited<S> {
    inner: S,
    by: AuditLayer,
}

impl<S, B> Service<Request<Body>> for Audited<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: std::fmt::Display,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        self.by.calls.fetch_add(1, Ordering::Relaxed);
        let id = Uuid::new_v4().to_string();
        let headers = request.headers_mut();
        // So that an administrator finds every call in the server's own audit log.
        headers.insert(
            http::header::USER_AGENT,
            HeaderValue::from_static(USER_AGENT),
        );
        if let Ok(value) = HeaderValue::from_str(&id) {
            headers.insert(AUDIT_ID, value);
        }
        let log = Arc::clone(&self.by.log);
        if let Some(tap) = request.extensions().get::<StreamTap>() {
            let _ = tap.0.set(Tapped {
                log: Arc::clone(&log),
                id: id.clone(),
                tokens: Arc::clone(&self.by.tokens),
            });
        }
        let payload = request
            .body()
            .try_clone()
            .and_then(|body| body.collect_bytes().now_or_never()?.ok());
        let payload = payload.filter(|bytes| !bytes.is_empty());
        let call = describe(request.method(), request.uri());
        // Before it is sent: a program that is killed must not have done what it did not log.
        log.record(Entry::Call(Call {
            id: id.clone(),
            identity: self.by.identity,
            payload: payload.map(|bytes| sha256(&bytes)),
            ..call
        }));
        let mut pending = Pending { log, id: Some(id) };
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            pending.end(&answer);
            answer
        })
    }
}

/// A call without an answer yet; when it is dropped, nobody waits for one any more.
struct Pending {
    log: Arc<AuditLog>,
    id: Option<String>,
}

impl Pending {
    fn end<B, E: std::fmt::Display>(&mut self, answer: &Result<Response<B>, E>) {
        let Some(id) = self.id.take() else { return };
        let (status, echoed, error) = match answer {
            Ok(answer) => {
                let echo = answer.headers().get(AUDIT_ID);
                let echoed = echo.is_some_and(|echo| echo.as_bytes() == id.as_bytes());
                (Some(answer.status().as_u16()), echoed, None)
            }
            Err(error) => (None, false, Some(visible(&error.to_string(), 300))),
        };
        self.log.record(Entry::Answer(Answer {
            id,
            status,
            echoed,
            error,
        }));
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            self.log.record(Entry::Answer(Answer {
                id,
                status: None,
                echoed: false,
                error: Some("not waited for any longer".into()),
            }));
        }
    }
}

/// What a request means, as the API server's `RequestInfo` reads it.
fn describe(method: &Method, uri: &Uri) -> Call {
    let parts: Vec<&str> = uri.path().split('/').filter(|p| !p.is_empty()).collect();
    let (group, rest) = match parts.as_slice() {
        ["api", _version, rest @ ..] => ("", rest),
        ["apis", group, _version, rest @ ..] => (*group, rest),
        other => ("", other),
    };
    let (namespace, rest) = match rest {
        // `namespaces/NAME` alone, or with its own subresource, is the namespace itself.
        ["namespaces", name, rest @ ..]
            if !rest.is_empty() && !matches!(rest, ["status" | "finalize"]) =>
        {
            (Some(*name), rest)
        }
        ["namespaces", name, ..] => (Some(*name), rest),
        other => (None, other),
    };
    let mut resource = rest.first().copied().unwrap_or_default().to_owned();
    let name = rest.get(1).copied();
    if let Some(subresource) = rest.get(2) {
        resource = format!("{resource}/{subresource}");
    }
    if !group.is_empty() {
        resource = format!("{resource}.{group}");
    }
    let query = uri.query().unwrap_or_default();
    let watches = query
        .split('&')
        .any(|pair| matches!(pair, "watch" | "watch=true" | "watch=1"));
    let verb = match *method {
        Method::GET | Method::HEAD if watches => "watch",
        Method::GET | Method::HEAD if name.is_none() => "list",
        Method::GET | Method::HEAD => "get",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE if name.is_none() => "deletecollection",
        Method::DELETE => "delete",
        _ => "other",
    };
    Call {
        id: String::new(),
        identity: Identity::Operator,
        verb: verb.into(),
        resource,
        namespace: namespace.map(str::to_owned),
        name: name.map(str::to_owned),
        uri: uri
            .path_and_query()
            .map(ToString::to_string)
            .unwrap_or_default(),
        payload: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_as_the_server_reads_them() {
        for (method, uri, verb, resource, namespace, name) in [
            (
                Method::GET,
                "/api/v1/namespaces/shop/pods/web",
                "get",
                "pods",
                "shop",
                "web",
            ),
            (
                Method::GET,
                "/api/v1/namespaces/shop/pods/web/exec?command=sh",
                "get",
                "pods/exec",
                "shop",
                "web",
            ),
            (
                Method::GET,
                "/api/v1/namespaces/shop/pods?&labelSelector=a",
                "list",
                "pods",
                "shop",
                "",
            ),
            (
                Method::GET,
                "/apis/batch/v1/namespaces/n/jobs?&watch=true",
                "watch",
                "jobs.batch",
                "n",
                "",
            ),
            (
                Method::POST,
                "/api/v1/namespaces/n/serviceaccounts/s/token?",
                "create",
                "serviceaccounts/token",
                "n",
                "s",
            ),
            (
                Method::DELETE,
                "/apis/rbac.authorization.k8s.io/v1/namespaces/n/roles/r?",
                "delete",
                "roles.rbac.authorization.k8s.io",
                "n",
                "r",
            ),
            (
                Method::PATCH,
                "/api/v1/namespaces/n/pods/p/ephemeralcontainers?",
                "patch",
                "pods/ephemeralcontainers",
                "n",
                "p",
            ),
            (
                Method::GET,
                "/api/v1/namespaces/n",
                "get",
                "namespaces",
                "n",
                "n",
            ),
            (
                Method::GET,
                "/apis/batch/v1/jobs?&labelSelector=x",
                "list",
                "jobs.batch",
                "",
                "",
            ),
            (
                Method::POST,
                "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews?",
                "create",
                "selfsubjectrulesreviews.authorization.k8s.io",
                "",
                "",
            ),
        ] {
            let call = describe(&method, &uri.parse().unwrap());
            assert_eq!(call.verb, verb, "{uri}");
            assert_eq!(call.resource, resource, "{uri}");
            assert_eq!(call.namespace.unwrap_or_default(), namespace, "{uri}");
            assert_eq!(call.name.unwrap_or_default(), name, "{uri}");
            assert_eq!(call.uri, uri);
        }
    }
}
