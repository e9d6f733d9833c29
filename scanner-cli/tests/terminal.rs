//! What reaches the terminal: the verdict wherever the reports go, the help of the plugin, and refusals before any work.

use std::{
    fs,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, Output},
};

const PROFILE: &str = "name: p\nversion: \"1\"\ntitle: P\nchecks:\n\
    - {id: good, title: G, severity: low, rationale: R, fix: F, pass: 'users.size() == 1'}\n\
    - {id: bad, title: B, severity: high, rationale: R, fix: F, pass: 'users.size() > 1'}\n";

fn root() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder for the test");
    fs::create_dir_all(dir.path().join("root/etc")).expect("a folder for the test");
    fs::write(
        dir.path().join("root/etc/passwd"),
        "root:x:0:0::/:/bin/sh\n",
    )
    .expect("a folder for the test");
    fs::write(dir.path().join("p.yaml"), PROFILE).expect("a folder for the test");
    dir
}

fn run(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_secure-scan"));
    read(
        command
            .args(args)
            .current_dir(folder)
            .env("KUBECONFIG", "/nowhere"),
    )
}

fn read(command: &mut Command) -> (i32, String, String) {
    let ran: Output = command.output().expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = ran.status.code().unwrap_or(-1);
    (code, text(&ran.stdout), text(&ran.stderr))
}

#[test]
fn the_verdict_and_the_counts_reach_the_terminal_wherever_the_reports_go() {
    let dir = root();
    let scan = ["local", "--root", "root", "-p", "p.yaml"];
    for outputs in [
        &["-o", "json=r.json"][..],
        &["-o", "json=r.json", "-o", "sarif=r.sarif"],
        &["-o", "terminal=r.txt"],
        &["-o", "json"],
        &["-o", "json=r.json", "-q"],
    ] {
        let (code, _, err) = run(dir.path(), &[&scan[..], outputs].concat());
        assert_eq!(code, 1, "{outputs:?}: {err}");
        assert!(
            err.contains("1 failed, 0 not checked, 1 passed"),
            "{outputs:?}: {err}"
        );
        assert!(err.contains("directory root: "), "{outputs:?}: {err}");
    }
    let (code, out, err) = run(dir.path(), &scan);
    assert_eq!(code, 1, "{err}");
    assert!(out.contains("1 failed, 0 not checked, 1 passed"), "{out}");
    assert!(!err.contains("failed"), "said twice: {err}");
}

#[test]
fn a_form_that_cannot_be_written_is_refused_before_the_image_is_opened() {
    let dir = root();
    for (form, what) in [("cyclonedx", "packages"), ("in-toto", "digest")] {
        let subject: &[&str] = match form {
            "in-toto" => &["--root", "no-such-root"],
            _ => &["--oci-archive", "no-such.tar"],
        };
        let args = [&["local", "-p", "p.yaml", "-o", form][..], subject].concat();
        let (code, _, err) = run(dir.path(), &args);
        assert_eq!(code, 2, "{err}");
        assert!(err.contains(what) && !err.contains("no-such"), "{err}");
    }
}

#[test]
fn kubectl_names_the_plugin_as_it_is_called() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-secure_scan"));
    let (code, out, _) = read(command.arg("--help"));
    assert_eq!(code, 0);
    assert!(
        out.contains("Usage: kubectl secure-scan [OPTIONS] <COMMAND>"),
        "{out}"
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_secure-scan"));
    let (_, out, _) = read(
        command
            .arg0("/opt/bin/kubectl-secure_scan")
            .args(["rights", "--help"]),
    );
    assert!(out.contains("Usage: kubectl secure-scan rights"), "{out}");
}

#[test]
fn a_role_is_printed_without_a_cluster_and_is_yaml() {
    let dir = root();
    for strategy in [
        "scan",
        "container",
        "distroless",
        "sidecar",
        "image",
        "attached",
        "drift",
    ] {
        let args = ["rights", "--strategy", strategy, "-n", "shop"];
        let (code, out, err) = run(dir.path(), &args);
        assert_eq!((code, err.as_str()), (0, ""), "{strategy}");
        assert!(
            out.contains("kind: Role\n") && out.contains("  namespace: shop\n"),
            "{out}"
        );
        assert!(
            out.contains("resources: [pods/exec]\n  verbs: [create, get]\n"),
            "{out}"
        );
        let probe = out.contains("pods/ephemeralcontainers");
        assert_eq!(
            probe,
            ["scan", "distroless", "drift"].contains(&strategy),
            "{strategy}"
        );
        let pods = out.contains("networkpolicies");
        assert_eq!(
            pods,
            ["scan", "sidecar", "image", "drift"].contains(&strategy),
            "{strategy}"
        );
        assert!(!out.contains('*'), "{out}");
    }
    let apart = ["rights", "-n", "shop", "--identity-namespace", "scans"];
    let (_, out, _) = run(dir.path(), &apart);
    assert_eq!(out.matches("kind: Role\n").count(), 2, "{out}");
    assert!(out.contains("namespace: scans\n"), "{out}");
    let (code, ..) = run(
        dir.path(),
        &["rights", "-n", "a", "--identity-namespace", "a"],
    );
    assert_eq!(code, 2);
}

#[test]
fn a_wrong_name_of_a_check_is_answered_with_the_one_that_was_meant() {
    let dir = root();
    let args = [
        "profile",
        "explain",
        "container-baseline",
        "uid-zero-acounts",
    ];
    let (code, _, err) = run(dir.path(), &args);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("did you mean uid-zero-accounts?"), "{err}");
}

#[test]
fn a_mode_in_a_test_of_a_profile_is_octal() {
    let dir = root();
    let profile = "name: p\nversion: \"1\"\ntitle: P\nchecks:\n\
        - {id: open, title: T, severity: low, rationale: R, fix: F, files: [{paths: [/x]}],\n   \
           violations: 'files.filter(f, mode_has(f.mode, \"0002\")).map(f, f.path)'}\n";
    fs::write(dir.path().join("p.yaml"), profile).unwrap();
    for (mode, expected) in [
        ("0666", "fail"),
        ("\"0666\"", "fail"),
        ("0664", "pass"),
        ("438", "fail"),
        ("436", "pass"),
    ] {
        let file = format!(
            "profile: p.yaml\ncases:\n- name: one\n  sections: {{files: [{{path: /x, exists: true, kind: file, mode: {mode}, uid: 0, gid: 0, size: 1}}]}}\n  expect: {{open: {expected}}}\n"
        );
        fs::write(dir.path().join("t.yaml"), file).unwrap();
        let (code, out, err) = run(dir.path(), &["profile", "test", "t.yaml"]);
        assert_eq!(code, 0, "{mode}: {out}{err}");
    }
    let bad = "profile: p.yaml\ncases:\n- name: one\n  sections: {files: [{path: /x, exists: true, kind: file, mode: 0888, uid: 0, gid: 0, size: 1}]}\n";
    fs::write(dir.path().join("t.yaml"), bad).unwrap();
    let (code, _, err) = run(dir.path(), &["profile", "test", "t.yaml"]);
    assert!(code == 2 && err.contains("octal"), "{err}");
}
