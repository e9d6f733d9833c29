//! The memory of secure-scan while very many files come from a target: from the probe, and from the collector.

use std::{
    io::{Read as _, Seek as _},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

use super::measure::{peak_of, seconds};
use crate::{cluster::Cluster, ui::say};

const NAMESPACE: &str = "secure-scan-files";
const PROBE: &str = "lab.local/probe:1";
/// Files that the probe lists, and the collector.
const FILES: [(&str, usize); 2] = [("distroless", 1_000_000), ("container", 100_000)];
/// Bytes of a report that are shown where a scan does not pass.
const MAX_REPORT: u64 = 16 << 10;
/// A check that sees each file and keeps none.
const PROFILE: &str = r"
name: every-file
version: '1'
title: Every file
checks:
  - id: size
    title: Every file has a size
    fails: A file has no size
    severity: low
    rationale: It is a number.
    fix: None is needed.
    files: [{under: [/many]}]
    violations: files.filter(f, f.size < 0).map(f, f.path)
";

/// Prints the time and the largest resident size of a scan of each strategy. The lab must be up, since its images are used.
pub(super) fn run(cluster: &Cluster, program: &str) -> Result<()> {
    ensure!(
        cluster.is_lab(),
        "very many files are scanned on the lab only, for its images"
    );
    let measured = measure(cluster, program);
    let _ = cluster.kubectl(&["delete", "namespace", NAMESPACE, "--wait=false"]);
    measured
}

fn measure(cluster: &Cluster, program: &str) -> Result<()> {
    let _ = cluster.kubectl(&["delete", "namespace", NAMESPACE, "--ignore-not-found"]);
    cluster.kubectl(&["create", "namespace", NAMESPACE])?;
    let profile = tempfile::Builder::new().suffix(".yaml").tempfile()?;
    std::fs::write(profile.path(), PROFILE)?;
    let profile = profile.path().to_str().context("a path that is no text")?;
    for (strategy, files) in FILES {
        say(&format!(
            "== {strategy}: {files} files, 1,000 in each directory"
        ));
        let pod = format!("many-{strategy}");
        start(cluster, &pod, files)?;
        let mut command = cluster.command(program)?;
        command
            .args([strategy, &pod, "-n", NAMESPACE, "-q", "-p", profile])
            .args(["--lease", "600", "--context", cluster.context()]);
        if strategy == "distroless" {
            command.args(["--probe-image", PROBE]);
        }
        let started = Instant::now();
        let mut report = tempfile::tempfile()?;
        let (status, peak) = peak_of(command.stdout(report.try_clone()?))?;
        if !status.success() {
            let mut text = String::new();
            report.rewind()?;
            report.take(MAX_REPORT).read_to_string(&mut text)?;
            bail!("the scan did not pass: {status}\n{text}");
        }
        say(&format!(
            "{strategy}: {}, largest resident size of secure-scan {} MiB (goal: at most 64)",
            seconds(started.elapsed()),
            peak >> 10
        ));
    }
    Ok(())
}

/// Starts a pod and makes its files.
fn start(cluster: &Cluster, pod: &str, files: usize) -> Result<()> {
    let directories = files / 1_000;
    let make = format!(
        "mkdir /many && cd /many && for d in $(seq {directories}); do mkdir d$d; (cd d$d && seq 1000 | xargs touch); done; \
         : > /ready; exec sleep 36000"
    );
    let run = ["run", pod, "-n", NAMESPACE, "--image=lab.local/debian:1"];
    let more = ["--image-pull-policy=IfNotPresent", "--overrides"];
    let overrides = r#"{"spec":{"securityContext":{"runAsUser":0,"runAsGroup":0},"terminationGracePeriodSeconds":0}}"#;
    let command = ["--command", "--", "/bin/sh", "-c", &make];
    let args = [&run[..], &more[..], &[overrides], &command[..]].concat();
    // The namespace's service account appears a moment after it.
    until(Duration::from_secs(30), || cluster.kubectl(&args).is_ok())?;
    let ready = ["exec", pod, "-n", NAMESPACE, "--", "test", "-e", "/ready"];
    until(Duration::from_mins(10), || cluster.kubectl(&ready).is_ok())
}

fn until(limit: Duration, mut holds: impl FnMut() -> bool) -> Result<()> {
    let started = Instant::now();
    while !holds() {
        ensure!(
            started.elapsed() < limit,
            "pods with very many files do not start"
        );
        std::thread::sleep(Duration::from_secs(1));
    }
    Ok(())
}
