//! `secure-scan audit verify` and `reconcile`, and the log that a scan writes.

mod command;
mod file;
mod log;
mod reconcile;
mod verify;

pub(crate) use command::{AuditCommand, run};
pub(crate) use log::{AuditArgs, OpenLog, open};
