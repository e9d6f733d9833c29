//! `cargo xtask third-party`: the example of a program elsewhere, built, tested and run on the cluster.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, ExitCode, Output, Stdio},
    thread::sleep,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::{
    cluster::{self, Cluster},
    lab,
    ui::say,
};

pub(crate) const NAME: &str = "the third-party example";
const NAMESPACE: &str = "secure-scan-third-party";
/// The objects that a scan of the example may create.
const KINDS: &str =
    "jobs,serviceaccounts,secrets,roles,rolebindings,pods,configmaps,networkpolicies";
/// Exit codes of scans with findings. The example's own strategy answers only for files, and a check that needs more makes
/// the scan incomplete.
const FINDINGS: i32 = 1;
const INCOMPLETE: i32 = 3;
/// Images of the lab, the pods that run them, and the strategy that reaches each.
const PODS: [(&str, &str); 2] = [("busybox", "shell"), ("distroless", "bare")];

/// Builds, tests and runs it. The lab stays up; `lab down` removes it.
pub(crate) fn task(cluster: &Cluster) -> Result<ExitCode> {
    if cluster.is_lab() {
        lab::packages()?;
    }
    let program = build()?;
    cluster.start()?;
    run(cluster, &program)?;
    say(&format!("{NAME}: passed"));
    Ok(ExitCode::SUCCESS)
}

/// Runs its unit tests with `ring`, has its lints checked with `aws-lc-rs`, and gives the program.
pub(crate) fn build() -> Result<String> {
    cargo(&["fmt", "--check"])?;
    cargo(&["test", "--locked", "--quiet"])?;
    let lints = ["clippy", "--locked", "--quiet", "--all-targets"];
    let other = ["--no-default-features", "--features", "aws-lc-rs"];
    let deny = ["--", "-D", "warnings"];
    cargo(&[&lints[..], &other, &deny].concat())?;
    cluster::executable(&mut command(&["build", "--locked"])?, "third-party")
}

fn cargo(args: &[&str]) -> Result<()> {
    say(&format!("== {NAME}: cargo {}", args.join(" ")));
    let status = command(args)?.status()?;
    ensure!(
        status.success(),
        "cargo {} failed; where its lock file is old: cd examples/third-party && cargo update --workspace",
        args.join(" ")
    );
    Ok(())
}

/// Cargo as it is called elsewhere, except for its target folder, in which much is built already.
fn command(args: &[&str]) -> Result<Command> {
    let me = std::env::current_exe()?;
    let target = me
        .parent()
        .and_then(Path::parent)
        .context("xtask lies in no target folder")?;
    let mut command = Command::new("cargo");
    command
        .args(args)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/third-party"))
        .env("CARGO_TARGET_DIR", target)
        // Set for libraries of this workspace; the example chooses a version by a feature, as a program does.
        .env("K8S_OPENAPI_ENABLED_VERSION", "");
    Ok(command)
}

/// Runs the program against pods of a namespace of its own, and removes that.
pub(crate) fn run(cluster: &Cluster, program: &str) -> Result<()> {
    say(&format!("== {NAME} on {}", cluster.context()));
    let copy = Copy::new()?;
    without_a_cluster(program, &copy)?;
    let _ = cluster.kubectl(&["delete", "namespace", NAMESPACE, "--ignore-not-found"]);
    cluster.kubectl(&["create", "namespace", NAMESPACE])?;
    let outcome = scans(cluster, program, &copy);
    let _ = cluster.kubectl(&["delete", "namespace", NAMESPACE, "--wait=false"]);
    outcome
}

/// A directory with a program that is a finding of the example's own engine.
struct Copy(tempfile::TempDir);

impl Copy {
    fn new() -> Result<Self> {
        let root = tempfile::tempdir()?;
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755))?;
        let open = root.path().join("open");
        fs::create_dir(&open)?;
        fs::set_permissions(open, fs::Permissions::from_mode(0o777))?;
        Ok(Self(root))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

