//! The next strategy, once strategy `container` could not read the target and left nothing behind.

use std::future::Future;

use scanner_core::{
    FailureKind, Remedy, ScanReport, Verdict, cause,
    escape::visible_ends,
    event::Observer,
    plan::Fallback,
    strategy::{IMAGE_OF_TARGET, ScanStrategy as _},
};

use super::{
    choice::why_not,
    fallback::with,
    prepare::{MissingRight, prepare},
    prepared::PreparedScan,
    request::{ScanRequest, Strategy},
};
use crate::api::segment::Segment;

/// When the next strategy is taken.
const WHEN: &str = "If the target turns out to have no /bin/sh, or not the tools to list its files: all of the above \
                    is removed and confirmed deleted, and then instead";
/// Why there is no next strategy.
const NO_IMAGE: &str = "strategy distroless needs an image of the probe, and none was named";

/// Why another strategy was taken.
fn taken(why: &str) -> String {
    format!(
        "chosen automatically: container was tried first, {why}, and all that it created is confirmed deleted"
    )
}

/// What would be done if strategy `container` could not read the target.
pub(super) async fn planned(
    segment: &Segment,
    request: &ScanRequest,
    strategies: &[Strategy],
) -> Fallback {
    let mut fallback = Fallback {
        when: WHEN.into(),
        plan: None,
        not_possible: None,
        remedy: None,
    };
    let mut passed = Vec::new();
    for strategy in strategies {
        match next_prepared(segment, request, strategy).await {
            Ok(mut next) => {
                if !passed.is_empty() {
                    next.plan.reason = Some(format!("chosen automatically: {}", passed.join("; ")));
                }
                fallback.plan = Some(next.plan);
                return fallback;
            }
            Err(not) => {
                passed.push(not.why);
                fallback.remedy = fallback.remedy.or(not.remedy);
            }
        }
    }
    fallback.not_possible = Some(format!("nothing is scanned: {}", passed.join("; ")));
    fallback
}

/// Why the next strategy is not taken.
struct NotTaken {
    why: String,
    remedy: Option<Remedy>,
}

/// Prepares the next strategy, where it can be taken and gives evidence that counts.
async fn next_prepared(
    segment: &Segment,
    request: &ScanRequest,
    strategy: &Strategy,
) -> Result<PreparedScan, NotTaken> {
    let request = with(request, strategy.clone());
    let prepared = prepare(segment.next(), request.clone(), MissingRight::Refuses);
    let next = Box::pin(prepared).await.map_err(|error| NotTaken {
        why: format!(
            "strategy {} cannot be used: {}",
            name(strategy),
            cause::chain(&error)
        ),
        remedy: error.remedy(),
    })?;
    match why_not(&request, &next.plan.strategy, next.plan.evidence.as_ref()) {
        Some(why) => Err(NotTaken {
            why,
            remedy: Some(Remedy::UseImage),
        }),
        None => Ok(next),
    }
}

/// What a strategy is called, for a reader.
fn name(strategy: &Strategy) -> &str {
    match strategy {
        Strategy::Distroless { .. } => "distroless",
        Strategy::Sidecar(_) => IMAGE_OF_TARGET,
        Strategy::Custom(custom) => custom.name(),
        _ => "container",
    }
}

/// Where there is no other strategy.
pub(super) fn none() -> Fallback {
    Fallback {
        when: WHEN.into(),
        plan: None,
        not_possible: Some(format!("nothing is scanned: {NO_IMAGE}")),
        remedy: Some(Remedy::NameProbeImage),
    }
}

/// Whether another strategy may be tried after this one: the target does not have what it needs, and nothing is left.
pub(super) fn may_go_on(report: &ScanReport) -> bool {
    let kind = report.failure.as_ref().map(|failure| &failure.kind);
    report.verdict == Verdict::Failed
        && matches!(
            kind,
            Some(FailureKind::NoShell | FailureKind::NoTool | FailureKind::ShellUnusable)
        )
}

/// Takes the next strategy that can be taken after the first could not read the target; its report covers both.
pub(super) async fn next(
    segment: &Segment,
    mut first: ScanReport,
    request: &ScanRequest,
    fallback: Vec<Strategy>,
    observer: &dyn Observer,
    interrupt: impl Future<Output = String>,
) -> ScanReport {
    let why = first
        .failure
        .as_ref()
        .map_or("", |failure| failure.message.raw());
    let why = visible_ends(why, 600);
    if fallback.is_empty() {
        return first.with_remedy(Remedy::NameProbeImage);
    }
    let (mut passed, mut remedy) = (Vec::new(), None);
    // The server was asked who it is.
    let request = &ScanRequest {
        identify: false,
        ..request.clone()
    };
    for strategy in fallback {
        match next_prepared(segment, request, &strategy).await {
            Ok(mut next) => {
                next.origin = first.origin.take().unwrap_or(next.origin);
                let reasons: Vec<&str> = std::iter::once(why.as_str())
                    .chain(passed.iter().map(String::as_str))
                    .collect();
                next.plan.reason = Some(taken(&reasons.join("; ")));
                next.plan.target_choice = std::mem::take(&mut first.plan.target_choice);
                let mut report = next.run_once(observer, interrupt).await;
                report.api_calls.operator += first.api_calls.operator;
                report.api_calls.scan += first.api_calls.scan;
                report.seconds += first.seconds;
                report.started = std::mem::take(&mut first.started);
                return report;
            }
            Err(not) => {
                passed.push(not.why);
                remedy = remedy.or(not.remedy);
            }
        }
    }
    if let Some(failure) = &mut first.failure {
        let seen = failure.message.raw();
        failure.message = format!("{seen}; {}", passed.join("; ")).into();
    }
    first.with_remedy(remedy.unwrap_or(Remedy::UseImage))
}
