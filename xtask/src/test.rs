//! `cargo xtask test`: formatting, lints, tests, documentation, and the end-to-end tests on the lab.

use std::process::{Command, ExitCode};

use anyhow::{Result, ensure};

use crate::{
    cluster::{self, Cluster},
    lab,
    ui::say,
};

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

/// Checks of dependencies, by programs that take long to build: run where they are installed.
const TOOLS: [&[&str]; 2] = [
    &["deny", "check", "bans", "licenses", "sources"],
    &["machete"],
];

/// Runs every step, also after one failed, and ends with a line that counts them.
pub(crate) fn run(cluster: &Cluster) -> Result<ExitCode> {
    if cluster.is_lab() {
        lab::packages()?;
    }
    let (mut failed, mut absent) = (0, 0);
    for (name, args) in STEPS {
        say(&format!("== {name}: cargo {}", args.join(" ")));
        let mut command = Command::new("cargo");
        command.args(args).env("RUSTDOCFLAGS", "-D warnings");
        if !command.status()?.success() {
            say(&format!("== {name}: FAILED"));
            failed += 1;
        }
    }
    for args in TOOLS {
        let name = format!("cargo {}", args.join(" "));
        // With this set, as under `cargo xtask`, cargo-machete takes itself for a program that is
        // being developed and misreads its arguments.
        let cargo = || {
            let mut command = Command::new("cargo");
            command.env_remove("CARGO_PKG_NAME");
            command
        };
        let found = cargo().args([args[0], "--version"]).output();
        if !found.is_ok_and(|output| output.status.success()) {
            say(&format!(
                "== NOT RUN: {name}: install it with: cargo install cargo-{}",
                args[0]
            ));
            absent += 1;
        } else if !cargo().args(args).status()?.success() {
            say(&format!("== {name}: FAILED"));
            failed += 1;
        }
    }
    if let Err(error) = end_to_end(cluster) {
        say(&format!("== end-to-end tests: FAILED: {error:#}"));
        failed += 1;
    }
    let passed = STEPS.len() + TOOLS.len() + 1 - failed - absent;
    say(&format!(
        "steps: {passed} passed, {failed} failed, {absent} not run"
    ));
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Builds the tests and the program outside, starts the lab, runs them in it, and stops the lab.
fn end_to_end(cluster: &Cluster) -> Result<()> {
    say(&format!("== end-to-end tests on {}", cluster.context()));
    let build = ["build", "--package", "scanner-cli"];
    let program = cluster::build(&build, "secure-scan")?;
    let tests = cluster::build(
        &[
            "test",
            "--package",
            "scanner-tests",
            "--features",
            "e2e",
            "--test",
            "e2e",
            "--no-run",
        ],
        "e2e",
    )?;
    cluster.start()?;
    let status = cluster
        .command(&tests)?
        .env("SCANNER_E2E_PROGRAM", program)
        .status();
    cluster.stop()?;
    ensure!(status?.success(), "a test failed");
    Ok(())
}
