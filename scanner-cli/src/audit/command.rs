//! The commands and their arguments.

use clap::Subcommand;

use super::{
    reconcile::{self, ReconcileArgs},
    verify::{self, VerifyArgs},
};
use crate::problem::Problem;

const VERIFY_CODES: &str = "Exit codes:
  0  the log is as it was written, and is the log of the report
  1  it is not
  2  wrong usage, or a file cannot be read, or is not a log or a report";

const RECONCILE_CODES: &str = "Exit codes:
  0  both logs agree
  1  the scan's log is not as it was written, or is not the log of the report
  2  wrong usage, or a file cannot be read or is not a log
  3  a call that was answered is not in the server's log
  4  alarm: somebody else acted, or could act, as the scan's identity";

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Verify that nothing in an audit log was changed, dropped, moved or cut off
    ///
    /// With --report it also verifies that the log was bound to this report.
    #[command(after_long_help = VERIFY_CODES)]
    Verify(VerifyArgs),
    /// Compare an audit log with the API server's own, in both directions
    ///
    /// Each call by which somebody else could act as the scan's identity is an alarm.
    #[command(after_long_help = RECONCILE_CODES)]
    Reconcile(ReconcileArgs),
}

pub(crate) fn run(command: &AuditCommand) -> Result<u8, Problem> {
    match command {
        AuditCommand::Verify(args) => verify::run(args),
        AuditCommand::Reconcile(args) => reconcile::run(args),
    }
}
