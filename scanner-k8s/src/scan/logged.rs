//! Writes into the audit log what a scan decides, beside what its connection does.

use scanner_core::{
    audit::{Entry, sha256},
    event::{Event, Observer},
};

use crate::Session;

/// An observer that logs, then tells the one that the program brought.
pub(crate) struct LoggedScan<'a> {
    session: &'a Session,
    then: &'a dyn Observer,
}

impl<'a> LoggedScan<'a> {
    /// Begins with the plan, whose identity is from now on expected to act.
    pub(crate) fn new(session: &'a Session, then: &'a dyn Observer) -> Self {
        let plan = session.plan();
        session.connection.audit().record(Entry::Planned {
            scan: plan.scan_id.clone(),
            target: plan.target.to_string(),
            account: session.account(),
            plan: sha256(&serde_json::to_vec(plan).unwrap_or_default()),
        });
        Self { session, then }
    }
}

impl Observer for LoggedScan<'_> {
    fn event(&self, event: &Event) {
        self.session.connection.audit().record(Entry::Scan {
            scan: self.session.plan().scan_id.clone(),
            what: serde_json::to_value(event).unwrap_or_default(),
        });
        self.then.event(event);
    }
}
