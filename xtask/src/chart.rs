//! The guard's Helm chart, rendered by Helm itself: the same objects as `secure-scan guard render`.

use std::{path::Path, process::Command};

use anyhow::{Context as _, Result, ensure};

use crate::{cluster, consumers::Outcome, lab, ui::say};

const HELM: &str = "3.22.0";

/// Builds Helm where no checkout has yet, and compares.
pub(crate) fn run() -> Result<Outcome> {
    say("== the guard's chart, rendered by Helm");
    if Command::new("go").arg("version").output().is_err() {
        say("== NOT RUN: the guard's chart, rendered by Helm: install go");
        return Ok(Outcome::NotRun);
    }
    let folder = lab::cache()?.join("tools").join(format!("helm-{HELM}"));
    let helm = folder.join("helm");
    if !helm.exists() {
        say(&format!("== building Helm {HELM}, once"));
        let status = Command::new("go")
            .args(["install", "-trimpath"])
            .arg(format!("helm.sh/helm/v3/cmd/helm@v{HELM}"))
            .env("GOBIN", &folder)
            .status()?;
        ensure!(status.success(), "cannot build Helm");
    }
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/charts/secure-scan-guard");
    output(Command::new(&helm).args(["lint", "--strict"]).arg(&chart))?;
    // A Helm that was built so names no version of Kubernetes of its own.
    let charted = output(
        Command::new(&helm)
            .args(["template", "secure-scan-guard"])
            .arg(&chart)
            .args(["--kube-version", "1.37.2"]),
    )?;
    let program = cluster::build(&["build", "--package", "secure-scan-cli"], "secure-scan")?;
    let rendered = output(Command::new(program).args(["guard", "render"]))?;
    let rendered = documents(&rendered);
    if rendered.is_empty() || documents(&charted) != rendered {
        say("Helm renders the chart to other objects than: secure-scan guard render");
        return Ok(Outcome::Failed);
    }
    Ok(Outcome::Passed)
}

/// Each document without its comments, in an order of its own: Helm sorts objects by kind.
fn documents(text: &str) -> Vec<Vec<&str>> {
    let kept = |line: &&str| {
        let word = line.trim();
        !word.is_empty() && !word.starts_with('#')
    };
    let lines: Vec<&str> = text.lines().filter(kept).collect();
    let mut all: Vec<Vec<&str>> = lines
        .split(|line| *line == "---")
        .map(<[_]>::to_vec)
        .collect();
    all.retain(|document| !document.is_empty());
    all.sort_unstable();
    all
}

fn output(command: &mut Command) -> Result<String> {
    let ran = command.output()?;
    let error = String::from_utf8_lossy(&ran.stderr).into_owned();
    ensure!(ran.status.success(), "{command:?}: {error}");
    String::from_utf8(ran.stdout).context("not UTF-8")
}
