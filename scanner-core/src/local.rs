//! A scan without a cluster: the same strategies and engines, and no control around them.

use std::{future::Future, panic::AssertUnwindSafe, pin::pin};

use futures_util::{
    FutureExt as _,
    future::{Either, select},
};

use crate::{
    failure::{Failure, FailureKind},
    finding::{self, Severity},
    guarded::panic_text,
    look::Look,
    remedy::Remedy,
    report::{LOCAL_SCHEMA, LocalReport, NO_CONTROLS},
    stage::Stage,
    verdict::Verdict,
    work::{Outcome, Progress, Work as _},
};

/// Looks into something that no control surrounds. `interrupt` resolves to a reason when the look must stop.
///
/// Does not fail: whatever happens is in the report, whose words say that no control surrounded the scan. Nothing of a
/// cluster can be opened this way: the witnesses that a strategy gets belong to no scan.
pub async fn look(
    mut look: Look<'_>,
    threshold: Severity,
    interrupt: impl Future<Output = String>,
) -> LocalReport {
    let started = jiff::Timestamp::now().to_string();
    let result = {
        let run = async {
            look.open_local().await?;
            look.collect(&mut Quiet).await
        };
        match select(pin!(AssertUnwindSafe(run).catch_unwind()), pin!(interrupt)).await {
            Either::Left((Ok(result), _)) => result,
            Either::Left((Err(panic), _)) => Err(internal(panic_text(panic.as_ref()))),
            Either::Right((reason, _)) => Err(Failure::new(
                Stage::Collect,
                FailureKind::Interrupted,
                format!("interrupted by {reason}"),
            )),
        }
    };
    look.close().await;
    let (failure, outcome) = match result {
        Ok(outcome) => (None, outcome),
        Err(failure) => (Some(failure), Outcome::default()),
    };
    let verdict = match failure {
        Some(_) => Verdict::Failed,
        None => Verdict::of(&outcome.findings, threshold),
    };
    let fail_on = finding::fail_on(&outcome.findings, threshold);
    LocalReport {
        schema: LOCAL_SCHEMA.into(),
        tool_version: env!("CARGO_PKG_VERSION").into(),
        subject: look.subject().to_string(),
        verdict,
        controls: NO_CONTROLS.into(),
        failure,
        trust: look.trust(),
        profile: look.engine_names(),
        findings: outcome.findings,
        agent: outcome.agent.unwrap_or_default(),
        coverage: outcome.coverage.into(),
        started: Some(started),
        image_digest: None,
        fail_on,
        packages: outcome.packages,
    }
}

fn internal(text: &str) -> Failure {
    let message = format!("internal error: {text}");
    Failure::new(Stage::Collect, FailureKind::Internal, message).with_remedy(Remedy::ReportBug)
}

struct Quiet;

impl Progress for Quiet {
    fn evaluating(&mut self) {}
}
