//! Completion as a shell and kubectl ask for it, and manual pages.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output},
    time::{Duration, Instant},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_secure-scan");
const FOR_KUBECTL: &str = env!("CARGO_BIN_EXE_kubectl_complete-secure_scan");

fn lines(output: &Output) -> Vec<String> {
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// A command that knows no cluster.
fn alone(program: &str) -> Command {
    let mut command = Command::new(program);
    command
        .env("KUBECONFIG", "/does/not/exist")
        .env_remove("KUBERNETES_SERVICE_HOST");
    command
}

/// What may stand in the place of the last word.
fn completed(words: &[&str]) -> Vec<String> {
    let index = words.len().to_string();
    let mut command = alone(PROGRAM);
    command.args(["__complete", "bash", &index, "--", "secure-scan"]);
    lines(&command.args(words).output().unwrap())
}

fn has(words: &[&str], wanted: &[&str]) {
    let found = completed(words);
    for wanted in wanted {
        assert!(
            found.iter().any(|one| one == wanted),
            "{words:?}: {found:?}"
        );
    }
}

#[test]
fn commands_options_and_values_are_completed() {
    has(&["con"], &["container", "controls"]);
    has(&["container", "--fail"], &["--fail-on"]);
    has(&["container", "web-0", "--fail-on", "h"], &["high"]);
    has(
        &["container", "web-0", "--level", ""],
        &["baseline", "hardened", "strict"],
    );
    has(
        &["container", "web-0", "-p", "cont"],
        &["container-baseline"],
    );
    has(&["container", "web-0", "-o", "s"], &["sarif"]);
    has(&["report", "conv"], &["convert"]);
    has(&["completions", ""], &["bash", "zsh", "fish"]);
    let shells = completed(&["completions", ""]);
    assert!(!shells.iter().any(|one| one.starts_with('-')), "{shells:?}");
    assert!(!completed(&[""]).iter().any(|one| one.starts_with("__")));
    assert!(completed(&["no-such-command", "x"]).is_empty());
}

#[test]
fn every_shell_has_its_form_and_kubectl_its_directive() {
    let ask = |shell: &str| {
        let mut command = alone(PROGRAM);
        let words = ["__complete", shell, "1", "--", "secure-scan", "contro"];
        lines(&command.args(words).output().unwrap())
    };
    assert_eq!(ask("bash"), ["controls"]);
    let zsh = ask("zsh");
    assert!(zsh[0].starts_with("controls:List the controls"), "{zsh:?}");
    let fish = ask("fish");
    assert!(
        fish[0].starts_with("controls\tList the controls"),
        "{fish:?}"
    );
    let kubectl = lines(&alone(FOR_KUBECTL).arg("contro").output().unwrap());
    assert!(
        kubectl[0].starts_with("controls\tList the controls"),
        "{kubectl:?}"
    );
    assert_eq!(kubectl[1..], [":4"]);
    assert_eq!(lines(&alone(FOR_KUBECTL).output().unwrap()), [":4"]);
    let empty = lines(&alone(FOR_KUBECTL).args(["container", ""]).output().unwrap());
    assert_eq!(empty.last().map(String::as_str), Some(":4"));
}

#[test]
fn a_cluster_that_does_not_answer_holds_nobody_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    let address = silent.local_addr().unwrap();
    let config = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: x\nclusters: [{{name: c, cluster: {{server: 'https://{address}'}}}}]\n\
         contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, user: {{token: t}}}}]\n"
    );
    fs::write(&file, config).unwrap();
    let started = Instant::now();
    // Whoever is not asked holds nobody up either.
    let asked = std::thread::spawn(move || {
        let mut calls = Vec::new();
        while calls.len() < 2 {
            calls.push(silent.accept().unwrap());
        }
        calls
    });
    for words in [
        ["container", "--system-roots", "we"],
        ["container", "--system-roots", "-nsho"],
    ] {
        let mut command = Command::new(FOR_KUBECTL);
        let found = command
            .args(words)
            .env("KUBECONFIG", &file)
            .output()
            .unwrap();
        assert_eq!(lines(&found).last().map(String::as_str), Some(":4"));
    }
    assert!(started.elapsed() < Duration::from_secs(25));
    let until = Instant::now() + Duration::from_secs(10);
    while !asked.is_finished() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(asked.is_finished(), "it was asked each time");
}

