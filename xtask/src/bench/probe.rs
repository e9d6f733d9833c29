//! The probe against `find -printf` over the same trees, and the memory that it takes.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};

use super::measure::{median, peak_of};
use crate::{lab, ui::say};

const FILES: usize = 1_000_000;
/// Shapes of a tree: its name, and the number of files in each of its directories.
const SHAPES: [(&str, usize); 2] = [
    ("1,000 in each directory", 1_000),
    ("all in one directory", FILES),
];
const FILES_ONLY: &str = r#"{"sections":["files"],"files":[{}]}"#;
const USERS_ONLY: &str = r#"{"sections":["users"]}"#;
/// Bytes of a very long `/etc/passwd`.
const PASSWD: usize = 16 << 20;
const ROUNDS: usize = 3;

/// Prints times, their ratio and the largest resident size.
pub(super) fn run() -> Result<()> {
    let program = lab::probe()?;
    for (shape, each) in SHAPES {
        say(&format!("== the probe over {FILES} files, {shape}"));
        let tree = tempfile::tempdir()?;
        grow(tree.path(), each)?;
        compare(&program, tree.path())?;
    }
    say("== the probe over 16 MiB of /etc/passwd");
    let tree = tempfile::tempdir()?;
    fs::create_dir(tree.path().join("etc"))?;
    let line = b"user:x:1000:1000:User:/home/user:/bin/sh\n";
    let mut passwd = fs::File::create(tree.path().join("etc/passwd"))?;
    passwd.write_all(&line.repeat(PASSWD / line.len()))?;
    let (time, peak) = look(&program, tree.path(), USERS_ONLY)?;
    say(&format!("probe {:.2} s", time.as_secs_f64()));
    resident(peak);
    Ok(())
}

fn grow(tree: &Path, each: usize) -> Result<()> {
    for n in 0..FILES {
        let folder = tree.join(format!("d{}", n / each));
        if n % each == 0 {
            fs::create_dir(&folder)?;
        }
        fs::File::create(folder.join(format!("file-{n}")))?;
    }
    Ok(())
}

fn compare(program: &Path, tree: &Path) -> Result<()> {
    let (mut probe, mut find, mut memory) = (vec![], vec![], 0);
    for _ in 0..ROUNDS {
        let (time, peak) = look(program, tree, FILES_ONLY)?;
        probe.push(time);
        memory = memory.max(peak);
        let started = Instant::now();
        let status = Command::new("find")
            .arg(tree)
            .args(["-printf", "%m %U %G %s %p\\n"])
            .stdout(Stdio::null())
            .status()?;
        ensure!(status.success(), "find failed");
        find.push(started.elapsed());
    }
    let (probe, find) = (median(probe), median(find));
    say(&format!(
        "probe {:.2} s, find -printf {:.2} s: {:.2}x its speed (goal: at least 1.0x)",
        probe.as_secs_f64(),
        find.as_secs_f64(),
        find.as_secs_f64() / probe.as_secs_f64()
    ));
    resident(memory);
    Ok(())
}

fn resident(kib: u64) {
    say(&format!(
        "largest resident size {kib} KiB (goal: at most 8192)"
    ));
}

fn look(program: &Path, tree: &Path, asked: &str) -> Result<(Duration, u64)> {
    let request = tempfile::NamedTempFile::new()?;
    fs::write(request.path(), asked)?;
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
