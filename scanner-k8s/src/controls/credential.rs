//! Single-use credential: a short-lived token in memory, dead as soon as the streams are open.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use k8s_openapi::api::{
    authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec},
    core::v1::{Secret, ServiceAccount},
};
use kube::api::PostParams;
use scanner_core::{
    ControlError, Evidence, SecurityControl,
    control::{ControlScope, Phase, ReleaseError, VerifyError},
    plan::PlannedControl,
    report::AuditCheck,
};
use secrecy::SecretString;

use crate::{
    api::call::{CallError, CallErrorKind, call},
    names::LOAN_STRATEGY,
    plan::manifest,
    post_scan,
    run::scope::ScanScope,
};

/// The shortest lifetime that the API server accepts.
const TOKEN_SECONDS: i64 = 600;
/// How long the API server may remember a token that it has accepted.
const TOKEN_CACHE: Duration = Duration::from_millis(10_200);

pub(super) struct SingleUseCredential(pub(super) Arc<ScanScope>);

#[async_trait]
impl SecurityControl for SingleUseCredential {
    fn id(&self) -> &'static str {
        "credential"
    }

    fn phase(&self) -> Phase {
        Phase::Identity
    }

    fn plan(&self) -> PlannedControl {
        PlannedControl::new(self.id(), "A token that is used once")
            .planning(format!(
                "token of {TOKEN_SECONDS} s, bound to Secret {}, in memory only",
                self.0.name()
            ))
            .planning("the Secret is deleted once the streams are open; 401 is seen after")
    }

    async fn enforce(&self, _: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        let owner = self.0.lease_uid()?;
        let anchor = manifest::anchor(&self.0.plan().scan_id, self.0.namespace(), &owner);
        let uid = self.0.create::<Secret>(anchor).await?;
        let request = TokenRequest {
            spec: TokenRequestSpec {
                audiences: vec![],
                bound_object_ref: Some(BoundObjectReference {
                    api_version: Some("v1".into()),
                    kind: Some("Secret".into()),
                    name: Some(self.0.name()),
                    uid: Some(uid),
                }),
                expiration_seconds: Some(TOKEN_SECONDS),
            },
            ..TokenRequest::default()
        };
        let api = self.0.operator_api::<ServiceAccount>();
        let name = self.0.name();
        let answer = call(
            "request a token",
            api.create_token_request(&name, &PostParams::default(), &request),
        )
        .await
        .map_err(CallError::of_control)?;
        let status = answer
            .status
            .ok_or_else(|| ControlError::new("the server gave no token"))?;
        let token = SecretString::from(status.token);
        if self.0.plan().strategy == LOAN_STRATEGY {
            self.0.credential().keep_for_loan(token.clone());
        }
        let identity = self.0.segment().identity(token);
        let identity = identity.map_err(|source| {
            ControlError::new("the server's token cannot be sent").with_source(source)
        })?;
        self.0.credential().set(identity);
        Ok(Evidence::of(format!(
            "token issued, expires {}, bound to a Secret of the lease",
            status.expiration_timestamp.0
        )))
    }

    async fn verify(&self, _: &ControlScope<'_>) -> Result<Evidence, VerifyError> {
        self.0.credential().review()?;
        Ok(Evidence::of("the token is held in memory alone"))
    }

    async fn revoke(&self, _: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        Ok(Evidence::of(self.0.delete::<Secret>().await?))
    }

    async fn release(&self, _: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        Ok(Evidence::of(self.0.delete::<Secret>().await?))
    }

    async fn verify_release(&self, _: &ControlScope<'_>) -> Result<Evidence, ReleaseError> {
        let gone = self.0.gone::<Secret>().await;
        if !self.0.credential().exists() {
            return Ok(Evidence(vec![gone?, "no token was ever received".into()]));
        }
        // Whatever is left of the rest, the token must be seen to be refused.
        let refused = self.refused().await?;
        Ok(Evidence(vec![gone?, refused]))
    }

    fn post_scan(&self) -> Vec<AuditCheck> {
        post_scan::credential(&self.0)
    }
}

impl SingleUseCredential {
    /// Waits until the server refuses the token.
    async fn refused(&self) -> Result<String, ControlError> {
        let used = self.0.credential().accepted().unwrap_or_else(Instant::now);
        tokio::time::sleep(TOKEN_CACHE.saturating_sub(used.elapsed())).await;
        let review = self.0.credential().review()?;
        for _ in 0..10 {
            match review.review_self().await {
                Err(error) if error.kind() == CallErrorKind::Unauthorized => {
                    self.0.credential().note_refused();
                    return Ok("the token was tried again and refused with 401".into());
                }
                _ => tokio::time::sleep(Duration::from_secs(1)).await,
            }
        }
        Err(ControlError::new(
            "the revoked token is still not refused with 401",
        ))
    }
}
