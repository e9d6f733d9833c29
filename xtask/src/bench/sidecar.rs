//! Clone, inert image and image against `kubectl run`, `exec` and `delete` of the same work.

use std::{
    fs::File,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::measure::{median, reported, until_looked};
use crate::{cluster::Cluster, demo, ui::say};

const ROUNDS: usize = 3;
const POD: &str = "by-hand";
const PROBE: &str = "probe";

/// One mode of secure-scan, and a pod with which the same is done by hand.
struct Mode {
    name: &'static str,
    args: &'static [&'static str],
    /// A container of the probe beside the image as a volume; else the image itself, with a shell.
    volume: bool,
}

const MODES: [Mode; 3] = [
    Mode {
        name: "clone",
        args: &["sidecar", "shop"],
        volume: false,
    },
    Mode {
        name: "inert",
        args: &["sidecar", "shop", "--inert"],
        volume: true,
    },
    Mode {
        name: "image",
        args: &["image", "IMAGE"],
        volume: true,
    },
];

/// Measures each mode and its equal by hand in turns, and prints their ratio.
pub(super) fn run(cluster: &Cluster, program: &str, scripts: &Path) -> Result<()> {
    demo::deploy(cluster)?;
    let measured = measure(cluster, program, scripts);
    demo::remove(cluster);
    measured
}

fn measure(cluster: &Cluster, program: &str, scripts: &Path) -> Result<()> {
    let mut times: [[Vec<Duration>; 3]; MODES.len()] = Default::default();
    let mut counted = [0; MODES.len()];
    for round in 1..=ROUNDS {
        say(&format!(
            "== pods of a scan's own, round {round} of {ROUNDS}"
        ));
        for (number, mode) in MODES.iter().enumerate() {
            let started = Instant::now();
            let report = scan(cluster, program, mode)?;
            times[number][0].push(started.elapsed());
            times[number][1].push(until_looked(&report)?);
            let made = &report["api_calls"];
            counted[number] = made["operator"].as_u64().unwrap_or_default()
                + made["scan"].as_u64().unwrap_or_default();
            let started = Instant::now();
            by_hand(cluster, mode, scripts)?;
            times[number][2].push(started.elapsed());
        }
    }
    for (mode, (times, calls)) in MODES.iter().zip(times.into_iter().zip(counted)) {
        let [total, looked, hand] = times.map(|all| median(all).as_secs_f64());
        say(&format!(
            "{:<6} until looked at {looked:.2} s ({:.2}x by hand), until cleanup and 401 were proven {total:.2} s \
             ({:.2}x); kubectl run, exec, delete {hand:.2} s; {calls} API calls",
            mode.name,
            looked / hand,
            total / hand,
        ));
    }
    Ok(())
}

fn scan(cluster: &Cluster, program: &str, mode: &Mode) -> Result<Value> {
    let (image, probe) = (cluster.image("demo"), cluster.image(PROBE));
    let args = mode.args.iter();
    let mut command = cluster.command(program)?;
    command
        .args(args.map(|arg| if *arg == "IMAGE" { image.as_str() } else { arg }))
        .args(["-n", demo::NAMESPACE, "-q", "-o", "json"])
        .args(["--probe-image", &probe, "--context", cluster.context()]);
    reported(&mut command)
}

/// Starts a pod, reads what a scan reads by one exec, and deletes it: without isolation, identity,
/// lease or proof.
fn by_hand(cluster: &Cluster, mode: &Mode, scripts: &Path) -> Result<()> {
    let (image, probe) = (cluster.image("demo"), cluster.image(PROBE));
    let place = ["-n", demo::NAMESPACE];
    let name = format!("--image={}", if mode.volume { &probe } else { &image });
    let spec = json!({"apiVersion": "v1", "spec": {
        "terminationGracePeriodSeconds": 1,
        "containers": [{
            "name": POD, "image": probe, "imagePullPolicy": "IfNotPresent",
            "command": ["/secure-scan-probe", "serve"],
            "volumeMounts": [{"name": "target", "mountPath": "/target"}],
        }],
        "volumes": [{"name": "target", "image": {"reference": image, "pullPolicy": "IfNotPresent"}}],
    }});
    let overrides = format!("--overrides={spec}");
    let mut run = vec!["run", POD, &name, "--image-pull-policy=IfNotPresent"];
    run.extend(place);
    if mode.volume {
        run.push(&overrides);
    }
    cluster.kubectl(&run)?;
    let ready = [
        "wait",
        "pod/by-hand",
        "--for=condition=Ready",
        "--timeout=60s",
    ];
    let ready = cluster.kubectl(&[&ready[..], &place[..]].concat());
    let read = ready.and_then(|_| exec(cluster, mode, scripts));
    let delete = ["delete", "pod", POD, "--grace-period=1"];
    cluster.kubectl(&[&delete[..], &place[..]].concat())?;
    read
}

fn exec(cluster: &Cluster, mode: &Mode, scripts: &Path) -> Result<()> {
    let (input, argv): (_, &[&str]) = if mode.volume {
        let argv = &["/secure-scan-probe", "root", "/target", "n", "60"];
        ("request.json", argv)
    } else {
        ("whole.sh", &["/bin/sh", "-s"])
    };
    let mut command = cluster.command("kubectl")?;
    command.args(["--context", cluster.context(), "exec", "-i", POD]);
    command.args(["-n", demo::NAMESPACE, "--"]).args(argv);
    let output = command.stdin(File::open(scripts.join(input))?).output()?;
    ensure!(
        output.stdout.windows(5).any(|w| w == b"@end "),
        "the bare exec failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
