//! Reads the API server's log against a scan's log.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    alarm::AlarmKind,
    compare::{contradictions, stranger},
    event::{COMPLETE, Event, RECEIVED},
    found::Reconciliation,
    scan_log::ScanLog,
    secrets::TokenSecrets,
};
use crate::audit::{entry::Call, verify::Verified};

/// Calls of strangers that are kept by their id. Beyond that number each stage is an alarm.
const MAX_STRANGERS: usize = 1000;

/// Reads the server's log line by line, in bounded memory.
#[derive(Debug)]
pub struct Reconciler<'a> {
    log: ScanLog<'a>,
    strangers: BTreeMap<String, Stranger>,
    secrets: TokenSecrets,
    found: Reconciliation,
}

/// A call that is an alarm.
#[derive(Debug)]
struct Stranger {
    kind: AlarmKind,
    event: String,
    /// Stages that were an alarm, or belong to one.
    stages: BTreeSet<String>,
}

impl<'a> Reconciler<'a> {
    /// Starts with the verified log of a scan.
    pub fn new(verified: &'a Verified) -> Self {
        let log = ScanLog::of(verified);
        let calls = log.times.clone();
        Self {
            log,
            strangers: BTreeMap::new(),
            secrets: TokenSecrets::default(),
            found: Reconciliation {
                calls,
                ..Reconciliation::default()
            },
        }
    }

    /// Whether the scan's log has a scan that made a call. Without one, there is nothing to match.
    pub fn has_scan(&self) -> bool {
        !self.log.accounts.is_empty() && !self.log.calls.is_empty()
    }

    /// Takes one line of the server's log, and returns whether it is an event.
    pub fn line(&mut self, line: &[u8]) -> bool {
        if line.iter().all(u8::is_ascii_whitespace) {
            return false;
        }
        let Some(event) = Event::read(line) else {
            self.found.unreadable += 1;
            return false;
        };
        self.event(&event);
        true
    }

    /// The result, once the server's whole log was read.
    pub fn finish(mut self) -> Reconciliation {
        for stranger in self.strangers.into_values() {
            // Still open when the log ended.
            if stranger.stages.is_empty() {
                self.found.alarm(stranger.kind, stranger.event);
            }
        }
        self.secrets.finish(&self.log, &mut self.found);
        for ours in self.log.calls.values() {
            let text = describe(ours.call);
            match (ours.stages.is_empty(), ours.status) {
                (false, _) => self.found.matched += 1,
                (true, Some(_)) => self.found.missing.push(text),
                (true, None) => self.found.never_arrived.push(text),
            }
        }
        self.found
    }

    fn event(&mut self, event: &Event) {
        self.found.saw(&event.request_received_timestamp);
        let id = event.audit_id.as_str();
        let known = self.log.calls.get_mut(id);
        if let Some(first) = known.map(|ours| ours.stages.insert(event.stage.clone())) {
            let ours = self.log.calls.get(id);
            let mut wrong: Vec<String> =
                ours.map_or_else(Vec::new, |ours| contradictions(ours, event, &self.log));
            if !first {
                wrong.push("its Audit-ID was used more than once".into());
            }
            if wrong.is_empty() && event.stage == COMPLETE {
                self.secrets.ours(event);
            }
            for why in wrong {
                let text = format!("{why}: {}", event.show());
                self.found.alarm(AlarmKind::Contradicted, text);
            }
            return;
        }
        if event.stage != RECEIVED {
            self.secrets.other(event, &self.log, &mut self.found);
        }
        match stranger(event, &self.log) {
            Some(kind) => self.stranger(kind, event),
            None => self.refused(event),
        }
    }

    /// Forgets a request that was received, and refused later.
    fn refused(&mut self, event: &Event) {
        let id = &event.audit_id;
        let only_received = |known: &Stranger| known.stages.is_empty();
        if event.stage != RECEIVED && self.strangers.get(id).is_some_and(only_received) {
            self.strangers.remove(id);
        }
    }

    /// One alarm for a call, not one for each of its stages; the same stage twice is another call.
    fn stranger(&mut self, kind: AlarmKind, event: &Event) {
        let received = event.stage == RECEIVED;
        let full = self.strangers.len() >= MAX_STRANGERS;
        if full && !self.strangers.contains_key(&event.audit_id) {
            self.found.alarm(kind, event.show());
            return;
        }
        let known = self.strangers.entry(event.audit_id.clone());
        let known = known.or_insert_with(|| Stranger {
            kind,
            event: event.show(),
            stages: BTreeSet::new(),
        });
        if received {
            return;
        }
        let first = known.stages.is_empty();
        let again = !known.stages.insert(event.stage.clone());
        if first || again {
            self.found.alarm(kind, event.show());
        }
    }
}

fn describe(call: &Call) -> String {
    format!("{} {} ({})", call.verb, call.uri, call.id)
}
