//! The run of a program with access, as work that controls surround: it runs where a scan would look.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use scanner_core::{
    EnforcedControls, Failure, FailureKind, Remedy, ScanPlan,
    alert::SecurityAlert,
    audit::Entry,
    cause::chain,
    finding::{CheckResult, EngineRef, Findings, Severity},
    guarded::{Outcome, Work},
    stage::Stage,
    work::Progress,
};

use super::{
    proxy::{Answers, ApiServer, Ended, Loan, LoanLog, Proxy},
    terms::LoanTerms,
    tool::Tool,
};
use crate::run::scope::ScanScope;

/// How often the program is looked at for an alert.
const LOOK: Duration = Duration::from_millis(50);
/// How long the streams of a proxy that was dropped may take to be gone.
const CLOSING: Duration = Duration::from_secs(5);

/// Runs the program while the credential holds.
pub(super) struct ToolRun {
    pub(super) scope: Arc<ScanScope>,
    pub(super) tool: Arc<dyn Tool>,
    pub(super) terms: LoanTerms,
    /// Taken by the proxy.
    pub(super) answers: Option<Answers>,
    pub(super) code: Arc<OnceLock<i32>>,
    /// The proxy that was started.
    pub(super) started: Option<(Arc<Loan>, Ended)>,
}

#[async_trait]
impl Work for ToolRun {
    fn trust(&self) -> String {
        "what the program does with the pod is its own".into()
    }

    async fn open(&mut self, plan: &ScanPlan, controls: &EnforcedControls) -> Result<(), Failure> {
        let failed = |message: String| Failure::new(Stage::Open, FailureKind::ToolFailed, message);
        let client = self.scope.credential().scan_client(controls);
        let client = client.map_err(|error| failed(error.message))?;
        let log = Arc::clone(self.scope.segment().audit());
        let answers = self.answers.take();
        let loan = Arc::new(Loan::new(
            &plan.target,
            &self.terms,
            answers.ok_or_else(|| failed("the program was run before".into()))?,
            Arc::new(ApiServer {
                client,
                target: plan.target.clone(),
            }),
            LoanLog::new(&log),
        ));
        log.record(Entry::Lent {
            namespace: plan.target.namespace.to_string(),
            pod: plan.target.pod.to_string(),
            container: plan.target.container.to_string(),
            may: self.terms.words(),
            tool: self.tool.name(),
        });
        let started = Proxy::start(Arc::clone(&loan), plan.target.namespace.as_str()).await;
        let (proxy, ended) = started.map_err(|error| failed(chain(&error)))?;
        self.started = Some((loan, ended));
        let limit = remaining(plan.lease_seconds, self.scope.started().elapsed());
        let tool = Arc::clone(&self.tool);
        let run = tokio::time::timeout(limit, tool.run(proxy.kubeconfig()));
        tokio::pin!(run);
        // Declared after the program, and so dropped before it: its streams are closed before anybody waits for its end.
        let proxy = proxy;
        let ran = tokio::select! {
            biased;
            alert = alarmed(&self.scope) => {
                let kind = FailureKind::ControlNotHeld { id: alert.id };
                return Err(Failure::new(Stage::Open, kind, alert.message));
            }
            ran = &mut run => ran,
        };
        drop(proxy);
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
        self.finish().await;
        Ok(())
    }

    async fn look(&mut self, _: &ScanPlan, _: &mut dyn Progress) -> Result<Outcome, Failure> {
        let ran = CheckResult::new("tool-ran", "The program was run to its end", Severity::Info);
        let engine = EngineRef::new("none", "").with_title("A program with access to one pod");
        let mut outcome = Outcome::default();
        outcome.findings = vec![Findings::new(engine, vec![ran.pass()])];
        Ok(outcome)
    }

    async fn close(&mut self) {
        self.finish().await;
    }
}

impl ToolRun {
    /// Waits until no stream of the proxy is open any more. It was dropped before.
    async fn finish(&mut self) {
        if let Some((loan, mut ended)) = self.started.take() {
            // Its tasks were aborted; what the release does next needs none of them.
            let _ = tokio::time::timeout(CLOSING, ended.wait()).await;
            loan.log.finish();
        }
    }
}

/// Waits for an alert of this loan.
async fn alarmed(scope: &ScanScope) -> SecurityAlert {
    loop {
        if let Some(alert) = scope.alerts().raised().into_iter().next() {
            return alert;
        }
        tokio::time::sleep(LOOK).await;
    }
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
