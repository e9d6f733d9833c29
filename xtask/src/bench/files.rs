//! The memory of secure-scan while very many files come from a target: from the probe, from the collector, and from an image
//! and its container that are compared.

use std::{
    io::{Read as _, Seek as _},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

use super::{
    goals::Goals,
    measure::{peak_of, seconds},
};
use crate::{cluster::Cluster, lab, ui::say};

const NAMESPACE: &str = "secure-scan-files";
const PROBE: &str = "lab.local/probe:1";
/// Files that the probe lists, and the collector.
const FILES: [(&str, usize); 2] = [("distroless", 1_000_000), ("container", 100_000)];
/// Files of an image that its container is compared with.
const COMPARED: usize = 300_000;
/// Longest comparison of these.
const SECONDS: f64 = 60.0;
/// The same of the small image of the demo.
const DEMO_SECONDS: f64 = 10.0;
/// Largest resident size in MiB.
const MEMORY: f64 = 64.0;
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

/// Prints the time and the largest resident size of comparisons, and before that of a scan of each strategy where `scanned` says
/// so. The lab must be up, since its images are used.
pub(super) fn run(
    cluster: &Cluster,
    program: &str,
    scanned: bool,
    goals: &mut Goals,
) -> Result<()> {
    ensure!(
        cluster.is_lab(),
        "very many files are scanned on the lab only, for its images"
    );
    let _ = cluster.kubectl(&["delete", "namespace", NAMESPACE, "--ignore-not-found"]);
    cluster.kubectl(&["create", "namespace", NAMESPACE])?;
    let scanned = if scanned {
        scans(cluster, program, goals)
    } else {
        Ok(())
    };
    let measured = scanned.and_then(|()| comparison(cluster, program, goals));
    let _ = cluster.kubectl(&["delete", "namespace", NAMESPACE, "--wait=false"]);
    let _ = lab::drop_many();
    measured
}

fn scans(cluster: &Cluster, program: &str, goals: &mut Goals) -> Result<()> {
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
        let what = format!("{strategy}, {files} files");
        measured(&mut command, &what, goals)?;
    }
    Ok(())
}

/// Containers with the files of their images, beside these images; each is read as its namespace allows.
fn comparison(cluster: &Cluster, program: &str, goals: &mut Goals) -> Result<()> {
    say(&format!("== drift: {COMPARED} files of the image"));
    lab::load_many(COMPARED)?;
    for (pod, image, files, limit) in [
        (
            "demo",
            "lab.local/demo:1",
            "image of the demo",
            DEMO_SECONDS,
        ),
        ("many", "lab.local/many:1", "300,000 files", SECONDS),
    ] {
        let image = format!("--image={image}");
        let run = ["run", pod, "-n", NAMESPACE, &image];
        cluster.kubectl(&[&run[..], &["--image-pull-policy=Never"]].concat())?;
        let ready = ["exec", pod, "-n", NAMESPACE, "--", "true"];
        until(Duration::from_mins(5), || cluster.kubectl(&ready).is_ok())?;
        for via in ["distroless", "container"] {
            let mut command = cluster.command(program)?;
            command
                .args(["drift", pod, "-n", NAMESPACE, "-q", "--via", via])
                .args(["--probe-image", PROBE, "--lease", "600"])
                .args(["--context", cluster.context()]);
            let what = format!("drift by {via}, {files}");
            let took = measured(&mut command, &what, goals)?;
            goals.at_most(format!("{what}: seconds"), took.as_secs_f64(), limit);
        }
    }
    Ok(())
}

/// Runs a scan that must pass, and returns how long it took.
fn measured(command: &mut Command, what: &str, goals: &mut Goals) -> Result<Duration> {
    let started = Instant::now();
    let mut report = tempfile::tempfile()?;
    let (status, peak) = peak_of(command.stdout(report.try_clone()?))?;
    let took = started.elapsed();
    if !status.success() {
        let mut text = String::new();
        report.rewind()?;
        report.take(MAX_REPORT).read_to_string(&mut text)?;
        bail!("the scan did not pass: {status}\n{text}");
    }
    say(&format!("{what}: {}", seconds(took)));
    let mib = u32::try_from(peak >> 10).unwrap_or(u32::MAX);
    goals.at_most(format!("{what}: MiB of memory"), mib.into(), MEMORY);
    Ok(took)
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