fn without_a_cluster(program: &str, copy: &Copy) -> Result<()> {
    let output = Command::new(program)
        .arg("--directory")
        .arg(copy.path())
        .output()?;
    expect(
        &output,
        INCOMPLETE,
        &["acme-world-writable", "\"/open\"", "container-baseline"],
        &[],
    )
}

fn scans(cluster: &Cluster, program: &str, copy: &Copy) -> Result<()> {
    // An existing cluster has no image without a shell that is known here.
    let pods = if cluster.is_lab() {
        &PODS[..]
    } else {
        &PODS[..1]
    };
    for (image, pod) in pods {
        start(cluster, &cluster.image(image), pod)?;
    }
    let context = ["--context", cluster.context(), "--namespace", NAMESPACE];
    let mut running = Vec::new();
    for (_, pod) in pods {
        let mut command = cluster.command(program)?;
        command
            .args(context)
            .args(["--pod", pod])
            .arg("--exported")
            .arg(copy.path());
        running.push(
            command
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()?,
        );
    }
    let engines = [
        "acme-setuid-count",
        "acme-world-writable",
        "container-baseline",
    ];
    let events = ["control_enforced", "control_verified", "control_released"];
    let outputs: Vec<Output> = running
        .into_iter()
        .map(std::process::Child::wait_with_output)
        .collect::<Result<_, _>>()?;
    for (output, (image, pod)) in outputs.iter().zip(pods) {
        let code = if *pod == "bare" { INCOMPLETE } else { FINDINGS };
        expect(output, code, &engines, &events)
            .with_context(|| format!("pod {pod} of image {image}"))?;
        // Only the copy has the directory that anybody may write to.
        let from_copy = String::from_utf8_lossy(&output.stdout).contains("\"/open\"");
        ensure!(
            from_copy == (*pod == "bare"),
            "pod {pod} was reached by the wrong strategy"
        );
    }
    let label = ["-n", NAMESPACE, "-l", "secure-scan.io/scan", "-o", "name"];
    let left = cluster.kubectl(&[&["get", KINDS], &label[..]].concat())?;
    ensure!(left.is_empty(), "left behind: {left}");
    let all = cluster.kubectl(&["get", "configmaps", "-n", NAMESPACE, "-o", "name"])?;
    ensure!(!all.contains("acme"), "a marker was left behind: {all}");
    Ok(())
}

/// A pod of that image, running.
fn start(cluster: &Cluster, image: &str, pod: &str) -> Result<()> {
    let image = format!("--image={image}");
    let mut run = vec![
        "run",
        pod,
        "-n",
        NAMESPACE,
        &image,
        "--image-pull-policy=IfNotPresent",
    ];
    if !cluster.is_lab() {
        run.extend(["--command", "--", "sleep", "3600"]);
    }
    let mut last = String::new();
    for _ in 0..60 {
        // The namespace's service account appears a moment after it.
        match cluster.kubectl(&run) {
            Ok(_) => break,
            Err(error) => last = error.to_string(),
        }
        sleep(Duration::from_millis(500));
    }
    let pod = format!("pod/{pod}");
    let wait = [
        "wait",
        "-n",
        NAMESPACE,
        "--for=condition=Ready",
        "--timeout=120s",
        &pod,
    ];
    if let Err(error) = cluster.kubectl(&wait) {
        bail!("{pod} does not run: {error:#} {last}");
    }
    Ok(())
}

/// That exit code, a table that holds these texts, and events of those kinds about the example's control.
fn expect(output: &Output, code: i32, table: &[&str], events: &[&str]) -> Result<()> {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let shown = || format!("{}\n{stdout}\n{stderr}", output.status);
    ensure!(
        output.status.code() == Some(code),
        "expected exit code {code}: {}",
        shown()
    );
    for text in table {
        ensure!(
            stdout.contains(text),
            "{text} is not in the table: {}",
            shown()
        );
    }
    let lines: Vec<Value> = stderr
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    for kind in events {
        let reported = |line: &Value| line["event"][kind]["id"] == "acme-marker";
        ensure!(lines.iter().any(reported), "no event {kind}: {}", shown());
    }
    Ok(())
}
