//! `cargo xtask test`: formatting, lints, tests and documentation, one after the other.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::ui::say;

const STEPS: [(&str, &[&str]); 4] = [
    ("formatting", &["fmt", "--all", "--check"]),
    (
        "lints",
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ],
    ),
    ("tests", &["test", "--workspace"]),
    ("documentation", &["doc", "--workspace", "--no-deps"]),
];

/// Runs every step, also after one failed, and ends with a line that counts them.
pub(crate) fn run() -> Result<ExitCode> {
    let mut failed = 0;
    for (name, args) in STEPS {
        say(&format!("== {name}: cargo {}", args.join(" ")));
        let mut command = Command::new("cargo");
        command.args(args).env("RUSTDOCFLAGS", "-D warnings");
        if !command.status()?.success() {
            say(&format!("== {name}: FAILED"));
            failed += 1;
        }
    }
    let passed = STEPS.len() - failed;
    say(&format!("steps: {passed} passed, {failed} failed"));
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
