//! Very many scans of one fake cluster: flat memory, and nothing left.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::ui::say;

/// Prints the resident size at a twentieth, at half and at the end, as ratios; fails where it grows.
pub(super) fn run(count: u64) -> Result<()> {
    say(&format!("== {count} scans of one fake cluster"));
    let status = Command::new("cargo")
        .args(["run", "--quiet", "--release"])
        .args(["--package", "secure-scan-testing"])
        .args(["--example", "many_scans", "--"])
        .arg(count.to_string())
        .status()?;
    ensure!(status.success(), "the scans failed");
    Ok(())
}
