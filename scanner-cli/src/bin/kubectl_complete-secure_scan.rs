//! The program that kubectl runs to complete `kubectl secure-scan`.

use std::process::ExitCode;

fn main() -> ExitCode {
    scanner_cli::complete_for_kubectl()
}
