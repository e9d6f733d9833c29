//! The program `secure-scan`.

use std::process::ExitCode;

fn main() -> ExitCode {
    scanner_cli::main()
}
