//! Single-use credential: a short-lived token in memory, dead as soon as the streams are open.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Secret;
use scanner_core::{
    ControlError, Evidence, SecurityControl,
    control::{ControlScope, Phase, ReleaseError, VerifyError},
    plan::PlannedControl,
    report::AuditCheck,
};
use tokio::time::Instant;

use crate::{
    api::{
        call::{CallError, CallErrorKind},
        client::{BoundTo, IssuedToken},
    },
    names::LOAN_STRATEGY,
    plan::manifest,
    post_scan::{self, Searched},
    run::scope::ScanScope,
};

/// The shortest lifetime that the API server accepts.
const TOKEN_SECONDS: u32 = 600;
/// How long the API server may remember a token that it has accepted.
const TOKEN_CACHE: Duration = Duration::from_millis(10_200);

pub(super) struct SingleUseCredential {
    scope: Arc<ScanScope>,
    /// What the search of this program's own files found, if it asked for one.
    searched: Mutex<Option<Searched>>,
}

impl SingleUseCredential {
    pub(super) fn new(scope: &Arc<ScanScope>) -> Self {
        Self {
            scope: Arc::clone(scope),
            searched: Mutex::default(),
        }
    }
}

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
                self.scope.name()
            ))
            .planning(
                "the Secret is deleted once the streams are open; then the token must get 401",
            )
    }

    async fn enforce(&self, _: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        let owner = self.scope.lease_uid()?;
        let anchor = manifest::anchor(&self.scope.plan().scan_id, self.scope.namespace(), &owner);
        let uid = self.scope.create::<Secret>(anchor).await?;
        let name = self.scope.name();
        let bound = BoundTo {
            secret: &name,
            uid: &uid,
        };
        let operator = self.scope.segment().operator();
        let issued = operator.request_token(self.scope.namespace(), &name, bound, TOKEN_SECONDS);
        let issued = issued.await.map_err(CallError::of_control)?;
        let IssuedToken { token, expires } =
            issued.ok_or_else(|| ControlError::new("the server gave no token"))?;
        if self.scope.plan().strategy == LOAN_STRATEGY {
            self.scope.credential().keep_for_loan(token.clone());
        }
        let identity = self.scope.segment().identity(token);
        let identity = identity.map_err(|source| {
            ControlError::new("the server's token cannot be sent").with_source(source)
        })?;
        self.scope.credential().set(identity);
        Ok(Evidence::of(format!(
            "token issued, expires {expires}, bound to a Secret of the lease"
        )))
    }

    async fn verify(&self, _: &ControlScope<'_>) -> Result<Evidence, VerifyError> {
        self.scope.credential().review()?;
        Ok(Evidence::of("the token is held in memory alone"))
    }

    async fn revoke(&self, _: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        Ok(Evidence::of(self.scope.delete::<Secret>().await?))
    }

    async fn release(&self, _: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        Ok(Evidence::of(self.scope.delete::<Secret>().await?))
    }

    async fn verify_release(&self, _: &ControlScope<'_>) -> Result<Evidence, ReleaseError> {
        let gone = self.scope.gone::<Secret>().await;
        if !self.scope.credential().exists() {
            return Ok(Evidence(vec![gone?, "no token was ever received".into()]));
        }
        // Whatever is left of the rest, the server must refuse the token.
        let refused = self.refused().await?;
        self.search_own_process().await;
        Ok(Evidence(vec![gone?, refused]))
    }

    fn post_scan(&self) -> Vec<AuditCheck> {
        let mut searched = self.searched.lock().unwrap_or_else(PoisonError::into_inner);
        post_scan::credential(&self.scope, searched.take())
    }
}

impl SingleUseCredential {
    /// Searches this program's own files for the token, if it asked for that, on a thread that may block.
    async fn search_own_process(&self) {
        let segment = self.scope.segment();
        if !segment.searches_own_process() {
            return;
        }
        let tokens = Arc::clone(segment.tokens());
        let search = tokio::task::spawn_blocking(move || post_scan::own_process(&tokens));
        if let Ok(found) = search.await {
            let mut searched = self.searched.lock().unwrap_or_else(PoisonError::into_inner);
            *searched = Some(found);
        }
    }

    /// Waits until the server refuses the token.
    async fn refused(&self) -> Result<String, ControlError> {
        let used = self
            .scope
            .credential()
            .accepted()
            .unwrap_or_else(Instant::now);
        tokio::time::sleep(TOKEN_CACHE.saturating_sub(used.elapsed())).await;
        let review = self.scope.credential().review()?;
        for _ in 0..10 {
            match review.review_self().await {
                Err(error) if error.kind() == CallErrorKind::Unauthorized => {
                    self.scope.credential().note_refused();
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
