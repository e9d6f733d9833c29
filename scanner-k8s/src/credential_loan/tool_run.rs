//! The run of a program with access, as work that controls surround: it runs where a scan would look.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use scanner_core::{
    EnforcedControls, Failure, FailureKind, Remedy, ScanPlan,
    audit::Entry,
    finding::{CheckResult, EngineRef, Findings, Severity},
    guarded::{Outcome, Work},
    stage::Stage,
    work::Progress,
};

use super::tool::Tool;
use crate::{plan::limits::get_rule, run::scope::ScanScope};

/// Runs the program while the credential holds.
pub(super) struct ToolRun {
    pub(super) scope: Arc<ScanScope>,
    pub(super) tool: Arc<dyn Tool>,
    pub(super) code: Arc<OnceLock<i32>>,
}

#[async_trait]
impl Work for ToolRun {
    fn trust(&self) -> String {
        "what the program does with the pod is its own".into()
    }

    async fn open(&mut self, plan: &ScanPlan, controls: &EnforcedControls) -> Result<(), Failure> {
        let failed = |message: String| Failure::new(Stage::Open, FailureKind::ToolFailed, message);
        let token = self.scope.credential().take_for_loan(controls);
        let token = token.map_err(|error| failed(error.message))?;
        let namespace = plan.target.namespace.as_str();
        let kubeconfig = self.scope.segment().kubeconfig(&token, namespace);
        drop(token);
        let log = self.scope.segment().audit();
        log.record(Entry::Lent {
            account: self.scope.account(),
            namespace: namespace.to_owned(),
            pod: plan.target.pod.to_string(),
            get_pod: plan.rules.contains(&get_rule(plan.target.pod.as_str())),
            tool: self.tool.name(),
        });
        let limit = remaining(plan.lease_seconds, self.scope.started().elapsed());
        let ran = tokio::time::timeout(limit, self.tool.run(kubeconfig)).await;
        let code = ran
            .map_err(|_| {
                let message = "the program was ended: it ran longer than the lease";
                Failure::new(Stage::Open, FailureKind::TooLate, message)
                    .with_remedy(Remedy::RaiseLease)
            })?
            .map_err(|error| failed(error.message))?;
        log.record(Entry::Done {
            what: format!("{} ended with code {code}", self.tool.name()),
        });
        let _ = self.code.set(code);
        Ok(())
    }

    async fn look(&mut self, _: &ScanPlan, _: &mut dyn Progress) -> Result<Outcome, Failure> {
        let ran = CheckResult::new("tool-ran", "The program was run to its end", Severity::Info);
        let engine =
            EngineRef::new("none", "").with_title("A program with a short-lived kubeconfig");
        let mut outcome = Outcome::default();
        outcome.findings = vec![Findings::new(engine, vec![ran.pass()])];
        Ok(outcome)
    }

    async fn close(&mut self) {}
}

/// How long the program may run: the lease began before it, and must not end before it.
fn remaining(lease_seconds: u32, passed: Duration) -> Duration {
    Duration::from_secs(lease_seconds.into()).saturating_sub(passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_does_not_outlive_the_lease() {
        let seconds = Duration::from_secs;
        assert_eq!(remaining(30, seconds(4)), seconds(26));
        assert_eq!(remaining(30, seconds(40)), Duration::ZERO);
    }
}
