//! What every part of the benchmark measures alike.

use std::{
    fs,
    process::{Command, ExitStatus},
    thread::sleep,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

pub(super) const ROUNDS: usize = 5;

/// The report of a scan that looked, and ended with findings or incomplete, as each of these does.
pub(super) fn reported(command: &mut Command) -> Result<Value> {
    let output = command.output()?;
    ensure!(
        matches!(output.status.code(), Some(0 | 1 | 3)),
        "the scan failed: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let report: Value = serde_json::from_slice(&output.stdout)?;
    // A scan that fails at once is fast and makes few calls.
    let verdict = report["verdict"].as_str().unwrap_or_default();
    let looked = report["agent"]["bytes"].as_u64().unwrap_or_default() > 0;
    ensure!(
        matches!(verdict, "passed" | "findings" | "incomplete")
            && looked
            && report["failure"].is_null(),
        "the scan did not look: {verdict}: {}",
        report["failure"]["message"]
    );
    Ok(report)
}

/// Time from the first stage to the end of the evaluation.
pub(super) fn until_looked(report: &Value) -> Result<Duration> {
    let stages = report["timings"].as_array().context("no timings")?;
    let seconds = stages
        .iter()
        .filter(|t| t["stage"] != "release" && t["stage"] != "verify_release")
        .filter_map(|t| t["seconds"].as_f64())
        .sum();
    Ok(Duration::from_secs_f64(seconds))
}

pub(super) fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

pub(super) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Runs a program to its end; how it ended, and its largest resident size in KiB.
pub(super) fn peak_of(command: &mut Command) -> Result<(ExitStatus, u64)> {
    let mut child = command.spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let ended = loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        let now = line.and_then(|l| l.split_whitespace().next()?.parse().ok());
        peak = peak.max(now.unwrap_or(0));
        if let Some(ended) = child.try_wait()? {
            break ended;
        }
        sleep(Duration::from_millis(2));
    };
    ensure!(peak > 0, "no resident size was seen");
    Ok((ended, peak))
}
