//! The request for a token of a service account, in the few fields that all versions of the API have.
//!
//! The types of `k8s-openapi` differ from version to version here, and the program that links this library chooses the
//! version.

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::{
    Resource as _,
    api::{PostParams, Request},
};
use scanner_core::escape::visible;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::OperatorClient;
use crate::api::call::{CallError, call};

/// The Secret without which a token is worth nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BoundTo<'a> {
    pub(crate) secret: &'a str,
    pub(crate) uid: &'a str,
}

/// A token as the server gave it.
pub(crate) struct IssuedToken {
    pub(crate) token: SecretString,
    /// When it expires, in the server's words.
    pub(crate) expires: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenRequest<'a> {
    api_version: &'static str,
    kind: &'static str,
    spec: Spec<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    /// None named: the server's own.
    audiences: [&'a str; 0],
    bound_object_ref: Bound<'a>,
    expiration_seconds: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Bound<'a> {
    api_version: &'static str,
    kind: &'static str,
    name: &'a str,
    uid: &'a str,
}

#[derive(Deserialize)]
struct Answer {
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    token: Option<String>,
    #[serde(default)]
    expiration_timestamp: String,
}

impl OperatorClient {
    /// Requests a token of a service account; `None` when the server answers without one.
    ///
    /// # Errors
    ///
    /// Fails when the server refuses it.
    pub(crate) async fn request_token(
        &self,
        namespace: &str,
        account: &str,
        bound: BoundTo<'_>,
        seconds: u32,
    ) -> Result<Option<IssuedToken>, CallError> {
        let body = TokenRequest {
            api_version: "authentication.k8s.io/v1",
            kind: "TokenRequest",
            spec: Spec {
                audiences: [],
                bound_object_ref: Bound {
                    api_version: "v1",
                    kind: "Secret",
                    name: bound.secret,
                    uid: bound.uid,
                },
                expiration_seconds: seconds,
            },
        };
        let send = async {
            let body = serde_json::to_vec(&body).map_err(kube::Error::SerdeError)?;
            let request = Request::new(ServiceAccount::url_path(&(), Some(namespace)));
            let params = PostParams::default();
            let request = request.create_subresource("token", account, &params, body);
            let request = request.map_err(kube::Error::BuildRequest)?;
            self.request::<Answer>(request).await
        };
        let status = call("request a token", send).await?.status;
        Ok(status.and_then(|status| {
            Some(IssuedToken {
                token: SecretString::from(status.token?),
                expires: visible(&status.expiration_timestamp, 40),
            })
        }))
    }
}
