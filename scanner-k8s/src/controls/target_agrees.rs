//! Agreement: what the agent reports about the target agrees with the node and the specification.

use std::sync::Arc;

use async_trait::async_trait;
use scanner_core::{
    ControlError, Evidence, Remedy, SecurityControl,
    control::{ControlScope, ReleaseError, VerifyError},
    plan::PlannedControl,
};

use crate::pod::agreement::Agreement;

pub(super) struct TargetAgrees(pub(super) Arc<Agreement>);

#[async_trait]
impl SecurityControl for TargetAgrees {
    fn id(&self) -> &'static str {
        "target-agrees"
    }

    fn plan(&self) -> PlannedControl {
        let compares = self.0.witness().compares();
        PlannedControl::new(
            self.id(),
            "The agent agrees with the node and the specification",
        )
        .planning(format!(
            "compares {compares}; a contradiction is a security alert"
        ))
    }

    async fn verify(&self, _: &ControlScope<'_>) -> Result<Evidence, VerifyError> {
        Ok(Evidence::of("the agent will be compared"))
    }

    async fn verify_release(&self, scope: &ControlScope<'_>) -> Result<Evidence, ReleaseError> {
        let Some(found) = self.0.found() else {
            return Ok(Evidence::of("nothing answered that could be compared"));
        };
        let Some(first) = found.alerts.first() else {
            let mut notes = found.notes;
            notes.insert(
                0,
                "what the agent said was compared; nothing contradicts it".to_owned(),
            );
            return Ok(Evidence(notes));
        };
        let why = format!("no finding counts: {}", first.message.raw());
        for alert in found.alerts {
            scope.raise(alert);
        }
        let error = ControlError::new(why).with_remedy(Remedy::advice(
            "find out what runs in the target; a scan of its image says what should",
        ));
        Err(ReleaseError::EvidenceInvalid(error))
    }
}

#[cfg(test)]
mod tests {
    use scanner_core::{alert::Alerts, plan::ScanPlan};

    use super::*;
    use crate::pod::{agreement::Witness, stated::Stated};

    #[tokio::test]
    async fn a_contradiction_is_an_alert_and_ends_the_evidence() {
        let target = crate::pod::testing::target("n", "p", "c");
        let plan = ScanPlan::new("abcd1234".parse().unwrap(), target, "x", "y");
        let alerts = Alerts::default();
        let scope = ControlScope::new(&plan, None, &alerts);
        let agreement = Agreement::new(Witness::Probe, Stated::default());
        let control = TargetAgrees(Arc::clone(&agreement));
        assert!(control.verify_release(&scope).await.is_ok());
        assert!(alerts.raised().is_empty());
        agreement.all_left("process 1 left");
        let ended = control.verify_release(&scope).await;
        assert!(matches!(ended, Err(ReleaseError::EvidenceInvalid(_))));
        assert_eq!(alerts.raised().len(), 1);
    }
}
