//! The commands and their arguments.

use clap::Subcommand;

use super::{
    reconcile::{self, ReconcileArgs},
    verify::{self, VerifyArgs},
};
use crate::problem::Problem;

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Show that nothing in an audit log was changed, dropped, moved or cut off
    ///
    /// With --report also that the report is the one to which the log was bound. Exit codes: 0 it is as it was written, 1 it
    /// is not, or the report is another one, 2 a file cannot be read, or is not a log or a report.
    Verify(VerifyArgs),
    /// Match an audit log with the API server's own, both ways
    ///
    /// Each call by which somebody else could act as the scan's identity is an alarm. Exit codes: 0 they agree, 1 the log is not as it was written, 2 a file
    /// cannot be read or is not a log, 3 the server's log does not have all of it, 4 alarm.
    Reconcile(ReconcileArgs),
}

pub(crate) fn run(command: &AuditCommand) -> Result<u8, Problem> {
    match command {
        AuditCommand::Verify(args) => verify::run(args),
        AuditCommand::Reconcile(args) => reconcile::run(args),
    }
}
