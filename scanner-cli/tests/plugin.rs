//! A signal ends a scan while its credential plugin runs, and the plugin with it.

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

fn ends(signal: Signal) {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let (plugin, id) = (path("plugin"), path("id"));
    let script = format!(
        "#!/bin/sh\necho $$ >{0}.new\nmv {0}.new {0}\nexec sleep 50\n",
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
    let mut scan = Command::new(env!("CARGO_BIN_EXE_secure-scan"))
        .args(["container", "pod/web", "--system-roots", "--kubeconfig"])
        .arg(path("config"))
        .env("KUBERC", "off")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until("the plugin runs", || {
        assert!(scan.try_wait().unwrap().is_none(), "the scan ended");
        id.exists()
    });
    let running = fs::read_to_string(&id).unwrap();
    let running = Path::new("/proc").join(running.trim());
    assert!(running.exists());
    let process = Pid::from_raw(i32::try_from(scan.id()).unwrap());
    kill(process, signal).unwrap();
    until("the scan ends", || scan.try_wait().unwrap().is_some());
    until("the plugin ends", || !running.exists());
    let done = scan.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    let words = format!("interrupted by {signal} before anything was created");
    assert!(said.contains(&words), "{said}");
    assert_eq!(done.status.code(), Some(3), "{said}");
}

#[test]
fn a_signal_ends_a_plugin_that_hangs() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        ends(signal);
    }
}
