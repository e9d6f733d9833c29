//! A signal ends a command while its credential plugin runs, and the plugin with all that it started.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// Far less than the plugin would take.
const LIMIT: Duration = Duration::from_secs(20);

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < LIMIT, "not in time: {what}");
        sleep(Duration::from_millis(20));
    }
}

/// Whether that process of `/proc` runs: one that ended and that nobody has waited for yet has no command line.
fn runs(process: &Path) -> bool {
    fs::read(process.join("cmdline")).is_ok_and(|line| !line.is_empty())
}

/// Ends a command by a signal while its plugin runs, and compares the exit code and what it says.
fn ends(command: &[&str], signal: Signal, code: i32, words: &str) {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let (plugin, id) = (path("plugin"), path("id"));
    let script = format!(
        "#!/bin/sh\nsleep 50 &\necho $$ $! >{0}.new\nmv {0}.new {0}\nwait\n",
        id.display()
    );
    fs::write(&plugin, script).unwrap();
    fs::set_permissions(&plugin, fs::Permissions::from_mode(0o755)).unwrap();
    let config = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: x\nclusters: [{{name: c, cluster: {{server: 'https://127.0.0.1:1'}}}}]\n\
         contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, user: {{exec: {{apiVersion: \
         client.authentication.k8s.io/v1, command: {}, interactiveMode: Never}}}}}}]\n",
        plugin.display()
    );
    fs::write(path("config"), config).unwrap();
    let mut running = Command::new(env!("CARGO_BIN_EXE_secure-scan"))
        .args(command)
        .args(["--system-roots", "--kubeconfig"])
        .arg(path("config"))
        .env("KUBERC", "off")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until("the plugin runs", || {
        assert!(running.try_wait().unwrap().is_none(), "the command ended");
        id.exists()
    });
    let ids = fs::read_to_string(&id).unwrap();
    let both: Vec<_> = ids
        .split_whitespace()
        .map(|id| Path::new("/proc").join(id))
        .collect();
    assert!(both.len() == 2 && both.iter().all(|process| runs(process)));
    let process = Pid::from_raw(i32::try_from(running.id()).unwrap());
    kill(process, signal).unwrap();
    until("the command ends", || running.try_wait().unwrap().is_some());
    until("the plugin and its helper end", || {
        !both.iter().any(|process| runs(process))
    });
    let done = running.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(said.contains(words), "{command:?}: {said}");
    assert_eq!(done.status.code(), Some(code), "{command:?}: {said}");
}

const SIGNALS: [Signal; 3] = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP];

#[test]
fn a_signal_ends_a_scan_whose_plugin_hangs() {
    for signal in SIGNALS {
        let words = format!("interrupted by {signal} before anything was created");
        ends(&["container", "pod/web"], signal, 3, &words);
    }
}

#[test]
fn a_signal_ends_every_other_command_whose_plugin_hangs() {
    for command in [
        &["rights"][..],
        &["rights", "-n", "shop", "--check"],
        &["guard", "status"],
        &["guard", "test", "web"],
        &["reap"],
        &["reap", "-A", "--dry-run"],
    ] {
        for signal in SIGNALS {
            let words = format!("interrupted by {signal}");
            ends(command, signal, 128 + signal as i32, &words);
        }
    }
}
