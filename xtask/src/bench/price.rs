//! The price of a scan: beside one bare `kubectl exec` of the same script, near and far from the server, and beside
//! thousands of Secrets that are none of its business.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{
    goals::Goals,
    measure::{ROUNDS, median, reported, seconds},
};
use crate::{cluster::Cluster, demo, ui::say};

/// Milliseconds in each direction: a round trip of 40 ms.
const LATE: &str = "20";
/// Secrets in another namespace.
const SECRETS: usize = 20_000;
/// The time in which controllers and etcd finish their work on so many new objects.
const SETTLES: Duration = Duration::from_secs(30);
/// Secrets in one request.
const EACH: usize = 500;
const ELSEWHERE: &str = "secure-scan-elsewhere";
const IDENTITY: &str = "secure-scan-identity";

/// Measures on the lab, with the demo deployed.
pub(super) fn run(
    cluster: &Cluster,
    program: &str,
    script: &Path,
    goals: &mut Goals,
) -> Result<()> {
    if !cluster.is_lab() {
        say(
            "the price of a scan is measured on the lab only, where the server is near: not measured",
        );
        return Ok(());
    }
    say("== one scan beside one bare kubectl exec of the same script");
    let near = Site::near(cluster, program, script);
    let (ratio, report) = near.ratio()?;
    goals.at_most("scan / bare exec", ratio, 1.5);
    goals.at_most("API calls of a scan", calls(&report), 28.0);
    let _ = cluster.kubectl(&["create", "namespace", IDENTITY]);
    let apart = near.scan(&["--identity-namespace", IDENTITY])?;
    let _ = cluster.kubectl(&["delete", "namespace", IDENTITY, "--wait=false"]);
    goals.at_most(
        "API calls more with an identity namespace",
        calls(&apart.1) - calls(&report),
        8.0,
    );
    say("== the same at a round trip of 40 ms");
    let far = Far::start(cluster)?;
    let (ratio, _) = Site {
        kubeconfig: Some(far.kubeconfig.path()),
        ..near
    }
    .ratio()?;
    drop(far);
    goals.at_most("scan / bare exec at 40 ms", ratio, 2.0);
    say(&format!(
        "== the same beside {SECRETS} Secrets in another namespace"
    ));
    let before = near.both()?.1;
    let made = secrets(cluster);
    let after = made.and_then(|()| {
        std::thread::sleep(SETTLES);
        Ok(near.both()?.1)
    });
    let _ = cluster.kubectl(&["delete", "namespace", ELSEWHERE, "--wait=false"]);
    goals.at_most(
        "scan beside many Secrets / scan",
        after?.as_secs_f64() / before.as_secs_f64(),
        1.1,
    );
    Ok(())
}

fn calls(report: &Value) -> f64 {
    let count = |who: &str| report["api_calls"][who].as_f64().unwrap_or(f64::NAN);
    count("operator") + count("scan")
}

/// How the server is reached, and what runs there.
#[derive(Clone, Copy)]
struct Site<'a> {
    cluster: &'a Cluster,
    program: &'a str,
    script: &'a Path,
    kubeconfig: Option<&'a Path>,
}

impl<'a> Site<'a> {
    fn near(cluster: &'a Cluster, program: &'a str, script: &'a Path) -> Self {
        Self {
            cluster,
            program,
            script,
            kubeconfig: None,
        }
    }

    fn command(&self, program: &str) -> Result<Command> {
        let mut command = self.cluster.command(program)?;
        // Of both programs alike.
        if let Some(file) = self.kubeconfig {
            command.arg("--kubeconfig").arg(file);
        }
        Ok(command)
    }

    /// The ratio of a scan and a bare exec, and the report of the last scan.
    fn ratio(&self) -> Result<(f64, Value)> {
        let (bare, scan, report) = self.both()?;
        Ok((scan.as_secs_f64() / bare.as_secs_f64(), report))
    }

