//! Shells that the environment of a target, or a wrapper in their place, changes: the collector gives the answer of the plain
//! shell, or a probe looks.

use futures_util::future::join_all;
use scanner_tests::{TestNamespace, eventually, lab_only, shell::run_in};
use serde_json::{Value, json};

const PROBE: [&str; 4] = ["--probe-image", "lab.local/probe:1", "-o", "json"];

/// Starts a pod of Debian as root, whose `/bin/sh` is bash if asked for.
async fn debian(site: &TestNamespace, name: &str, bash: bool, env: Value) {
    let shell = if bash { "bash" } else { "dash" };
    let prepare = format!(
        "echo 'echo Welcome; alias ls=false; PATH=/opt/only' >/rc; echo 'echo not for you; exit 0' >/leave; \
         /usr/bin/ln -sf {shell} /bin/sh; : >/ready; exec /usr/bin/sleep 36000"
    );
    let more = json!({"containers": [{
        "name": "web", "image": "lab.local/debian:1", "imagePullPolicy": "IfNotPresent", "env": env,
        "command": ["/bin/dash", "-c", prepare],
        "securityContext": {"runAsUser": 0, "runAsGroup": 0},
    }]});
    site.pod_like(name, "", "Running", &more, &json!({})).await;
    ready(site, name, "/usr/bin/ls").await;
}

async fn ready(site: &TestNamespace, name: &str, command: &str) {
    let target = site.target(name).await;
    eventually(name, async || {
        let argv = [command, "/ready"];
        run_in(&site.client, &target, &argv, b"").await.ok()
    })
    .await;
}

fn variables(all: &[(&str, &str)]) -> Value {
    let all = all.iter();
    all.map(|(name, value)| json!({"name": name, "value": value}))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_odd_environment_changes_no_answer() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("odd-shells").await;
    let startup = variables(&[
        ("ENV", "/rc"),
        ("BASH_ENV", "/leave"),
        ("PATH", ""),
        ("LC_ALL", "xx_YY"),
        ("IFS", "/"),
        ("CDPATH", "/etc"),
        ("POSIXLY_CORRECT", "1"),
        ("PS4", "$(echo pwn)"),
        ("SHELLOPTS", "xtrace:noexec"),
    ]);
    let functions = variables(&[
        ("ENV", "/rc"),
        ("BASH_ENV", "/leave"),
        ("BASHOPTS", "failglob:nocaseglob:extdebug"),
        ("BASH_FUNC_echo%%", "() { printf 'hijacked %s\\n' \"$*\"; }"),
        ("BASH_FUNC_stat%%", "() { :; }"),
    ]);
    let options = variables(&[("SHELLOPTS", "errexit:nounset:pipefail:noglob")]);
    let pods = [
        ("plain", false, json!([])),
        ("startup", false, startup),
        ("functions", true, functions),
        ("options", true, options),
    ];
    let reports = join_all(pods.into_iter().map(async |(name, bash, env)| {
        debian(&site, name, bash, env).await;
        let output = site.auto(&[&[name][..], &PROBE].concat()).await;
        assert_eq!(output.code, 1, "{name}: {output:?}");
        (name, output.json())
    }))
    .await;
    let plain = &reports[0].1;
    for (name, report) in &reports {
        assert_eq!(report["plan"]["strategy"], "container", "{name}");
        assert_eq!(report["coverage"], plain["coverage"], "{name}");
    }
    site.remove().await;
}

#[tokio::test]
async fn where_a_shell_cannot_run_the_collector_a_probe_looks() {
    if lab_only() {
        return;
    }
    let site = TestNamespace::new("odd-wrapper").await;
    // One that greets whoever starts it, and one that runs nothing.
    let pods = [
        (
            "greets",
            "echo '*** Authorized use only ***'; exec /bin/busybox sh \"$@\"",
        ),
        ("silent", "exit 0"),
    ];
    let scans = join_all(pods.iter().map(async |(name, wrapper)| {
        let prepare = format!(
            "printf '%s\\n' '#!/bin/busybox sh' '{wrapper}' >/tmp/sh; chmod 755 /tmp/sh; mv /tmp/sh /bin/sh; : >/ready; \
             exec /bin/busybox sleep 36000"
        );
        let more = json!({"containers": [{
            "name": "web", "image": "lab.local/busybox:1", "imagePullPolicy": "IfNotPresent",
            "command": ["/bin/busybox", "sh", "-c", prepare],
            "securityContext": {"runAsUser": 0, "runAsGroup": 0},
        }]});
        site.pod_like(name, "", "Running", &more, &json!({})).await;
        ready(&site, name, "/bin/ls").await;
        (*name, site.auto(&[&[*name][..], &PROBE].concat()).await)
    }))
    .await;
    for (name, output) in scans {
        assert_eq!(output.code, 1, "{name}: {output:?}");
        let report = output.json();
        assert_eq!(report["plan"]["strategy"], "distroless", "{name}");
        assert_eq!(report["agent"]["name"], "probe", "{name}");
    }
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    site.remove().await;
}
