//! The run of a program with access, as work that controls surround: it runs at the stage where a scan would read its
//! target.

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
use tokio::time::{sleep, timeout};

use super::{
    proxy::{Answers, ApiServer, Ended, Loan, LoanLog, Proxy},
    terms::LoanTerms,
    tool::Tool,
};
use crate::run::scope::ScanScope;

/// Pause between two looks for a security alert.
const LOOK: Duration = Duration::from_millis(50);
/// How long the streams may take to close once the proxy stops.
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
        let run = tool.run(proxy.kubeconfig());
        tokio::pin!(run);
        // Declared after the program, and so dropped before it: its streams are closed before anybody waits for its end.
        let proxy = proxy;
        let ran = held(run.as_mut(), limit, alarmed(&self.scope)).await;
        drop(proxy);
        let code = ran?.map_err(|error| failed(error.message))?;
        log.record(Entry::Done {
            what: format!("{} ended with code {code}", self.tool.name()),
        });
        let _ = self.code.set(code);
        self.finish().await
    }

    async fn look(&mut self, _: &ScanPlan, _: &mut dyn Progress) -> Result<Outcome, Failure> {
        let ran = CheckResult::new("tool-ran", "The program was run to its end", Severity::Info);
        let engine = EngineRef::new("none", "").with_title("A program with access to one pod");
        let mut outcome = Outcome::default();
        outcome.findings = vec![Findings::new(engine, vec![ran.pass()])];
        Ok(outcome)
    }

    async fn close(&mut self) {
        // The loan has failed before; the release goes on.
        if let Err(failure) = self.finish().await {
            self.scope.segment().audit().record(Entry::Done {
                what: failure.message.raw().to_owned(),
            });
        }
    }
}

impl ToolRun {
    /// Waits until no stream of the proxy is open any more. It was dropped before.
    async fn finish(&mut self) -> Result<(), Failure> {
        let Some((loan, ended)) = self.started.take() else {
            return Ok(());
        };
        let ended = closed(ended).await;
        loan.log.finish();
        ended
    }
}

/// Waits until nothing of a proxy that was dropped runs any more.
async fn closed(ended: Ended) -> Result<(), Failure> {
    if ended.within(CLOSING).await {
        return Ok(());
    }
    let message = format!(
        "the streams of the loan were not closed within {} s",
        CLOSING.as_secs()
    );
    Err(Failure::new(Stage::Open, FailureKind::TooLate, message))
}

/// Waits for the end of `run`, for at most `limit` and until an alert.
async fn held<T>(
    run: impl Future<Output = T>,
    limit: Duration,
    alarm: impl Future<Output = SecurityAlert>,
) -> Result<T, Failure> {
    tokio::select! {
        biased;
        alert = alarm => {
            let kind = FailureKind::ControlNotHeld { id: alert.id };
            Err(Failure::new(Stage::Open, kind, alert.message))
        }
        ran = timeout(limit, run) => ran.map_err(|_| {
            let message = "the program was ended: it ran longer than the lease";
            Failure::new(Stage::Open, FailureKind::TooLate, message).with_remedy(Remedy::RaiseLease)
        }),
    }
}

/// Waits for an alert of this loan.
async fn alarmed(scope: &ScanScope) -> SecurityAlert {
    loop {
        if let Some(alert) = scope.alerts().raised().into_iter().next() {
            return alert;
        }
        sleep(LOOK).await;
    }
}

/// How long the program may run: the lease began before it, and must not end before it.
fn remaining(lease_seconds: u32, passed: Duration) -> Duration {
    Duration::from_secs(lease_seconds.into()).saturating_sub(passed)
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use futures_util::FutureExt as _;
    use tokio::time::Instant;

    use super::*;

    #[test]
    fn the_program_does_not_outlive_the_lease() {
        let seconds = Duration::from_secs;
        assert_eq!(remaining(30, seconds(4)), seconds(26));
        assert_eq!(remaining(30, seconds(40)), Duration::ZERO);
    }

    fn alert() -> SecurityAlert {
        SecurityAlert::new("lease-disarmed", "somebody disarmed it")
    }

    #[tokio::test(start_paused = true)]
    async fn a_program_is_ended_with_its_lease_and_at_an_alert() {
        let (limit, started) = (Duration::from_secs(26), Instant::now());
        let late = held(pending::<i32>(), limit, pending()).await.unwrap_err();
        assert_eq!(late.kind, FailureKind::TooLate);
        assert_eq!(late.remedy, Some(Remedy::RaiseLease));
        assert_eq!(started.elapsed(), limit);
        // It ends by itself, also at the last moment.
        let ends = async {
            sleep(limit).await;
            7
        };
        assert_eq!(held(ends, limit, pending()).await.unwrap(), 7);
        // A lease that is over lets nothing run.
        let none = held(pending::<i32>(), Duration::ZERO, pending()).await;
        assert_eq!(none.unwrap_err().kind, FailureKind::TooLate);
        // An alert comes first, and before a program that has ended.
        for run in [ready(7).left_future(), pending().right_future()] {
            let alarmed = held(run, limit, ready(alert())).await.unwrap_err();
            let id = "lease-disarmed".to_owned();
            assert_eq!(alarmed.kind, FailureKind::ControlNotHeld { id });
        }
    }

    #[tokio::test(start_paused = true)]
    async fn streams_that_stay_open_are_a_failure() {
        let (ended, running) = Ended::of_running();
        let open = closed(ended).await.unwrap_err();
        assert_eq!(open.kind, FailureKind::TooLate);
        assert!(open.message.raw().contains("not closed"), "{open:?}");
        drop(running);
        let (ended, running) = Ended::of_running();
        drop(running);
        assert!(closed(ended).await.is_ok());
    }
}
