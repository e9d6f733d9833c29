//! Identity watch: whoever else makes the scan identity's token, or a pod that runs as it, is seen.
//!
//! Whoever may create Secrets in the namespace of an account can have a token of it: a Secret of type
//! `kubernetes.io/service-account-token` that names it is filled within milliseconds. Whoever may create pods there can
//! have one run as it. The objects that the scan made show neither. Execs and requests for tokens show only in the API
//! server's own audit log: `audit reconcile` looks for them.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::api::ObjectMeta;
use scanner_core::{
    ControlError, Evidence, SecurityControl,
    alert::SecurityAlert,
    control::{ControlScope, Phase, ReleaseError, VerifyError},
    plan::PlannedControl,
};
use tokio::sync::oneshot;

use crate::{
    api::{call::CallError, kind_watch::KindWatch},
    run::{background::Background, scope::ScanScope},
};

/// Identifier of the alert that somebody else could act as the scan.
const IDENTITY_SHARED: &str = "identity-shared";
/// Selects Secrets that the server fills with tokens.
const TOKEN_SECRETS: &str = "type=kubernetes.io/service-account-token";
const LOOK_SECRETS: &str = "list token Secrets";
const LOOK_PODS: &str = "list pods of the scan identity";
/// Annotation by which a token Secret names its account (`core/v1`, `ServiceAccountNameKey`).
const ACCOUNT: &str = "kubernetes.io/service-account.name";

pub(super) struct IdentityWatch {
    scope: Arc<ScanScope>,
    task: Mutex<Option<Background>>,
    /// Says when both watches are open.
    begins: Mutex<Option<oneshot::Receiver<Result<(), CallError>>>>,
    /// Whether the watches may have missed something: they are not open yet, or one ended.
    missed: Arc<AtomicBool>,
}

impl IdentityWatch {
    pub(super) fn new(scope: &Arc<ScanScope>) -> Self {
        Self {
            scope: Arc::clone(scope),
            task: Mutex::default(),
            begins: Mutex::default(),
            missed: Arc::default(),
        }
    }

    /// Lists what is there at the end, if the watches may have missed something.
    async fn look_again(&self) -> Result<(), ControlError> {
        let (operator, namespace) = (
            self.scope.segment().operator(),
            self.scope.identity_namespace(),
        );
        let secrets = operator.api::<Secret>(namespace);
        let found = KindWatch::list(&secrets, LOOK_SECRETS, TOKEN_SECRETS).await;
        for seen in found.map_err(CallError::of_control)?.1 {
            token_secret(&self.scope, &seen);
        }
        let pods = operator.api::<Pod>(namespace);
        let of_account = format!("spec.serviceAccountName={}", self.scope.name());
        let found = KindWatch::list(&pods, LOOK_PODS, &of_account).await;
        for seen in found.map_err(CallError::of_control)?.1 {
            pod(&self.scope, &seen);
        }
        Ok(())
    }

    /// Whether an alert about the identity was raised.
    fn shared(&self) -> Option<SecurityAlert> {
        let raised = self.scope.alerts().raised();
        raised.into_iter().find(|alert| alert.id == IDENTITY_SHARED)
    }
}

