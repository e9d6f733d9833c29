//! `cargo xtask test`: formatting, lints, tests, documentation, and the end-to-end tests on the lab.

use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, ensure};

use crate::{lab, ui::say};

const STEPS: [(&str, &[&str]); 4] = [
    ("formatting", &["fmt", "--all", "--check"]),
    (
        "lints",
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--all-features",
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
    if let Err(error) = end_to_end() {
        say(&format!("== end-to-end tests: FAILED: {error:#}"));
        failed += 1;
    }
    let passed = STEPS.len() + 1 - failed;
    say(&format!("steps: {passed} passed, {failed} failed"));
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Builds the tests outside, starts the lab, runs them inside it, and stops the lab.
fn end_to_end() -> Result<()> {
    say("== end-to-end tests on the lab");
    let output = Command::new("cargo")
        .args([
            "test",
            "--package",
            "scanner-tests",
            "--features",
            "e2e",
            "--test",
            "e2e",
        ])
        .args(["--no-run", "--message-format", "json"])
        .output()?;
    ensure!(
        output.status.success(),
        "cannot build: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let program = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find_map(|message| {
            let test = message["target"]["name"] == "e2e";
            message["executable"]
                .as_str()
                .filter(|_| test)
                .map(str::to_owned)
        })
        .context("cargo named no test program")?;
    lab::run(lab::Command::Up)?;
    let me = std::env::current_exe()?;
    let status = Command::new(me).args(["lab", "exec", &program]).status();
    lab::run(lab::Command::Down)?;
    ensure!(status?.success(), "a test failed");
    Ok(())
}
