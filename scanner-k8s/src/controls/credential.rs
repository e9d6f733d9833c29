//! Single-use credential: a short-lived token in memory, dead as soon as the streams are open.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Secret;
use scanner_core::{
    ControlError, Evidence, SecurityControl,
    control::{ControlScope, Phase, ReleaseError, VerifyError},
    plan::PlannedControl,
    report::AuditCheck,
};
use tokio::task::JoinHandle;

use crate::{
    api::{
        call::CallError,
        client::{BoundTo, IssuedToken},
    },
    controls::token_death,
    names::LOAN_STRATEGY,
    post_scan::{self, Searched},
    run::scope::ScanScope,
};

/// The shortest lifetime that the API server accepts.
const TOKEN_SECONDS: u32 = 600;
/// How much longer than its lease a loan's token lives, in seconds: the lease begins a moment before it.
const LOAN_MARGIN: u32 = 60;
/// A proof that goes on, in sentences.
type Proof = JoinHandle<Result<Vec<String>, ControlError>>;

pub(super) struct SingleUseCredential {
    scope: Arc<ScanScope>,
    /// What the search of this program's own files found, if it asked for one.
    searched: Mutex<Option<Searched>>,
    /// The proof that the token is dead, which goes on while the target is read.
    proof: Mutex<Option<Proof>>,
}

impl SingleUseCredential {
    pub(super) fn new(scope: &Arc<ScanScope>) -> Self {
        Self {
            scope: Arc::clone(scope),
            searched: Mutex::default(),
            proof: Mutex::default(),
        }
    }

    fn is_loan(&self) -> bool {
        self.scope.plan().strategy == LOAN_STRATEGY
    }

    /// Lifetime of the token in seconds: a loan opens streams until its end.
    fn seconds(&self) -> u32 {
        if self.is_loan() {
            TOKEN_SECONDS.max(self.scope.plan().lease_seconds + LOAN_MARGIN)
        } else {
            TOKEN_SECONDS
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
        let seconds = self.seconds();
        let (title, end) = if self.is_loan() {
            (
                "A token that no program gets",
                "secure-scan holds the token for as long as the loan lasts, and no program gets it; when the loan ends, the \
                 Secret is deleted; then the token must get 401",
            )
        } else {
            (
                "A token that dies once the streams are open",
                "the Secret is deleted once the streams are open; then the token must get 401",
            )
        };
        PlannedControl::new(self.id(), title)
            .planning(format!(
                "token of {seconds} s, bound to Secret {}, in memory only",
                self.scope.name()
            ))
            .planning(end)
            .planning(token_death::planned(&self.scope))
    }

    async fn enforce(&self, _: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        let name = self.scope.name();
        let uid = self.scope.ledger().uid_of("Secret", &name);
        let uid =
            uid.ok_or_else(|| ControlError::new("there is no Secret to bind the token to"))?;
        let bound = BoundTo {
            secret: &name,
            uid: &uid,
        };
        self.scope.segment().expect_scan();
        let operator = self.scope.segment().operator();
        let issued = operator.request_token(
            self.scope.identity_namespace(),
            &name,
            bound,
            self.seconds(),
        );
        let issued = issued.await.map_err(CallError::of_control)?;
        let IssuedToken { token, expires } =
            issued.ok_or_else(|| ControlError::new("the server gave no token"))?;
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
        // What was opened until now was the last use of the token.
        self.scope.credential().note_used();
        let deleted = self.scope.revoke::<Secret>().await?;
        let scope = Arc::clone(&self.scope);
        let proof = tokio::spawn(async move { token_death::show(&scope).await });
        *self.proof.lock().unwrap_or_else(PoisonError::into_inner) = Some(proof);
        Ok(Evidence::of(deleted))
    }

    async fn release(&self, _: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        Ok(Evidence::of(self.scope.delete::<Secret>().await?))
    }

    async fn verify_release(&self, _: &ControlScope<'_>) -> Result<Evidence, ReleaseError> {
        let gone = self.scope.gone::<Secret>().await;
        if !self.scope.credential().exists() {
            return Ok(Evidence(vec![gone?, "no token was ever received".into()]));
        }
        // Whatever else may be left, the server must refuse the token.
        let mut shown = self.refused().await?;
        self.search_own_process().await;
        shown.insert(0, gone?);
        Ok(Evidence(shown))
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

    /// Waits for the proof that the server refuses the token.
    async fn refused(&self) -> Result<Vec<String>, ControlError> {
        let under_way = self
            .proof
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match under_way {
            Some(proof) => match proof.await {
                Ok(shown) => shown,
                // Its task ended early.
                Err(_) => token_death::show(&self.scope).await,
            },
            // The streams were never opened.
            None => token_death::show(&self.scope).await,
        }
    }
}