/// A credential plugin that waits for somebody, as for a browser, and names what it started.
#[test]
fn a_credential_plugin_does_not_outlive_the_completion() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (plugin, ids) = (path("plugin"), path("ids"));
    let script = format!(
        "#!/bin/sh\nsleep 50 &\necho $$ $! >{0}.new\nmv {0}.new {0}\nwait\n",
        ids.display()
    );
    fs::write(&plugin, script).unwrap();
    fs::set_permissions(&plugin, fs::Permissions::from_mode(0o755)).unwrap();
    let config = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: x\nclusters: [{{name: c, cluster: {{server: 'https://127.0.0.1:1'}}}}]\n\
         contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, user: {{exec: {{apiVersion: \
         client.authentication.k8s.io/v1, command: {}, interactiveMode: IfAvailable}}}}}}]\n",
        plugin.display()
    );
    fs::write(path("config"), config).unwrap();
    // On a busy machine the completion may give up before the plugin has begun.
    for _ in 0..10 {
        let found = Command::new(FOR_KUBECTL)
            .args(["container", "--system-roots", "we"])
            .env("KUBECONFIG", path("config"))
            .env("KUBERC", "off")
            .output()
            .unwrap();
        assert_eq!(lines(&found).last().map(String::as_str), Some(":4"));
        if ids.exists() {
            break;
        }
    }
    let ids = fs::read_to_string(ids).unwrap();
    assert_eq!(ids.split_whitespace().count(), 2);
    for id in ids.split_whitespace() {
        let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        assert!(line.is_empty(), "process {id} goes on");
    }
}

#[test]
fn bash_takes_the_script() {
    let script = alone(PROGRAM)
        .args(["completions", "bash"])
        .output()
        .unwrap();
    let folder = Path::new(PROGRAM).parent().unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let asked = r#"
        COMP_WORDS=(secure-scan profile sh); COMP_CWORD=2
        _secure_scan secure-scan sh profile
        printf '%s\n' "${COMPREPLY[@]}"
        complete -p secure-scan
        COMP_WORDS=(secure-scan container web-0 --fail-on = h); COMP_CWORD=5
        _secure_scan secure-scan h =
        printf '%s\n' "${COMPREPLY[@]}"
        COMP_WORDS=(secure-scan container web-0 --fail-on =); COMP_CWORD=4
        _secure_scan secure-scan '' --fail-on
        printf '%s\n' "${COMPREPLY[@]}"
        COMP_WORDS=(secure-scan container --namespace = shop web-0 --lev); COMP_CWORD=6
        _secure_scan secure-scan --lev web-0
        printf '%s\n' "${COMPREPLY[@]}""#;
    let text = [String::from_utf8(script.stdout).unwrap().as_str(), asked].concat();
    let mut bash = alone("bash");
    let bash = bash
        .args(["--norc", "-c", &text])
        .env("PATH", path)
        .output()
        .unwrap();
    let found = lines(&bash);
    assert_eq!(found[0], "show", "{bash:?}");
    assert!(found[1].contains("-F _secure_scan"), "{bash:?}");
    // bash cuts words at `=`, and replaces what is behind it.
    let severities = ["critical", "high", "medium", "low", "info"];
    assert_eq!(found[2], "high", "{bash:?}");
    assert_eq!(found[3..8], severities, "{bash:?}");
    assert_eq!(found[8..], ["--level"], "{bash:?}");
}

#[test]
fn manual_pages_are_written_for_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let written = alone(PROGRAM)
        .arg("man")
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(written.status.success(), "{written:?}");
    for name in [
        "secure-scan",
        "secure-scan-container",
        "secure-scan-report-convert",
    ] {
        let page = fs::read_to_string(folder.path().join(format!("{name}.1"))).unwrap();
        assert!(page.contains(".SH NAME"), "{page}");
    }
    assert!(!folder.path().join("secure-scan-__complete.1").exists());
    let refused = alone(PROGRAM)
        .args(["man", "/does/not/exist"])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
}
