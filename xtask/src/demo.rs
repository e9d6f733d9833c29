//! `cargo xtask demo`: a real scan of a vulnerable app, what it created, and that nothing is left.

use std::{process::ExitCode, thread::sleep, time::Duration};

use anyhow::{Result, bail, ensure};

use crate::{
    cluster::{self, Cluster},
    ui::say,
};

pub(crate) const NAMESPACE: &str = "secure-scan-demo";
const KINDS: &str = "jobs,serviceaccounts,secrets,roles,rolebindings,pods";

/// Runs the demo. The lab stays up, so that one can try more; `lab down` removes it.
pub(crate) fn run(cluster: &Cluster) -> Result<ExitCode> {
    say("== building secure-scan");
    let program = cluster::build(&["build", "--package", "secure-scan-cli"], "secure-scan")?;
    cluster.start()?;
    let done = scan(cluster, &program);
    remove(cluster);
    let code = done?;
    if cluster.is_lab() {
        say("The lab is still up. Try:");
        say("  cargo xtask lab kubectl get pods -A");
        say(&format!("  cargo xtask lab exec {program} --help"));
        say("  cargo xtask lab down");
    }
    Ok(code)
}

/// Removes the shop; an existing cluster goes on doing so for a while.
pub(crate) fn remove(cluster: &Cluster) {
    let _ = cluster.kubectl(&["delete", "namespace", NAMESPACE, "--wait=false"]);
}

fn scan(cluster: &Cluster, program: &str) -> Result<ExitCode> {
    say("== a shop with planted faults");
    deploy(cluster)?;
    say("== the plan: what a scan would do (--dry-run)");
    let target = ["container", "shop", "-n", NAMESPACE];
    let context = ["--context", cluster.context()];
    let run = |more: &[&str]| -> Result<Option<i32>> {
        let mut command = cluster.command(program)?;
        let status = command.args(target).args(context).args(more).status()?;
        Ok(status.code())
    };
    ensure!(run(&["--dry-run", "-q"])? == Some(0), "the plan failed");
    say("== the scan");
    let code = run(&[])?;
    // 1 is findings at the threshold: this app has them planted.
    ensure!(
        code == Some(1),
        "expected findings (exit code 1), got {code:?}"
    );
    say("== looking for leftovers with kubectl");
    let selector = ["-l", "secure-scan.io/scan", "-o", "name"];
    let left = cluster.kubectl(&[&["get", KINDS, "--all-namespaces"], &selector[..]].concat())?;
    ensure!(left.is_empty(), "left behind: {left}");
    say(&format!(
        "none: no {KINDS} in any namespace carry the label of a scan"
    ));
    Ok(ExitCode::SUCCESS)
}

/// A namespace with the vulnerable shop in it, running.
pub(crate) fn deploy(cluster: &Cluster) -> Result<()> {
    let _ = cluster.kubectl(&["delete", "namespace", NAMESPACE, "--ignore-not-found"]);
    cluster.kubectl(&["create", "namespace", NAMESPACE])?;
    let image = format!("--image={}", cluster.image("demo"));
    let mut run = vec!["run", "shop", "-n", NAMESPACE, &image];
    run.push("--image-pull-policy=IfNotPresent");
    if !cluster.is_lab() {
        run.extend([
            "--env=DB_PASSWORD=hunter2-demo",
            "--command",
            "--",
            "sleep",
            "3600",
        ]);
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
    let wait = [
        "wait",
        "-n",
        NAMESPACE,
        "--for=condition=Ready",
        "--timeout=120s",
    ];
    if let Err(error) = cluster.kubectl(&[&wait[..], &["pod/shop"]].concat()) {
        bail!("the shop does not run: {error:#} {last}");
    }
    Ok(())
}
