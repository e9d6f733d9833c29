//! Developer tasks of secure-scan.

mod test;

use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("test") => test::run(),
        _ => {
            test::say("usage: cargo xtask test");
            ExitCode::from(2)
        }
    }
}
