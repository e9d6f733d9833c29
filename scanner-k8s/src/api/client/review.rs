//! The scan's identity as it asks what it may do, and tries what must be refused.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use http::{
    Request,
    header::{CONNECTION, CONTENT_TYPE, UPGRADE},
};
use k8s_openapi::api::{
    authentication::v1::SelfSubjectReview,
    authorization::v1::{
        ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
        SelfSubjectRulesReview, SelfSubjectRulesReviewSpec, SubjectRulesReviewStatus,
    },
    core::v1::Secret,
};
use kube::{
    Api, Client,
    api::{ListParams, PostParams},
};

use crate::api::call::{CallError, CallErrorKind, call};

/// A client that sends the token in another spelling, and whether the server takes it.
#[derive(Clone)]
pub(super) struct Spelling {
    client: Client,
    state: Arc<AtomicU8>,
}

const UNTRIED: u8 = 0;
const ACCEPTED: u8 = 1;
const REFUSED: u8 = 2;

impl Spelling {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            state: Arc::new(AtomicU8::new(UNTRIED)),
        }
    }

    /// Whether the server answered a review that was sent in this spelling.
    pub(super) fn was_accepted(&self) -> bool {
        self.state.load(Ordering::Relaxed) == ACCEPTED
    }

    fn was_refused(&self) -> bool {
        self.state.load(Ordering::Relaxed) == REFUSED
    }

    fn note(&self, state: u8) {
        self.state.store(state, Ordering::Relaxed);
    }
}

/// Reviews of the scan's own identity, and calls that must be refused. Cannot exec: what it sends is never
/// upgraded to a stream.
#[derive(Clone)]
pub struct ReviewClient {
    original: Client,
    spelling: Option<Spelling>,
}

impl ReviewClient {
    pub(super) fn new(original: Client, spelling: Option<Spelling>) -> Self {
        Self { original, spelling }
    }

    /// The client to send by: the other spelling, unless the server refused it.
    fn client(&self) -> &Client {
        match &self.spelling {
            Some(spelling) if !spelling.was_refused() => &spelling.client,
            _ => &self.original,
        }
    }

    /// What the scan identity may do in `namespace`, by the server's review.
    ///
    /// # Errors
    ///
    /// Fails when the server does not answer the review.
    pub async fn review_rules(
        &self,
        namespace: &str,
    ) -> Result<SubjectRulesReviewStatus, CallError> {
        let review = SelfSubjectRulesReview {
            spec: SelfSubjectRulesReviewSpec {
                namespace: Some(namespace.to_owned()),
            },
            ..SelfSubjectRulesReview::default()
        };
        let ask = async |client: &Client| {
            let api = Api::all(client.clone());
            let params = PostParams::default();
            call("review the scan identity", api.create(&params, &review)).await
        };
        let mut answer = ask(self.client()).await;
        if let Some(spelling) = &self.spelling {
            match &answer {
                Ok(_) if !spelling.was_refused() => spelling.note(ACCEPTED),
                // The positive control: a server or a proxy that accepts only one spelling refuses this one while the token
                // is still valid, and a later refusal would then prove nothing.
                Err(error)
                    if error.kind() == CallErrorKind::Unauthorized && !spelling.was_accepted() =>
                {
                    spelling.note(REFUSED);
                    answer = ask(&self.original).await;
                }
                _ => {}
            }
        }
        Ok(answer?.status.unwrap_or_default())
    }

    /// Whether the server's authorizers allow the scan identity this one thing.
    ///
    /// # Errors
    ///
    /// Fails when the server does not answer the review.
    pub async fn review_access(&self, asked: ResourceAttributes) -> Result<bool, CallError> {
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(asked),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        };
        let api = Api::<SelfSubjectAccessReview>::all(self.client().clone());
        let params = PostParams::default();
        let answer = call("review the scan identity", api.create(&params, &review)).await?;
        Ok(answer.status.is_some_and(|status| status.allowed))
    }

    /// Whether the server still knows who this is.
    ///
    /// # Errors
    ///
    /// Fails as Unauthorized when the token is refused.
    pub async fn review_self(&self) -> Result<(), CallError> {
        let api = Api::<SelfSubjectReview>::all(self.client().clone());
        let review = SelfSubjectReview::default();
        let params = PostParams::default();
        let create = api.create(&params, &review);
        call("use the revoked token", create).await.map(|_| ())
    }

    /// Tries to list Secrets, without their contents.
    ///
    /// # Errors
    ///
    /// Fails as Forbidden when the server refuses it, as it must.
    pub async fn try_list_secrets(&self, namespace: &str) -> Result<(), CallError> {
        let secrets = Api::<Secret>::namespaced(self.client().clone(), namespace);
        let one = ListParams::default().limit(1);
        let list = secrets.list_metadata(&one);
        call("list Secrets", list).await.map(|_| ())
    }

    /// Makes one call that must be refused, and gives the status code of the answer.
    ///
    /// # Errors
    ///
    /// Fails when there is no answer.
    pub async fn try_call(&self, verb: &str, path: &str, body: &[u8]) -> Result<u16, CallError> {
        let kind = match verb {
            "PATCH" => "application/merge-patch+json",
            _ => "application/json",
        };
        let send = async {
            let request = Request::builder().method(verb).uri(path);
            let request = request.header(CONTENT_TYPE, kind);
            let request = request.body(body.to_vec().into());
            self.client()
                .send(request.map_err(kube::Error::HttpError)?)
                .await
        };
        let answer = call(format!("{verb} {path}"), send).await?;
        Ok(answer.status().as_u16())
    }

    /// Tries a request that the guard must refuse, or let pass without effect.
    pub(crate) async fn attempt(&self, request: Request<Vec<u8>>) -> kube::Result<String> {
        self.client().request_text(never_upgraded(request)).await
    }
}

/// An exec without the headers of its upgrade never runs.
pub(super) fn never_upgraded(mut request: Request<Vec<u8>>) -> Request<Vec<u8>> {
    request.headers_mut().remove(CONNECTION);
    request.headers_mut().remove(UPGRADE);
    request
}
