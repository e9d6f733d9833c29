//! The probe against `find -printf` over the same tree, and the memory that it takes.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};

use super::measure::peak_of;
use crate::{lab, ui::say};

const FILES: usize = 1_000_000;
const ROUNDS: usize = 3;

/// Prints times, their ratio and the largest resident size.
pub(super) fn run() -> Result<()> {
    say(&format!("== the probe over {FILES} files"));
    let program = lab::probe()?;
    let tree = tempfile::tempdir()?;
    for n in 0..FILES {
        let folder = tree.path().join(format!("d{}", n / 1000));
        if n % 1000 == 0 {
            fs::create_dir(&folder)?;
        }
        fs::File::create(folder.join(format!("file-{n}")))?;
    }
    let (mut probe, mut find, mut memory) = (vec![], vec![], 0);
    for _ in 0..ROUNDS {
        let (time, peak) = look(&program, tree.path())?;
        probe.push(time);
        memory = memory.max(peak);
        let started = Instant::now();
        let status = Command::new("find")
            .arg(tree.path())
            .args(["-printf", "%m %U %G %s %p\\n"])
            .stdout(Stdio::null())
            .status()?;
        ensure!(status.success(), "find failed");
        find.push(started.elapsed());
    }
    let (probe, find) = (super::measure::median(probe), super::measure::median(find));
    say(&format!(
        "probe {:.2} s, find -printf {:.2} s: {:.2}x its speed (goal: at least 0.8x)",
        probe.as_secs_f64(),
        find.as_secs_f64(),
        find.as_secs_f64() / probe.as_secs_f64()
    ));
    say(&format!(
        "largest resident size {memory} KiB (goal: at most 8192)"
    ));
    Ok(())
}

fn look(program: &Path, tree: &Path) -> Result<(Duration, u64)> {
    let request = tempfile::NamedTempFile::new()?;
    fs::write(request.path(), r#"{"sections":["files"],"files":[{}]}"#)?;
    let started = Instant::now();
    let mut command = Command::new(program);
    command
        .arg("root")
        .arg(tree)
        .args(["n", "300"])
        .stdin(request.reopen()?)
        .stdout(Stdio::null());
    let (ended, peak) = peak_of(&mut command)?;
    ensure!(ended.success(), "the probe failed");
    Ok((started.elapsed(), peak))
}
