//! Matches a verified log with the API server's own audit log (`audit.k8s.io/v1`), both ways.
//!
//! A call by a scan's identity that the scan did not log is an alarm: somebody else could act as it. `Audit-ID` is chosen by
//! the client, so it joins lines but proves nothing by itself: a joined pair must also agree in verb, resource, URI, user,
//! credential and status, and an id may be used once.

mod alarm;
mod compare;
mod event;
mod found;
mod reconciler;
mod scan_log;
mod secrets;

pub use alarm::{Alarm, AlarmKind};
pub use found::{Begins, Reconciliation};
pub use reconciler::Reconciler;
