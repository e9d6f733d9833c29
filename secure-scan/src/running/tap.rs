//! Receives the events of a scan for its stream, its stop handle and the program's own observer.

use std::sync::Arc;

use scanner_core::{
    ScanPlan,
    event::{Event, Observer},
};

use super::{
    events::{Events, Sender},
    stop::Progress,
};

/// The observer of a scan that runs in a task of its own.
pub(crate) struct Tap {
    sender: Sender,
    progress: Progress,
    observer: Option<Arc<dyn Observer>>,
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
        };
        (Arc::new(tap), events)
    }

    /// From now on the events are of what this plan says.
    pub(crate) fn scanning(&self, plan: &ScanPlan) {
        self.progress.scanning(plan);
    }
}

impl Observer for Tap {
    fn event(&self, event: &Event) {
        if let Event::StageStarted(stage) = event {
            self.progress.stage(*stage);
        }
        self.sender.send(event);
        if let Some(observer) = &self.observer {
            observer.event(event);
        }
    }
}
