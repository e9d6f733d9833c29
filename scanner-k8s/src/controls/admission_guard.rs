//! Admission guard: whether the cluster has it, shown by a call that it alone would refuse.

use std::sync::Arc;

use async_trait::async_trait;
use scanner_core::{
    ControlError, Evidence, SecurityControl, cause::chain, control::ControlEffect,
    plan::PlannedControl,
};

use crate::names::{GUARD_GROUP, GUARD_NAME};
use crate::plan::limits;
use crate::{
    api::call::{CallErrorKind, ForbiddenBy, call},
    run::session::{Session, not_held},
};

pub(super) struct AdmissionGuard(pub(super) Arc<Session>);

#[async_trait]
impl SecurityControl for AdmissionGuard {
    fn id(&self) -> &'static str {
        "admission-guard"
    }

    fn plan(&self) -> PlannedControl {
        let limits = self.0.plan.rules.iter().filter(|r| is_limit(r)).count();
        PlannedControl {
            id: self.id().into(),
            title: "Admission guard, where the cluster has it".into(),
            planned: vec![
                if limits == 0 {
                    "the operator may not give the scan its limits".to_owned()
                } else {
                    format!("{limits} limits in the scan's own Role")
                },
                "an exec that RBAC allows and that was not planned is asked for, in a form that \
                 never runs"
                    .into(),
            ],
        }
    }

    async fn enforce(&self) -> Result<Evidence, ControlError> {
        Ok(Evidence::none())
    }

    async fn verify(&self) -> Result<Evidence, ControlError> {
        let review = self.0.review()?;
        // The pod into which RBAC lets the identity exec, which a clone is and its target is not.
        let mut target = self.0.plan.target.clone();
        let mut rules = self.0.plan.rules.iter();
        let exec = rules.find(|rule| rule.resources.iter().any(|r| r == "pods/exec"));
        if let Some(Ok(pod)) = exec.and_then(|rule| Some(rule.resource_names.first()?.parse())) {
            target.pod = pod;
        }
        let request =
            limits::exec_request(&target, "secure-scan-not-planned", &["not-planned"], false);
        let ask = async { review.attempt(request?).await };
        let asked = call("ask for an exec that was not planned", ask).await;
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
            return Err(ControlError {
                effect: ControlEffect::Absent,
                hint: Some(
                    "as an administrator: secure-scan guard render | kubectl apply -f -".into(),
                ),
                ..not_held(
                    "admission-guard: not installed, RBAC alone limits the scan identity to this pod",
                )
            });
        }
        if !self.0.plan.rules.iter().any(is_limit) {
            return Err(ControlError {
                hint: Some(format!(
                    "bind ClusterRole {}-limits to yourself in this namespace, or ask who installed the guard",
                    GUARD_NAME
                )),
                ..not_held(
                    "the cluster has the admission guard, and this identity has no limits for it: you may not give \
                     them, or, for a lent credential, no command is planned",
                )
            });
        }
        Ok(Evidence::of(
            "admission-guard: installed, it refused a container and command that were not planned",
        ))
    }

    async fn release(&self) -> Result<Evidence, ControlError> {
        Ok(Evidence::none())
    }

    async fn verify_release(&self) -> Result<Evidence, ControlError> {
        Ok(Evidence::none())
    }
}

/// It does not show whether the guard holds.
fn unknown(why: &str) -> ControlError {
    ControlError {
        effect: ControlEffect::Tolerated,
        hint: Some("see: secure-scan guard status".into()),
        ..not_held(format!("admission-guard: unknown: {why}"))
    }
}

fn is_limit(rule: &scanner_core::plan::PlannedRule) -> bool {
    rule.api_groups.iter().any(|group| group == GUARD_GROUP)
}
