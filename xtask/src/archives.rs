//! `cargo xtask archives`: builds an oracle from containerd's own code, once for each content of its source,
//! and runs the tests that hold the reading of images to it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};
use sha2::{Digest as _, Sha256};

use crate::{consumers::Outcome, lab, ui::say};

pub(crate) const NAME: &str = "images, read as containerd unpacks them";

/// The sources of the oracle: other sources get another folder.
const SOURCES: [&str; 5] = ["go.mod", "go.sum", "main.go", "images.go", "overlay.go"];
const PROGRAM: &str = "apply";

/// Builds the oracle and runs the tests. Where it cannot run that is an error if it is `required`, as on
/// the lab's machine.
pub(crate) fn run(required: bool) -> Result<Outcome> {
    say(&format!("== {NAME}"));
    let mut absent = Vec::new();
    if Command::new("go").arg("version").output().is_err() {
        absent.push("Go");
    }
    // It unpacks with owners and devices.
    if !nix::unistd::geteuid().is_root() {
        absent.push("root");
    }
    if !Path::new("/dev/shm").is_dir() {
        absent.push("a tmpfs at /dev/shm");
    }
    if !absent.is_empty() {
        let absent = absent.join(", ");
        if required {
            bail!("{NAME}: this needs {absent}");
        }
        say(&format!("== NOT RUN: {NAME}: this needs {absent}"));
        return Ok(Outcome::NotRun);
    }
    let status = Command::new("cargo")
        .args([
            "test",
            "--package",
            "secure-scan-probe",
            "--features",
            "oracle",
        ])
        .args(["--test", "oracle", "--", "--nocapture"])
        .env("SCANNER_APPLY_ORACLE", oracle()?)
        .status()?;
    Ok(if status.success() {
        Outcome::Passed
    } else {
        Outcome::Failed
    })
}

/// The program, built from Go's modules where the cache does not have it.
fn oracle() -> Result<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/oracle/apply");
    let mut digest = Sha256::new();
    for file in SOURCES {
        let bytes = fs::read(source.join(file)).with_context(|| format!("cannot read {file}"))?;
        digest.update(bytes);
    }
    let name = hex::encode(digest.finalize());
    let folder = lab::cache()?.join("oracle").join(&name[..16]);
    let program = folder.join(PROGRAM);
    if program.exists() {
        return Ok(program);
    }
    say("building the oracle from Go's modules, once");
    fs::create_dir_all(&folder)?;
    let partial = folder.join(format!(".{PROGRAM}.{}", std::process::id()));
    let status = Command::new("go")
        .args(["build", "-trimpath", "-o"])
        .arg(&partial)
        .arg(".")
        .current_dir(source)
        .env("CGO_ENABLED", "0")
        .status()?;
    ensure!(status.success(), "Go cannot build the oracle");
    fs::rename(&partial, &program).context("cannot keep what was built")?;
    Ok(program)
}
