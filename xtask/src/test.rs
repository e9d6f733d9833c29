//! `cargo xtask test`: formatting, lints, tests and documentation, one after the other.

use std::process::{Command, ExitCode};

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
pub(crate) fn run() -> ExitCode {
    let mut failed = 0;
    for (name, args) in STEPS {
        say(&format!("== {name}: cargo {}", args.join(" ")));
        let status = Command::new("cargo")
            .args(args)
            .env("RUSTDOCFLAGS", "-D warnings")
            .status();
        if !status.is_ok_and(|s| s.success()) {
            say(&format!("== {name}: FAILED"));
            failed += 1;
        }
    }
    say(&format!(
        "steps: {} passed, {failed} failed",
        STEPS.len() - failed
    ));
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Talks to the developer on standard error.
#[expect(clippy::print_stderr, reason = "the one place of xtask that prints")]
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}
