//! Writes into the audit log what a scan decides; its clients log their own calls.

use scanner_core::{
    ScanPlan,
    audit::{Entry, sha256},
    event::{Event, Observer},
};

use crate::run::scope::ScanScope;

/// An observer that logs, then hands on to the one that the program brought.
pub(crate) struct LoggedScan<'a> {
    scope: &'a ScanScope,
    then: &'a dyn Observer,
}

impl<'a> LoggedScan<'a> {
    /// Begins with the plan, whose identity is from now on expected to act.
    pub(crate) fn new(scope: &'a ScanScope, plan: &ScanPlan, then: &'a dyn Observer) -> Self {
        scope.segment().audit().record(Entry::Planned {
            scan: plan.scan_id.clone(),
            target: plan.target.to_string(),
            account: scope.account(),
            plan: sha256(&serde_json::to_vec(plan).unwrap_or_default()),
        });
        Self { scope, then }
    }
}

impl Observer for LoggedScan<'_> {
    fn event(&self, event: &Event) {
        self.scope.segment().audit().record(Entry::Scan {
            scan: self.scope.plan().scan_id.clone(),
            what: what(event),
        });
        self.then.event(event);
    }
}

/// An event as it is logged. The reason why something failed or takes long may contain words of the target or its node: the
/// log gets only this program's own first words, and a digest of the whole.
fn what(event: &Event) -> serde_json::Value {
    let mut what = serde_json::to_value(event).unwrap_or_default();
    for (kind, field) in [
        ("failed", "reason"),
        ("control_failed", "reason"),
        ("control_waits", "what"),
    ] {
        if let Some(reason) = what.get_mut(kind).and_then(|event| event.get_mut(field)) {
            let words = reason.as_str().unwrap_or_default();
            *reason = without_words(words).into();
        }
    }
    what
}

/// The causes of a failure follow each other after a colon; the first is always a text of this program.
fn without_words(reason: &str) -> String {
    match reason.split_once(": ") {
        Some((own, _)) => format!("{own} (in full: sha256 {})", sha256(reason.as_bytes())),
        None => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use scanner_core::stage::Stage;

    use super::*;

    #[test]
    fn text_of_a_target_is_not_logged() {
        let text_of_target = "the collector did not answer: the command failed in the target: SAID";
        let (id, reason) = ("credential".to_owned(), text_of_target.to_owned());
        let events = [
            Event::Failed {
                stage: Stage::Collect,
                reason: reason.clone(),
            },
            Event::ControlFailed {
                id: id.clone(),
                stage: Stage::Verify,
                reason: reason.clone(),
            },
            Event::ControlWaits {
                id,
                seconds: 3,
                what: reason,
            },
        ];
        for event in events {
            let text = what(&event).to_string();
            assert!(!text.contains("SAID"), "{text}");
            assert!(text.contains("the collector did not answer"), "{text}");
            assert!(text.contains(&sha256(text_of_target.as_bytes())), "{text}");
        }
    }
}
