//! `cargo xtask bench`: whole scans side by side with what they replace, as ratios of one run.

mod delay;
mod distroless;
mod files;
mod goals;
mod measure;
mod price;
mod probe;
mod scans;
mod sidecar;

use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

pub(crate) use self::delay::{Args as DelayArgs, run as delay};
use self::goals::Goals;
use self::measure::{ROUNDS, median, reported, seconds, until_looked};
use crate::{
    cluster::{self, Cluster},
    demo, lab,
    ui::say,
};

/// What to measure, and with what.
#[derive(clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of the command line"
)]
pub(crate) struct Args {
    #[command(flatten)]
    cluster: Cluster,
    /// Measure only the pods of a scan's own, on a running cluster, which stays up
    #[arg(long)]
    sidecar: bool,
    /// Measure only scans with a probe beside a bare ephemeral container, on a running lab, which stays up
    #[arg(long)]
    distroless: bool,
    /// Measure only the memory of scans of very many files, on a running lab, which stays up
    #[arg(long)]
    files: bool,
    /// Measure only the comparisons of images with their containers that are part of --files
    #[arg(long)]
    drift: bool,
    /// Measure only the price of a scan beside one bare exec, near and far, on a running lab, which stays up
    #[arg(long)]
    price: bool,
    /// Also write the measurements that have a goal to a file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Measure only the probe over a million files, beside find, and its memory; needs no cluster
    #[arg(long)]
    probe: bool,
    /// Measure only the memory of this many scans of one fake cluster [default without a number: 20,000]; needs
    /// no cluster
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "20000")]
    scans: Option<u64>,
    /// An existing build of secure-scan [default: a release build of this checkout]
    #[arg(long, value_name = "FILE")]
    program: Option<String>,
}

