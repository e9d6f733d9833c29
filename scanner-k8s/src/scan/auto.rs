//! The next strategy, once strategy `container` could not read the target and left nothing behind.

use std::future::Future;

use scanner_core::{
    FailureKind, Remedy, ScanReport, Verdict, cause, escape::visible, event::Observer,
    plan::Fallback,
};

use super::{
    fallback::with,
    prepare::prepare,
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
pub(super) async fn planned(segment: &Segment, request: ScanRequest) -> Fallback {
    let next = prepare(segment.next(), request).await;
    let mut fallback = Fallback {
        when: WHEN.into(),
        plan: None,
        not_possible: None,
        remedy: None,
    };
    match next {
        Ok(next) => fallback.plan = Some(next.plan),
        Err(error) => {
            let why = cause::chain(&error);
            fallback.not_possible = Some(format!("nothing is scanned: {why}"));
            fallback.remedy = error.remedy();
        }
    }
    fallback
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
    let why = visible(why, 300);
    if fallback.is_empty() {
        return first.with_remedy(Remedy::NameProbeImage);
    }
    let mut refused = None;
    for strategy in fallback {
        let next = prepare(segment.next(), with(request, strategy));
        match Box::pin(next).await {
            Ok(mut next) => {
                next.plan.reason = Some(taken(&why));
                let mut report = next.run_once(observer, interrupt).await;
                report.api_calls.operator += first.api_calls.operator;
                report.api_calls.scan += first.api_calls.scan;
                report.seconds += first.seconds;
                report.started = std::mem::take(&mut first.started);
                return report;
            }
            Err(error) => {
                refused.get_or_insert(error);
            }
        }
    }
    if let (Some(error), Some(failure)) = (refused, &mut first.failure) {
        let why = cause::chain(&error);
        let seen = failure.message.raw();
        failure.message = format!("{seen}; strategy distroless cannot be taken: {why}").into();
        let remedy = error.remedy().unwrap_or(Remedy::UseImage);
        return first.with_remedy(remedy);
    }
    first
}