#[async_trait]
impl SecurityControl for IdentityWatch {
    fn id(&self) -> &'static str {
        "identity-watch"
    }

    fn phase(&self) -> Phase {
        Phase::BeforeIdentity
    }

    /// Verified just before the target is touched: until then another holder of the identity may have been seen.
    fn verifies_access(&self) -> bool {
        true
    }

    fn plan(&self) -> PlannedControl {
        let namespace = self.scope.identity_namespace();
        let plan = PlannedControl::new(self.id(), "Nobody else becomes the scan identity unseen").planning(format!(
            "token Secrets and pods of the account in namespace {namespace} are watched until it is gone; one is a \
             security alert"
        ));
        let plan = plan.planning(
            "not looked at: execs and token requests by others, which only the API server's audit log has; `audit \
             reconcile` compares it",
        );
        if self.scope.plan().identity_namespace.is_some() {
            return plan;
        }
        plan.planning(format!(
            "warning: whoever may create Secrets, pods or tokens in namespace {namespace}, the target's own, could act as \
             the scan identity while it exists; an identity namespace prevents that"
        ))
    }

    async fn enforce(&self, _: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        let scope = &self.scope;
        let lease = scope.identity_lease().unwrap_or_else(|| scope.name());
        let since = scope.ledger().made_of("Job", &lease);
        let since = since
            .map(|made| made.version().to_owned())
            .unwrap_or_default();
        let (operator, namespace) = (scope.segment().operator(), scope.identity_namespace());
        let secrets = operator.api::<Secret>(namespace);
        let pods = operator.api::<Pod>(namespace);
        let of_account = format!("spec.serviceAccountName={}", scope.name());
        let evidence = format!(
            "watching token Secrets and pods of the account in namespace {namespace}, from version {since} on"
        );
        let (of_secrets, of_pods) = (Arc::clone(scope), Arc::clone(scope));
        let missed = Arc::clone(&self.missed);
        missed.store(true, Ordering::Relaxed);
        let (begun, begins) = oneshot::channel();
        // The account is made meanwhile: a watch from a known version on misses nothing later.
        let task = Background::spawn(async move {
            let opened = tokio::join!(
                KindWatch::begin(secrets, "watch token Secrets", TOKEN_SECRETS, &since),
                KindWatch::begin(pods, "watch pods of the scan identity", &of_account, &since),
            );
            let (secrets, pods) = match opened {
                (Ok(secrets), Ok(pods)) => (secrets, pods),
                (Err(error), _) | (_, Err(error)) => {
                    let _ = begun.send(Err(error));
                    return;
                }
            };
            let is_whole = !secrets.began_anew() && !pods.began_anew();
            missed.store(!is_whole, Ordering::Relaxed);
            let _ = begun.send(Ok(()));
            tokio::join!(
                secrets.each(Arc::clone(&missed), move |seen| token_secret(
                    &of_secrets,
                    seen
                )),
                pods.each(Arc::clone(&missed), move |seen| pod(&of_pods, seen)),
            );
        });
        *self.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
        *self.begins.lock().unwrap_or_else(PoisonError::into_inner) = Some(begins);
        Ok(Evidence::of(evidence))
    }

    /// The identity gets no rights before both watches are open.
    async fn grant(&self, _: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        let begins = {
            let mut held = self.begins.lock().unwrap_or_else(PoisonError::into_inner);
            held.take()
        };
        match begins {
            Some(begins) => match begins.await {
                Ok(opened) => opened.map_err(CallError::of_control)?,
                Err(_) => return Err(ControlError::new("the watches ended before they began")),
            },
            None => return Err(ControlError::new("nothing was watched")),
        }
        Ok(Evidence::of(
            "both watches were open before the identity got any rights",
        ))
    }

    async fn verify(&self, _: &ControlScope<'_>) -> Result<Evidence, VerifyError> {
        match self.shared() {
            Some(alert) => Err(VerifyError::Alert(alert)),
            None => Ok(Evidence::of("watched since before the account existed")),
        }
    }

    /// Looks while the account is still there: with it, the cluster deletes its token Secrets.
    async fn revoke(&self, _: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        if self.missed.load(Ordering::Relaxed) {
            self.look_again().await?;
            return Ok(Evidence::of(
                "a watch was interrupted, so the scan listed the token Secrets and pods of the account",
            ));
        }
        Ok(Evidence::none())
    }

    async fn verify_release(&self, _: &ControlScope<'_>) -> Result<Evidence, ReleaseError> {
        if self.missed.load(Ordering::Relaxed) {
            self.look_again().await?;
        }
        let task = {
            let mut held = self.task.lock().unwrap_or_else(PoisonError::into_inner);
            held.take()
        };
        if let Some(task) = task {
            task.stop().await;
        }
        Ok(Evidence::of(match self.shared() {
            Some(_) => "somebody else could act as the scan identity: see the alert",
            None => {
                "no token Secret and no pod of the account was seen while it existed; execs and token requests by others \
                 were not looked at"
            }
        }))
    }
}

/// Raises an alert where a token Secret is one of the scan identity.
fn token_secret(scope: &ScanScope, seen: &ObjectMeta) {
    let account = seen.annotations.as_ref().and_then(|all| all.get(ACCOUNT));
    if account == Some(&scope.name()) {
        raise(scope, "Secret", "holds a token of the scan identity", seen);
    }
}

/// Raises an alert: the watch selects pods of the scan identity alone.
fn pod(scope: &ScanScope, seen: &ObjectMeta) {
    raise(scope, "Pod", "runs as the scan identity", seen);
}

fn raise(scope: &ScanScope, kind: &str, what: &str, seen: &ObjectMeta) {
    let name = seen.name.as_deref().unwrap_or_default();
    let namespace = scope.identity_namespace();
    let message =
        format!("{kind} {name} in namespace {namespace} {what}, and this scan did not make it");
    let uid = seen.uid.as_deref().unwrap_or_default();
    let mut alert = SecurityAlert::new(IDENTITY_SHARED, message).evidence(format!("uid {uid}"));
    let managers = seen.managed_fields.iter().flatten();
    let managers = managers.filter_map(|field| field.manager.as_deref());
    for manager in managers.take(5) {
        alert = alert.evidence(format!("written by {manager}"));
    }
    scope.alerts().raise(alert);
}
