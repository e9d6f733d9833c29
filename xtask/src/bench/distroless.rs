//! A whole distroless scan against a bare ephemeral container that is started and asked once.

use std::{
    process::Stdio,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use super::goals::Goals;
use super::measure::{ROUNDS, median, reported, seconds, until_looked};
use crate::{cluster::Cluster, ui::say};

const NAMESPACE: &str = "secure-scan-bench";
const PROBE: &str = "lab.local/probe:1";
/// How often a kubelet looks for containers that ended: rounds begin at different times within it.
const SECOND: Duration = Duration::from_secs(1);
const PROGRAM: &str = "/secure-scan-probe";

/// Prints both times and their ratio. The lab must be up, since its images are used.
pub(super) fn run(cluster: &Cluster, program: &str, goals: &mut Goals) -> Result<()> {
    if !cluster.is_lab() {
        say("the distroless scan is measured on the lab only, for its images: not measured");
        return Ok(());
    }
    say("== a distroless scan against a bare ephemeral container");
    let measured = measure(cluster, program, goals);
    let _ = cluster.kubectl(&["delete", "namespace", NAMESPACE, "--wait=false"]);
    measured
}

fn measure(cluster: &Cluster, program: &str, goals: &mut Goals) -> Result<()> {
    let _ = cluster.kubectl(&["delete", "namespace", NAMESPACE, "--ignore-not-found"]);
    cluster.kubectl(&["create", "namespace", NAMESPACE])?;
    let (mut bare, mut ended, mut looked, mut total) = (vec![], vec![], vec![], vec![]);
    let mut calls = 0;
    for round in 0..ROUNDS {
        // A pod for each: a pod keeps its ephemeral containers, and reading it grows with them.
        let (one, other) = (format!("bare-{round}"), format!("scan-{round}"));
        for pod in [&one, &other] {
            start(cluster, pod)?;
        }
        let phase = SECOND * u32::try_from(round)? / u32::try_from(ROUNDS)?;
        sleep(phase);
        let (answered, end) = ask(cluster, &one)?;
        bare.push(answered);
        ended.push(end);
        sleep(phase);
        let started = Instant::now();
        let report = scan(cluster, program, &other)?;
        total.push(started.elapsed());
        looked.push(until_looked(&report)?);
        let count = |who: &str| report["api_calls"][who].as_u64().unwrap_or_default();
        calls = count("operator") + count("scan");
    }
    let (bare, ended, looked, total) = (median(bare), median(ended), median(looked), median(total));
    let ratio = |a: Duration, b: Duration| a.as_secs_f64() / b.as_secs_f64();
    say(&format!(
        "bare ephemeral container, start and one exec  {}, and its end  {}",
        seconds(bare),
        seconds(ended)
    ));
    say(&format!(
        "distroless scan, until the target was looked at  {}  ({:.1}x)",
        seconds(looked),
        ratio(looked, bare)
    ));
    say(&format!(
        "distroless scan, until cleanup and 401 were proven  {}",
        seconds(total)
    ));
    goals.at_most(
        "distroless scan / bare ephemeral container, both until it ended",
        ratio(total, ended),
        1.5,
    );
    let calls = f64::from(u32::try_from(calls)?);
    goals.at_most("API calls of a distroless scan", calls, 34.0);
    Ok(())
}

fn start(cluster: &Cluster, pod: &str) -> Result<()> {
    let run = [
        "run",
        pod,
        "-n",
        NAMESPACE,
        "--image=lab.local/distroless:1",
        "--image-pull-policy=IfNotPresent",
    ];
    // The namespace's service account appears a moment after it.
    let made = (0..60).any(|_| {
        let made = cluster.kubectl(&run).is_ok();
        if !made {
            sleep(Duration::from_millis(500));
        }
        made
    });
    ensure!(made, "pod {pod} was not created");
    let ready = ["wait", "-n", NAMESPACE, "--for=condition=Ready"];
    cluster.kubectl(&[&ready[..], &["--timeout=60s", &format!("pod/{pod}")]].concat())?;
    Ok(())
}

/// Time from the request for an ephemeral container to the answer of its one exec, and until the pod says that it ended: a
/// scan proves that too, and a kubelet notices it up to a second later.
fn ask(cluster: &Cluster, pod: &str) -> Result<(Duration, Duration)> {
    let read = ["get", "pod", pod, "-n", NAMESPACE, "-o", "json"];
    let mut object: Value = serde_json::from_str(&cluster.kubectl(&read)?)?;
    let id = object["status"]["containerStatuses"][0]["containerID"]
        .as_str()
        .and_then(|id| id.rsplit('/').next())
        .context("the pod has no container id")?
        .to_owned();
    object["spec"]["ephemeralContainers"] = json!([{
        "name": "bare", "image": PROBE, "imagePullPolicy": "IfNotPresent",
        "command": [PROGRAM, "wait", "60"], "targetContainerName": pod,
        "securityContext": {
            "runAsUser": 65532, "runAsGroup": 65532, "allowPrivilegeEscalation": false,
            "capabilities": {"drop": ["ALL"]},
        },
    }]);
    let file = tempfile::NamedTempFile::new()?;
    serde_json::to_writer(&file, &object)?;
    let path = format!("/api/v1/namespaces/{NAMESPACE}/pods/{pod}/ephemeralcontainers");
    let file = file.path().to_str().context("a path that is no text")?;
    let started = Instant::now();
    cluster.kubectl(&["replace", "--raw", &path, "-f", file])?;
    // Running or not, an exec says it: whoever asks by hand would try like this.
    while started.elapsed() < Duration::from_mins(1) {
        let mut command = cluster.command("kubectl")?;
        command.args(["--context", cluster.context(), "exec", "-i", pod]);
        command.args(["-n", NAMESPACE, "-c", "bare", "--", PROGRAM]);
        let request = tempfile::NamedTempFile::new()?;
        std::fs::write(request.path(), r#"{"sections":["files"],"files":[{}]}"#)?;
        let output = command
            .args(["collect", &id, "n", "20"])
            .stdin(request.reopen()?)
            .stderr(Stdio::null())
            .output()?;
        if output.stdout.windows(5).any(|w| w == b"@end ") {
            let answered = started.elapsed();
            let end =
                "--for=jsonpath={.status.ephemeralContainerStatuses[0].state.terminated.exitCode}";
            let wait = ["wait", "-n", NAMESPACE, end, "--timeout=60s"];
            cluster.kubectl(&[&wait[..], &[&format!("pod/{pod}")]].concat())?;
            return Ok((answered, started.elapsed()));
        }
        sleep(Duration::from_millis(50));
    }
    bail!("the bare ephemeral container did not answer within a minute")
}

fn scan(cluster: &Cluster, program: &str, pod: &str) -> Result<Value> {
    let mut command = cluster.command(program)?;
    command
        .args(["distroless", pod, "-n", NAMESPACE, "-q", "-o", "json"])
        .args(["--probe-image", PROBE, "--context", cluster.context()])
        // It is tried once for each digest and node, and by nobody who does it by hand.
        .arg("--no-try-image");
    reported(&mut command)
}
