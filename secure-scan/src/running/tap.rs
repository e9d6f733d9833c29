//! Receives the events of a scan for its stream, its stop handle, `tracing` and the program's own observer.

use std::sync::{Arc, Mutex, PoisonError};

use scanner_core::{
    ScanPlan,
    event::{Event, Observer},
    stage::Stage,
};
use tracing::Span;

use super::{
    events::{Events, Sender},
    stop::Progress,
};

/// The observer of a scan that runs in a task of its own.
pub(crate) struct Tap {
    sender: Sender,
    progress: Progress,
    observer: Option<Arc<dyn Observer>>,
    /// Span of the scan, the parent of the spans of its stages.
    span: Span,
    /// Span of the stage that runs; it ends with the stage.
    stage: Mutex<Span>,
}

impl Tap {
    pub(super) fn new(
        plan: &ScanPlan,
        observer: Option<Arc<dyn Observer>>,
        progress: Progress,
    ) -> (Arc<Self>, Events) {
        let (sender, events) = Sender::new(plan.scan_id.clone());
        let tap = Self {
            sender,
            progress,
            observer,
            span: tracing::info_span!("scan", id = %plan.scan_id, target = %plan.target),
            stage: Mutex::new(Span::none()),
        };
        (Arc::new(tap), events)
    }

    /// Notes that the next events belong to this plan.
    pub(crate) fn scanning(&self, plan: &ScanPlan) {
        self.progress.scanning(plan);
    }

    fn started(&self, stage: Stage) {
        self.progress.stage(stage);
        let span = tracing::info_span!(parent: &self.span, "stage", name = stage.name());
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = span;
    }
}

impl Observer for Tap {
    fn event(&self, event: &Event) {
        if let Event::StageStarted(stage) = event {
            self.started(*stage);
        }
        self.sender.send(event);
        if let Some(observer) = &self.observer {
            observer.event(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use tracing::{
        Dispatch, Event as Traced, Metadata, Subscriber,
        span::{Attributes, Id, Record},
        subscriber::with_default,
    };

    use super::{super::stop::Stop, *};

    /// Keeps which spans open and close.
    #[derive(Clone, Default)]
    struct Spans(Arc<Mutex<Vec<String>>>, Arc<AtomicU64>);

    impl Spans {
        fn note(&self, text: String) {
            self.0.lock().unwrap().push(text);
        }
    }

    impl Subscriber for Spans {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.target().starts_with("secure_scan")
        }

        fn new_span(&self, span: &Attributes<'_>) -> Id {
            let id = self.1.fetch_add(1, Ordering::SeqCst) + 1;
            self.note(format!("{} {id} opens", span.metadata().name()));
            Id::from_u64(id)
        }

        fn try_close(&self, id: Id) -> bool {
            self.note(format!("{} closes", id.into_u64()));
            true
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, _: &Traced<'_>) {}
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    #[test]
    fn a_scan_and_each_of_its_stages_are_spans() {
        let spans = Spans::default();
        // Where only one subscriber exists, tracing asks the thread that first meets a span
        // whether anyone wants it. Another test's thread would answer no for all.
        let _second = Dispatch::new(Spans::default());
        with_default(spans.clone(), || {
            let plan = crate::running::tests::plan();
            let (_, control) = Stop::new(&plan);
            let (tap, _) = Tap::new(&plan, None, control.progress());
            tap.event(&Event::StageStarted(Stage::Enforce));
            tap.event(&Event::StageStarted(Stage::Open));
        });
        let seen = spans.0.lock().unwrap().clone();
        let opened: Vec<&str> = seen
            .iter()
            .filter(|text| text.ends_with("opens"))
            .map(String::as_str)
            .collect();
        assert_eq!(opened, ["scan 1 opens", "stage 2 opens", "stage 3 opens"]);
        let position = |text: &str| seen.iter().position(|seen| seen == text);
        assert!(position("2 closes") < position("1 closes"), "{seen:?}");
        assert!(seen.contains(&"3 closes".to_owned()), "{seen:?}");
    }
}
