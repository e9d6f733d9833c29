//! The scan's identity as it asks what it may do, and tries what must be refused.

use http::{
    Request,
    header::{CONNECTION, CONTENT_TYPE, UPGRADE},
};
use k8s_openapi::api::{
    authentication::v1::SelfSubjectReview,
    authorization::v1::{
        SelfSubjectRulesReview, SelfSubjectRulesReviewSpec, SubjectRulesReviewStatus,
    },
    core::v1::Secret,
};
use kube::{
    Api, Client,
    api::{ListParams, PostParams},
};

use crate::api::call::{CallError, call};

/// Reviews of the scan's own identity, and calls that must be refused. Cannot exec: what it sends is never
/// upgraded to a stream.
#[derive(Clone)]
pub struct ReviewClient(Client);

impl ReviewClient {
    pub(super) fn new(client: Client) -> Self {
        Self(client)
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
        let api = Api::all(self.0.clone());
        let params = PostParams::default();
        let create = api.create(&params, &review);
        let answer = call("review the scan identity", create).await?;
        Ok(answer.status.unwrap_or_default())
    }

    /// Whether the server still knows who this is.
    ///
    /// # Errors
    ///
    /// Fails as Unauthorized when the token is refused.
    pub async fn review_self(&self) -> Result<(), CallError> {
        let api = Api::<SelfSubjectReview>::all(self.0.clone());
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
        let secrets = Api::<Secret>::namespaced(self.0.clone(), namespace);
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
            self.0.send(request.map_err(kube::Error::HttpError)?).await
        };
        let answer = call(format!("{verb} {path}"), send).await?;
        Ok(answer.status().as_u16())
    }

    /// Tries a request that the guard must refuse, or let pass without effect.
    pub(crate) async fn attempt(&self, request: Request<Vec<u8>>) -> kube::Result<String> {
        self.0.request_text(never_upgraded(request)).await
    }
}

/// An exec without the headers of its upgrade never runs.
pub(super) fn never_upgraded(mut request: Request<Vec<u8>>) -> Request<Vec<u8>> {
    request.headers_mut().remove(CONNECTION);
    request.headers_mut().remove(UPGRADE);
    request
}
