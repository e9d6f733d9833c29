//! Names every call to the API server, and writes it and its answer into the audit log.

mod request_info;

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use futures_util::FutureExt as _;
use http::{HeaderName, HeaderValue, Request, Response};
use kube::client::Body;
use scanner_core::{
    audit::{Answer, AuditLog, Call, Entry, Identity, sha256},
    escape::visible_ends,
};
use tower::{Layer, Service};
use uuid::Uuid;

use super::{stream_tap::StreamTap, token_detector::TokenDetector};
use request_info::describe;

const AUDIT_ID: HeaderName = HeaderName::from_static("audit-id");

/// Counts and logs what one identity does.
#[derive(Clone)]
pub(super) struct AuditLayer {
    pub(super) log: Arc<AuditLog>,
    pub(super) tokens: Arc<TokenDetector>,
    pub(super) identity: Identity,
    pub(super) calls: Arc<AtomicU64>,
    pub(super) user_agent: HeaderValue,
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
        headers.insert(http::header::USER_AGENT, self.by.user_agent.clone());
        if let Ok(value) = HeaderValue::from_str(&id) {
            headers.insert(AUDIT_ID, value);
        }
        let log = Arc::clone(&self.by.log);
        if let Some(tap) = request.extensions().get::<StreamTap>() {
            tap.fill(&log, &id, &self.by.tokens);
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
            Err(error) => (None, false, Some(visible_ends(&error.to_string(), 300))),
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
