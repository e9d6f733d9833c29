//! The result of comparing a scan's log with the API server's.

use super::alarm::{Alarm, AlarmKind};

/// Alarms that are kept; more are counted.
const MAX_ALARMS: usize = 1000;

/// The result of comparing a scan's log with the API server's.
#[derive(Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reconciliation {
    /// Calls that both logs have, and agree on.
    pub matched: u64,
    /// Alarms: somebody else acted as the scan, or the logs contradict each other.
    pub alarms: Vec<Alarm>,
    /// Alarms beyond the first thousand, which are only counted.
    pub more_alarms: u64,
    /// Calls that were answered, and that the server's log does not have.
    pub missing: Vec<String>,
    /// Calls without an answer that the server's log does not have: they may never have arrived.
    pub never_arrived: Vec<String>,
    /// Lines of the server's log that cannot be read.
    pub unreadable: u64,
    /// Events of the server's log.
    pub events: u64,
    /// Time of the first event in the server's log.
    pub first_event: Option<String>,
    /// Time of the last event in the server's log.
    pub last_event: Option<String>,
    /// Times of the scan's first and last call, by the clock of its machine.
    pub calls: Option<(String, String)>,
}

/// Where the server's log begins, if it does not cover the whole scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begins {
    /// After the scan's last call.
    AfterScan,
    /// After its first call.
    DuringScan,
}

impl Reconciliation {
    /// Whether calls are missing because the server's log begins too late, as after a rotation.
    pub fn begins_late(&self) -> Option<Begins> {
        let time = |text: &str| text.parse::<jiff::Timestamp>().ok();
        let begin = time(self.first_event.as_ref()?)?;
        let (first, last) = self.calls.as_ref()?;
        if self.missing.is_empty() || begin <= time(first)? {
            return None;
        }
        Some(if begin > time(last)? {
            Begins::AfterScan
        } else {
            Begins::DuringScan
        })
    }

    pub(super) fn alarm(&mut self, kind: AlarmKind, event: String) {
        if self.alarms.len() < MAX_ALARMS {
            self.alarms.push(Alarm { kind, event });
        } else {
            self.more_alarms += 1;
        }
    }

    pub(super) fn saw(&mut self, time: &str) {
        self.events += 1;
        let (first, last) = (&mut self.first_event, &mut self.last_event);
        if first.as_deref().is_none_or(|first| first > time) {
            *first = Some(time.to_owned());
        }
        if last.as_deref().is_none_or(|last| last < time) {
            *last = Some(time.to_owned());
        }
    }
}
