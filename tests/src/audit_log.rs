//! Our audit log and the API server's own, as `secure-scan audit` compares them.

use std::path::Path;

use crate::program::{ProgramOutput, program, text};

/// The API server's audit log; if there is none, prints that a test, or the rest of it, is not run.
#[expect(clippy::print_stderr, reason = "a test that is not run is reported")]
pub fn apiserver_log() -> Option<String> {
    let log = std::env::var("SCANNER_E2E_AUDIT_LOG").ok();
    if log.is_none() {
        eprintln!("NOT RUN: it needs the API server's audit log");
    }
    log
}

/// Runs `secure-scan audit` to its end.
pub async fn audit(args: &[&str]) -> ProgramOutput {
    let all = [&["audit"], args].concat();
    program(&all).output().await.expect("it starts").into()
}

/// Compares `log` with the API server's own; prints a note if there is none.
pub async fn reconcile(log: &Path) -> Option<ProgramOutput> {
    let server = apiserver_log()?;
    Some(audit(&["reconcile", text(log), "--apiserver-log", &server]).await)
}
