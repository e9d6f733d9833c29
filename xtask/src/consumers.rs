//! `cargo xtask consumers`: installs the consumers of reports in the cache, once for each set of
//! versions, and runs the tests that have them read reports.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result, ensure};
use sha2::{Digest as _, Sha256};

use crate::{lab, ui::say};

/// What pins the versions: another content is another folder.
const PINS: [&str; 11] = [
    "package.json",
    "package-lock.json",
    "readers/go.mod",
    "readers/go.sum",
    "readers/main.go",
    "trivy/go.mod",
    "trivy/go.sum",
    "trivy/main.go",
    "grype/go.mod",
    "grype/go.sum",
    "grype/main.go",
];
/// Programs in Go, a module each.
const PROGRAMS: [&str; 3] = ["readers", "trivy", "grype"];
const SCRIPTS: [&str; 3] = ["check.mjs", "page.mjs", "saf.mjs"];

/// Whether the consumers read every report, or are not all here and cannot be installed.
#[derive(Clone, Copy)]
pub(crate) enum Outcome {
    Passed,
    Failed,
    NotRun,
}

/// The task.
pub(crate) fn task() -> Result<ExitCode> {
    run().map(code)
}

/// Not to have run is a failure for whoever asks for it.
pub(crate) const fn code(outcome: Outcome) -> ExitCode {
    match outcome {
        Outcome::Passed => ExitCode::SUCCESS,
        Outcome::Failed | Outcome::NotRun => ExitCode::FAILURE,
    }
}

/// Installs them and runs the tests; says so loudly when they cannot run.
pub(crate) fn run() -> Result<Outcome> {
    say("== reports, read by their consumers");
    let mut absent = Vec::new();
    for program in ["node", "npm", "go"] {
        if Command::new(program).arg("version").output().is_err() {
            absent.push(program);
        }
    }
    let chromium = chromium();
    if chromium.is_none() {
        absent.push("chromium");
    }
    if !absent.is_empty() {
        say(&format!(
            "== NOT RUN: reports, read by their consumers: install {}",
            absent.join(", ")
        ));
        return Ok(Outcome::NotRun);
    }
    let folder = install()?;
    let status = Command::new("cargo")
        .args([
            "test",
            "--package",
            "scanner-tests",
            "--features",
            "consumers",
        ])
        .args(["--test", "consumers"])
        .env("SCANNER_CONSUMERS", folder)
        .env("SCANNER_CHROMIUM", chromium.unwrap_or_default())
        .status()?;
    Ok(if status.success() {
        Outcome::Passed
    } else {
        Outcome::Failed
    })
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/consumers")
}

fn install() -> Result<PathBuf> {
    let source = source();
    let mut digest = Sha256::new();
    for pin in PINS {
        digest.update(fs::read(source.join(pin)).with_context(|| format!("cannot read {pin}"))?);
    }
    let name = hex::encode(digest.finalize());
    let folder = lab::cache()?.join("consumers").join(&name[..16]);
    fs::create_dir_all(&folder)?;
    for script in SCRIPTS {
        fs::copy(source.join(script), folder.join(script))?;
    }
    let done = folder.join("done");
    if done.exists() {
        return Ok(folder);
    }
    say("installing the consumers of reports from npm and Go's modules, once");
    for pin in &PINS[..2] {
        fs::copy(source.join(pin), folder.join(pin))?;
    }
    // No script of a package runs.
    let npm = [
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ];
    let status = Command::new("npm")
        .args(npm)
        .current_dir(&folder)
        .status()?;
    ensure!(status.success(), "npm cannot install the consumers");
    let tool = folder.join("node_modules/@microsoft/sarif-multitool-linux/Sarif.Multitool");
    let mode = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
    fs::set_permissions(tool, mode)?;
    for program in PROGRAMS {
        let status = Command::new("go")
            .args(["build", "-o"])
            .arg(folder.join(program))
            .arg(".")
            .current_dir(source.join(program))
            .status()?;
        ensure!(status.success(), "go cannot build {program}");
    }
    fs::write(done, "")?;
    Ok(folder)
}

/// A browser: one that is there, or Debian's, installed.
fn chromium() -> Option<PathBuf> {
    let there = || {
        let paths = std::env::var_os("PATH")?;
        let names = ["chromium", "chromium-browser", "google-chrome"];
        std::env::split_paths(&paths)
            .flat_map(|folder| names.map(|name| folder.join(name)))
            .find(|file| file.is_file())
    };
    there().or_else(|| {
        lab::install(&["chromium"]).ok()?;
        there()
    })
}
