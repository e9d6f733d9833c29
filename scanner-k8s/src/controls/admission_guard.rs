//! Admission guard: whether the cluster has it, shown by a call that it alone would refuse.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use scanner_core::{
    ControlError, Evidence, Remedy, SecurityControl,
    cause::chain,
    control::{ControlScope, VerifyError},
    plan::PlannedControl,
};
use tokio::{sync::Mutex, task::JoinHandle};

use crate::names::{GUARD_GROUP, GUARD_NAME};
use crate::plan::limits;
use crate::{
    api::call::{CallError, CallErrorKind, ForbiddenBy, call},
    run::scope::ScanScope,
};

/// How long an idle API server takes to apply a new binding. RBAC refuses an exec before that, and the trial must be repeated.
const LEARNS: Duration = Duration::from_millis(10);

/// The answer to an exec that was not planned.
type Answer = Result<String, CallError>;

pub(super) struct AdmissionGuard {
    scope: Arc<ScanScope>,
    /// The first try, which goes on while the rights of the identity are verified.
    first: Mutex<Option<JoinHandle<Result<Answer, ControlError>>>>,
}

impl AdmissionGuard {
    pub(super) fn new(scope: &Arc<ScanScope>) -> Self {
        Self {
            scope: Arc::clone(scope),
            first: Mutex::default(),
        }
    }

    /// The answer of the first try, or of another where that came before the server had learned of the binding.
    async fn answer(&self) -> Result<Answer, ControlError> {
        let refused_by_rights = CallErrorKind::Forbidden {
            by: ForbiddenBy::Rbac,
        };
        let mut held = self.first.lock().await;
        if let Some(first) = held.as_mut() {
            // The task is taken only once it ended: an interrupted wait leaves it for the release to end.
            let ended = first.await;
            *held = None;
            let answer = ended.map_err(|error| {
                ControlError::new("the trial of the guard ended unexpectedly").with_source(error)
            })??;
            let shows_nothing = matches!(&answer, Err(error) if error.kind() == refused_by_rights);
            if !shows_nothing {
                return Ok(answer);
            }
        }
        ask(&self.scope).await
    }
}

#[async_trait]
impl SecurityControl for AdmissionGuard {
    fn id(&self) -> &'static str {
        "admission-guard"
    }

    fn verifies_access(&self) -> bool {
        true
    }

    fn plan(&self) -> PlannedControl {
        let limits = self
            .scope
            .plan()
            .rules
            .iter()
            .filter(|r| is_limit(r))
            .count();
        PlannedControl::new(self.id(), "Admission guard, where the cluster has it")
            .planning(if limits == 0 {
                "the operator may not give the scan its limits".to_owned()
            } else {
                format!("{limits} limits in the scan's own Role")
            })
            .planning(
                "an exec that RBAC allows and that was not planned is asked for, in a form that \
                 never runs",
            )
    }

    /// The binding was made just before: from now on only the guard would refuse the exec.
    async fn grant(&self, _: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        let scope = Arc::clone(&self.scope);
        let first = tokio::spawn(async move {
            tokio::time::sleep(LEARNS).await;
            ask(&scope).await
        });
        *self.first.lock().await = Some(first);
        Ok(Evidence::none())
    }

    async fn verify(&self, _: &ControlScope<'_>) -> Result<Evidence, VerifyError> {
        let asked = self.answer().await?;
        let refused = CallErrorKind::Forbidden {
            by: ForbiddenBy::Guard,
        };
        let refusal = match asked {
            Err(error) if error.kind() == refused => true,
            Err(error) if error.code() == Some(400) => false,
            Err(error) => return Err(unknown(&chain(&error))),
            Ok(_) => return Err(unknown("an odd answer")),
        };
        if !refusal {
            return Err(VerifyError::Absent(ControlError::new(
                    "admission-guard: not installed, RBAC alone limits the scan identity to this pod",
                ).with_remedy(Remedy::InstallGuard)));
        }
        if !self.scope.plan().rules.iter().any(is_limit) {
            let role = format!("{GUARD_NAME}-limits");
            return Err(ControlError::new(
                "the cluster has the admission guard, but this identity has no limits for it: you may not grant them, or a loan plans no command",
            )
            .with_remedy(Remedy::BindGuardLimits { role })
            .into());
        }
        if let Some(home) = &self.scope.plan().identity_namespace {
            // Whoever may make pods or tokens there would be the scan's identity.
            let asked = limits::present(self.scope.segment().operator(), home.as_str()).await;
            if !asked.map_err(|error| unknown(&chain(&error)))? {
                let message = format!(
                    "admission-guard: not installed for namespace {home}, where the scan's identity is"
                );
                return Err(VerifyError::Absent(
                    ControlError::new(message).with_remedy(Remedy::InstallGuard),
                ));
            }
        }
        Ok(Evidence::of(
            "admission-guard: installed, it refused a container and command that were not planned",
        ))
    }

    /// Nothing uses the token any more when its end is shown.
    async fn release(&self, _: &ControlScope<'_>) -> Result<Evidence, ControlError> {
        if let Some(first) = self.first.lock().await.take() {
            first.abort();
            let _ = first.await;
        }
        Ok(Evidence::none())
    }
}

/// Asks for an exec that was not planned, in a form that never runs.
async fn ask(scope: &ScanScope) -> Result<Answer, ControlError> {
    let review = scope.credential().review()?;
    // The pod into which RBAC lets the identity exec, which a clone is and its target is not.
    let mut target = scope.plan().target.clone();
    let mut rules = scope.plan().rules.iter();
    let exec = rules.find(|rule| rule.resources.iter().any(|r| r == "pods/exec"));
    if let Some(Ok(pod)) = exec.and_then(|rule| Some(rule.resource_names.first()?.parse())) {
        target.pod = pod;
    }
    let request = limits::exec_request(&target, "secure-scan-not-planned", &["not-planned"], false);
    let attempt = async { review.attempt(request?).await };
    Ok(call("ask for an exec that was not planned", attempt).await)
}

/// It does not show whether the guard holds.
fn unknown(why: &str) -> VerifyError {
    VerifyError::Tolerated(
        ControlError::new(format!("admission-guard: unknown: {why}"))
            .with_remedy(Remedy::CheckGuard),
    )
}

fn is_limit(rule: &scanner_core::plan::PlannedRule) -> bool {
    rule.api_groups.iter().any(|group| group == GUARD_GROUP)
}