    /// Median times of a bare exec and of a scan, which take turns, and the report of the last scan.
    fn both(&self) -> Result<(Duration, Duration, Value)> {
        let (mut bare, mut scans, mut last) = (vec![], vec![], Value::Null);
        for _ in 0..=ROUNDS {
            bare.push(self.exec()?);
            let (took, report) = self.scan(&[])?;
            scans.push(took);
            last = report;
        }
        let (bare, scans) = (median(bare), median(scans));
        say(&format!(
            "bare exec {}, scan {}",
            seconds(bare),
            seconds(scans)
        ));
        Ok((bare, scans, last))
    }

    fn scan(&self, more: &[&str]) -> Result<(Duration, Value)> {
        let mut command = self.cluster.command(self.program)?;
        command.args([
            "container",
            "shop",
            "-n",
            demo::NAMESPACE,
            "-q",
            "-o",
            "json",
        ]);
        command.args(more);
        match self.kubeconfig {
            Some(file) => command.arg("--kubeconfig").arg(file),
            None => command.args(["--context", self.cluster.context()]),
        };
        let started = Instant::now();
        let report = reported(&mut command)?;
        Ok((started.elapsed(), report))
    }

    fn exec(&self) -> Result<Duration> {
        let started = Instant::now();
        let mut command = self.command("kubectl")?;
        command.args([
            "exec",
            "-i",
            "shop",
            "-n",
            demo::NAMESPACE,
            "--",
            "/bin/sh",
            "-s",
        ]);
        let output = command.stdin(File::open(self.script)?).output()?;
        let answered = output.stdout.windows(5).any(|w| w == b"@end ");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(answered, "the bare exec failed: {said}");
        Ok(started.elapsed())
    }
}

/// A way to the server that is late, until it is dropped.
struct Far {
    proxy: Child,
    kubeconfig: tempfile::NamedTempFile,
}

impl Far {
    fn start(cluster: &Cluster) -> Result<Self> {
        let text = cluster.kubectl(&["config", "view", "--raw", "--flatten", "-o", "json"])?;
        let mut config: Value = serde_json::from_str(&text)?;
        let own = config["clusters"][0]["cluster"]["server"]
            .as_str()
            .context("no server")?;
        let address = own
            .trim_start_matches("https://")
            .trim_end_matches('/')
            .to_owned();
        let program = std::env::current_exe()?;
        let program = program.to_str().context("a path that is no text")?;
        let mut command = cluster.command(program)?;
        command.args(["delay-proxy", &address, LATE]);
        let mut proxy = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let out = proxy.stdout.take().context("no standard output")?;
        let mut port = String::new();
        BufReader::new(out).read_line(&mut port)?;
        let host = address
            .rsplit_once(':')
            .map_or(address.as_str(), |(host, _)| host)
            .to_owned();
        config["clusters"][0]["cluster"]["server"] =
            format!("https://127.0.0.1:{}", port.trim()).into();
        config["clusters"][0]["cluster"]["tls-server-name"] = host.into();
        let mut kubeconfig = tempfile::NamedTempFile::new()?;
        kubeconfig.write_all(&serde_json::to_vec(&config)?)?;
        Ok(Self { proxy, kubeconfig })
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        // It ends with its standard input.
        drop(self.proxy.stdin.take());
        let _ = self.proxy.wait();
    }
}

/// Makes thousands of small Secrets in a namespace of their own.
fn secrets(cluster: &Cluster) -> Result<()> {
    cluster.kubectl(&["create", "namespace", ELSEWHERE])?;
    for start in (0..SECRETS).step_by(EACH) {
        let items: Vec<Value> = (start..start + EACH)
            .map(|n| {
                serde_json::json!({
                    "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
                    "metadata": {"name": format!("s-{n}"), "namespace": ELSEWHERE},
                    "stringData": {"a": "b"},
                })
            })
            .collect();
        let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": items});
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), list.to_string())?;
        let file = file.path().to_str().context("a path that is no text")?;
        cluster.kubectl(&["create", "-f", file])?;
    }
    Ok(())
}