/// Runs the benchmark. Times are medians of rounds that take turns.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if args.probe {
        probe::run()?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(count) = args.scans {
        scans::run(count)?;
        return Ok(ExitCode::SUCCESS);
    }
    let cluster = &args.cluster;
    let program = if let Some(program) = &args.program {
        program.clone()
    } else {
        say("== building secure-scan (release)");
        let build = ["build", "--release", "--package", "secure-scan-cli"];
        cluster::build(&build, "secure-scan")?
    };
    if args.distroless {
        let mut goals = Goals::default();
        distroless::run(cluster, &program, &mut goals)?;
        goals.finish(args.json.as_deref())?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.files || args.drift {
        let mut goals = Goals::default();
        files::run(cluster, &program, args.files, &mut goals)?;
        goals.finish(args.json.as_deref())?;
        return Ok(ExitCode::SUCCESS);
    }
    let scripts = tempfile::tempdir()?;
    let written = Command::new("cargo")
        .args(["run", "--quiet", "--package", "scanner-tests"])
        .args(["--example", "collector_scripts", "--"])
        .arg(scripts.path())
        .status()?;
    ensure!(written.success(), "cannot write the collector scripts");
    let mut goals = Goals::default();
    if args.price {
        demo::deploy(cluster)?;
        let whole = scripts.path().join("whole.sh");
        let measured = price::run(cluster, &program, &whole, &mut goals);
        demo::remove(cluster);
        measured?;
        goals.finish(args.json.as_deref())?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.sidecar {
        sidecar::run(cluster, &program, scripts.path())?;
        return Ok(ExitCode::SUCCESS);
    }
    cluster.start()?;
    demo::deploy(cluster)?;
    let measured = measure(cluster, &program, scripts.path());
    let whole = scripts.path().join("whole.sh");
    let priced = measured.and_then(|()| price::run(cluster, &program, &whole, &mut goals));
    demo::remove(cluster);
    if cluster.is_lab() {
        sidecar::run(cluster, &program, scripts.path())?;
    }
    priced?;
    distroless::run(cluster, &program, &mut goals)?;
    if cluster.is_lab() {
        files::run(cluster, &program, true, &mut goals)?;
    }
    cluster.stop()?;
    probe::run()?;
    goals.finish(args.json.as_deref())?;
    Ok(ExitCode::SUCCESS)
}

fn measure(cluster: &Cluster, program: &str, scripts: &Path) -> Result<()> {
    let whole = vec![scripts.join("whole.sh")];
    let mut single: Vec<PathBuf> = fs::read_dir(scripts)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    single.retain(|path| !whole.contains(path) && path.extension().is_some_and(|e| e == "sh"));
    let (mut total, mut looked, mut one, mut many) = (vec![], vec![], vec![], vec![]);
    let before = calls(cluster)?;
    let mut counted = 0;
    for round in 1..=ROUNDS {
        say(&format!("== round {round} of {ROUNDS}"));
        let started = Instant::now();
        let report = scan(cluster, program)?;
        total.push(started.elapsed());
        looked.push(until_looked(&report)?);
        counted = report["api_calls"]["operator"].as_u64().unwrap_or_default()
            + report["api_calls"]["scan"].as_u64().unwrap_or_default();
        one.push(execs(cluster, &whole)?);
        many.push(execs(cluster, &single)?);
    }
    let (total, looked, one, many) = (median(total), median(looked), median(one), median(many));
    let ratio = |a: Duration, b: Duration| a.as_secs_f64() / b.as_secs_f64();
    say(&format!(
        "one bare exec of the same collector      {}",
        seconds(one)
    ));
    say(&format!(
        "{} execs, one for each check that needs one  {}  ({:.1}x one exec)",
        single.len(),
        seconds(many),
        ratio(many, one)
    ));
    say(&format!(
        "scan, until the target was looked at     {}  ({:.1}x one exec, {:.2}x an exec per check)",
        seconds(looked),
        ratio(looked, one),
        ratio(looked, many)
    ));
    say(&format!(
        "scan, until cleanup and 401 were proven  {}  ({:.1}x one exec, {:.2}x an exec per check)",
        seconds(total),
        ratio(total, one),
        ratio(total, many)
    ));
    match (calls(cluster)?, before) {
        (Some(after), Some(before)) => say(&format!(
            "API calls per scan, from the audit log   {} (the report says {counted})",
            (after - before) / ROUNDS
        )),
        _ => say(&format!(
            "API calls per scan, as counted by the client  {counted} (no audit log at hand)"
        )),
    }
    start_time(program)
}

fn scan(cluster: &Cluster, program: &str) -> Result<Value> {
    let mut command = cluster.command(program)?;
    command
        .args(["container", "shop", "-n", demo::NAMESPACE])
        .args(["-q", "-o", "json", "--context", cluster.context()]);
    reported(&mut command)
}

/// Time of one `kubectl exec` for each script.
fn execs(cluster: &Cluster, scripts: &[PathBuf]) -> Result<Duration> {
    let started = Instant::now();
    for script in scripts {
        let mut command = cluster.command("kubectl")?;
        command.args(["--context", cluster.context(), "exec", "-i", "shop"]);
        command.args(["-n", demo::NAMESPACE, "--", "/bin/sh", "-s"]);
        let output = command.stdin(File::open(script)?).output()?;
        let answered = output.stdout.windows(5).any(|w| w == b"@end ");
        ensure!(
            answered,
            "the bare exec of {} failed: {}",
            script.display(),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(started.elapsed())
}

/// Requests of secure-scan in the lab's audit log, each counted once.
fn calls(cluster: &Cluster) -> Result<Option<usize>> {
    if !cluster.is_lab() {
        return Ok(None);
    }
    let log = fs::read_to_string(lab::audit_log()?).context("no audit log")?;
    let ids: BTreeSet<String> = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|e| {
            let agent = e["userAgent"].as_str().unwrap_or_default();
            agent.starts_with("secure-scan/")
        })
        .filter_map(|e| e["auditID"].as_str().map(str::to_owned))
        .collect();
    Ok(Some(ids.len()))
}

fn start_time(program: &str) -> Result<()> {
    let mut times = Vec::new();
    for _ in 0..20 {
        let started = Instant::now();
        let status = Command::new(program)
            .arg("--version")
            .stdout(Stdio::null())
            .status()?;
        ensure!(status.success(), "the program does not start");
        times.push(started.elapsed());
    }
    let size = fs::metadata(program)?.len();
    say(&format!(
        "start of the program {:.1} ms, its size {:.1} MiB",
        median(times).as_secs_f64() * 1e3,
        f64::from(u32::try_from(size >> 10)?) / 1024.0
    ));
    Ok(())
}
