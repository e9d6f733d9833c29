//! The least intrusive strategy that works: what is tried after strategy `container`.

use std::future::Future;

use scanner_core::{ScanEngine, ScanReport, cause, event::Observer, plan::Otherwise};

use super::PreparedScan;
use crate::plan::request::{ScanRequest, Strategy};
use crate::{api::segment::Segment, strategies::agent::Lacks};

/// Why strategy container comes first.
pub(super) const FIRST: &str = "left to choose: container leaves nothing in the pod; a target without a shell \
                     or without the tools that it needs is then scanned with distroless";

/// Why strategy distroless was taken.
fn taken(lacks: &Lacks) -> String {
    format!(
        "left to choose: container was tried first, {lacks}, and all that the try created is shown to be gone"
    )
}

impl ScanRequest {
    /// What to do when the target lacks a shell or a tool; `None` where the strategy was named.
    pub(super) fn otherwise(&self) -> Option<Self> {
        let Strategy::Auto { image } = &self.strategy else {
            return None;
        };
        let strategy = match image.clone() {
            Some(image) => Strategy::Distroless { image },
            None => Strategy::Container,
        };
        Some(Self {
            strategy,
            ..self.clone()
        })
    }
}

/// When the next strategy is taken.
const WHEN: &str = "If the target turns out to have no /bin/sh, or not the tools to list its files: all of the above \
                    is removed and shown to be gone, and then instead";
/// What the next strategy lacks.
const NO_IMAGE: &str =
    "strategy distroless needs an image of the probe: name it with --probe-image";

/// What would be done after strategy container could not look.
pub(super) async fn planned(
    segment: Segment,
    engine: &dyn ScanEngine,
    request: ScanRequest,
) -> Otherwise {
    let next = match request.strategy {
        Strategy::Distroless { .. } => PreparedScan::within(segment, engine, request)
            .await
            .map_err(|error| {
                format!(
                    "strategy distroless cannot be taken: {}",
                    cause::chain(&error)
                )
            }),
        _ => Err(NO_IMAGE.into()),
    };
    let (plan, not_possible) = match next {
        Ok(next) => (Some(next.plan), None),
        Err(why) => (None, Some(format!("nothing is scanned: {why}"))),
    };
    Otherwise {
        when: WHEN.into(),
        plan,
        not_possible,
    }
}

/// Takes the next strategy after the first could not look; its report tells of both.
pub(super) async fn second(
    segment: Segment,
    mut first: ScanReport,
    lacks: &Lacks,
    request: ScanRequest,
    engine: &dyn ScanEngine,
    observer: &dyn Observer,
    interrupt: impl Future<Output = String>,
) -> ScanReport {
    let Strategy::Distroless { .. } = request.strategy else {
        return first.with_hint(&format!(
            "{lacks}, and {NO_IMAGE}; or scan a pod of the scan's own with secure-scan \
             sidecar"
        ));
    };
    match Box::pin(PreparedScan::within(segment, engine, request)).await {
        Ok(mut next) => {
            next.plan.reason = Some(taken(lacks));
            let (mut report, _) = next.run_once(engine, observer, interrupt).await;
            report.api_calls.operator += first.api_calls.operator;
            report.api_calls.scan += first.api_calls.scan;
            report.seconds += first.seconds;
            report.started = std::mem::take(&mut first.started);
            report
        }
        Err(error) => first.with_hint(&format!(
            "{lacks}, and strategy distroless cannot be taken: {}; take secure-scan \
             sidecar --inert, which reads the image in a pod of the scan's own",
            cause::chain(&error)
        )),
    }
}
