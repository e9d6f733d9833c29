//! The program that kubectl runs for `kubectl secure-scan`.

use std::process::ExitCode;

fn main() -> ExitCode {
    scanner_cli::main()
}
