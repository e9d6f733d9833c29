//! A collector ends with whoever asked for it: no process of a scan stays in the target.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use scanner_tests::{
    TestNamespace, eventually, lab_only,
    shell::{processes, run_in},
};
use serde_json::json;

#[tokio::test]
async fn an_interrupted_or_killed_scan_leaves_no_process_in_the_target() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("lifeline").await;
    // A file that the shell reads for a minute, since busybox asks no tool but its own; and a tool that never answers.
    let long = "yes user:x:1:1:::/bin/sh | head -c 64000000 >/etc/passwd";
    let hangs = "printf '#!/bin/sh\\nsleep 36000\\n' >/usr/sbin/find; chmod +x /usr/sbin/find";
    for (name, image, prepare) in [
        ("busybox", "lab.local/busybox:1", long),
        ("debian", "lab.local/debian:1", hangs),
    ] {
        let more = json!({"containers": [{
            "name": "web", "image": image, "imagePullPolicy": "IfNotPresent",
            "command": ["/bin/sh", "-c", format!("{prepare}; : >/ready; exec sleep 36000")],
            "securityContext": {"runAsUser": 0, "runAsGroup": 0},
        }]});
        site.pod_like(name, "", "Running", &more, &json!({})).await;
        let target = site.target(name).await;
        eventually("what makes the collector wait", async || {
            let argv = ["/bin/sh", "-c", "test -e /ready"];
            run_in(&site.client, &target, &argv, b"").await.ok()
        })
        .await;
        let before = processes(&site.client, &target).await.expect("counted");
        for signal in [Signal::SIGINT, Signal::SIGKILL] {
            let scan = site.start(&[name, "--lease", "600"]);
            eventually("a collector that hangs", async || {
                (processes(&site.client, &target)
                    .await
                    .is_ok_and(|now| now > before))
                .then_some(())
            })
            .await;
            let pid = scan.id().and_then(|id| i32::try_from(id).ok());
            kill(Pid::from_raw(pid.expect("it runs")), signal).expect("signal");
            scan.wait_with_output().await.expect("it ends");
            eventually("no process of the scan", async || {
                (processes(&site.client, &target).await == Ok(before)).then_some(())
            })
            .await;
        }
    }
    site.remove().await;
}
