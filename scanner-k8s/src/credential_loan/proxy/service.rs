//! What the proxy does with one request.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, request::Parts};
use http_body_util::Full;
use hyper::upgrade::OnUpgrade;
use scanner_core::Target;

use super::{
    allowance::Allowance,
    answers::Answers,
    bridge::Bridge,
    exec_request,
    log::{Answered, LoanLog},
    refusal::{Refusal, json_answer},
    upstream::Upstream,
};
use crate::{api::tunnel::ExecAsked, credential_loan::terms::LoanTerms};

/// One loan, as every connection to its proxy shares it.
pub(in crate::credential_loan) struct Loan {
    container: String,
    words: String,
    answers: Answers,
    allowance: Allowance,
    upstream: Arc<dyn Upstream>,
    pub(in crate::credential_loan) log: LoanLog,
}

/// The exec that a connection becomes once its answer was sent; at most one.
#[derive(Default)]
pub(super) struct Slot(Mutex<Option<Bridge>>);

impl Slot {
    pub(super) fn take(&self) -> Option<Bridge> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn fill(&self, bridge: Bridge) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(bridge);
    }
}

impl Loan {
    pub(in crate::credential_loan) fn new(
        target: &Target,
        terms: &LoanTerms,
        answers: Answers,
        upstream: Arc<dyn Upstream>,
        log: LoanLog,
    ) -> Self {
        Self {
            container: target.container.to_string(),
            words: format!(
                "secure-scan: this loan lets a program exec into pod {} of namespace {}, container {}, and do nothing \
                 else",
                target.pod, target.namespace, target.container
            ),
            answers,
            allowance: Allowance::new(terms),
            upstream,
            log,
        }
    }

    /// Answers one request. Where it is an exec that the server opened, `slot` has it.
    pub(super) async fn answer<B>(
        &self,
        mut request: Request<B>,
        slot: &Slot,
    ) -> Response<Full<Bytes>> {
        let upgrade = hyper::upgrade::on(&mut request);
        let (parts, _) = request.into_parts();
        let (method, path) = (parts.method.as_str(), parts.uri.path());
        if path == self.answers.exec_path() {
            return match self.exec(&parts, upgrade, slot).await {
                Ok(headers) => switched(headers),
                Err(refusal) => refusal.answer(),
            };
        }
        if parts.method == Method::GET
            && let Some(body) = self.answers.get(path)
        {
            self.log.other(method, path, &[], Answered::Yes);
            return json_answer(StatusCode::OK, &body);
        }
        let refusal = Refusal::forbidden(&*self.words);
        self.log
            .other(method, path, &[], Answered::No(&refusal.why));
        refusal.answer()
    }

    /// Opens an exec, and gives the headers of its answer.
    async fn exec(
        &self,
        parts: &Parts,
        upgrade: OnUpgrade,
        slot: &Slot,
    ) -> Result<HeaderMap, Refusal> {
        let (method, path) = (parts.method.as_str(), parts.uri.path());
        let asked = exec_request::read(parts, &self.container).inspect_err(|refusal| {
            self.log
                .other(method, path, &[], Answered::No(&refusal.why));
        })?;
        let taken = self.take(&asked);
        let why = taken.inspect_err(|refusal| {
            let answer = Answered::No(&refusal.why);
            self.log.other(method, path, &asked.argv, answer);
        })?;
        self.log.exec(method, path, &asked.argv, why);
        let opened = self.upstream.open(&asked).await;
        let tunnel = opened.map_err(|error| Refusal {
            status: error
                .code()
                .and_then(|code| StatusCode::from_u16(code).ok())
                .filter(|status| status.is_client_error() || status.is_server_error())
                .unwrap_or(StatusCode::BAD_GATEWAY),
            why: format!(
                "secure-scan: the API server did not open this exec: {}",
                error.answer()
            ),
        })?;
        let headers = tunnel.headers.clone();
        slot.fill(Bridge::new(upgrade, tunnel));
        Ok(headers)
    }

    /// Takes one exec from what is left.
    fn take(&self, asked: &ExecAsked) -> Result<&'static str, Refusal> {
        if !self.log.has_room() {
            return Err(Refusal::forbidden(
                "secure-scan: the audit log of this loan is full, so that it takes no more execs; lend access anew",
            ));
        }
        self.allowance.take(&asked.argv, asked.terminal)
    }
}

fn switched(headers: HeaderMap) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *answer.headers_mut() = headers;
    answer
}
