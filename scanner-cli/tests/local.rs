//! The program without a cluster: local scans, profiles, wrong usage.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    process::{Command, Output},
};

fn run(args: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_secure-scan");
    let ran = Command::new(program).args(args).output();
    ran.unwrap_or_else(|error| unreachable!("{program}: {error}"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_directory_is_scanned_and_what_it_cannot_have_does_not_apply() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    fs::create_dir_all(root.join("etc")).unwrap();
    fs::write(
        root.join("etc/passwd"),
        "root:x:0:0::/:/bin/sh\ntoor:x:0:0::/:/bin/sh\n",
    )
    .unwrap();
    fs::write(root.join("helper"), "x").unwrap();
    fs::set_permissions(root.join("helper"), fs::Permissions::from_mode(0o4755)).unwrap();
    symlink("/etc/shadow", root.join("etc/shadow")).unwrap();
    let ran = run(&["local", "--root", root.to_str().unwrap(), "-o", "json"]);
    // Its password hashes cannot be read, so that the findings are not all.
    assert_eq!(ran.status.code(), Some(3), "{}", text(&ran.stderr));
    let report: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(report["verdict"], "incomplete");
    assert_eq!(report["schema"], "secure-scan.io/local-report/v2");
    let results = report["findings"][0]["results"].as_array().unwrap();
    let status = |id: &str| {
        let found = results.iter().find(|r| r["id"] == id);
        found.and_then(|r| r["status"].as_str().map(str::to_owned))
    };
    assert_eq!(status("uid-zero-accounts").as_deref(), Some("fail"));
    assert_eq!(status("setuid-files").as_deref(), Some("fail"));
    assert_eq!(status("pod-privileged").as_deref(), Some("not_applicable"));
    assert_eq!(status("process-root").as_deref(), Some("not_applicable"));
    // The link leads to this root's own etc/shadow, which is itself: not to the machine's.
    assert_ne!(status("password-hashes").as_deref(), Some("fail"));
    assert!(
        !results
            .iter()
            .any(|r| r["status"] == "error" && r["id"] == "setuid-files")
    );
}

#[test]
fn a_process_is_scanned() {
    let pid = std::process::id().to_string();
    let file = tempfile::NamedTempFile::new().unwrap();
    let profile = "name: p\nversion: \"1\"\ntitle: P\nchecks:\n  - {id: env, title: T, severity: low, \
                   rationale: R, fix: F, pass: 'env.exists(e, e.name == \"PATH\")'}\n";
    fs::write(file.path(), profile).unwrap();
    let path = file.path().to_str().unwrap();
    let ran = run(&["local", "--pid", &pid, "-v", "-p", path]);
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
    let out = text(&ran.stdout);
    assert!(out.contains(&format!("Scan of process {pid}")), "{out}");
    assert!(!out.contains('\u{1b}'), "no colour off a terminal");
    assert!(out.contains("PASS   env"), "{out}");
}

#[test]
fn wrong_usage_is_reported_with_a_hint_or_what_is_expected() {
    for (args, code, words) in [
        (&["local"][..], 2, &["--root"][..]),
        (
            &["local", "--root", "/no/such/dir"],
            2,
            &["/no/such/dir", "hint: "],
        ),
        (&["local", "--pid", "x"], 2, &["invalid value 'x'"]),
        (
            &["local", "--root", "/", "-o", "pdf"],
            2,
            &["expected one of terminal, json, sarif"],
        ),
        (
            &["local", "--root", "/", "-o", "in-toto"],
            2,
            &["digest of an image", "hint: "],
        ),
        (
            &["local", "--root", "/", "-o", "html=/no/such/dir/x"],
            2,
            &["cannot write", "/no/such/dir/x", "hint: "],
        ),
        (
            &["local", "--root", "/", "-p", "none"],
            2,
            &["container-baseline", "hint: "],
        ),
        (&["profile", "show", "none"], 2, &["container-baseline"]),
        (&["container"], 2, &["<POD"]),
    ] {
        let ran = run(args);
        let err = text(&ran.stderr);
        assert_eq!(ran.status.code(), Some(code), "{args:?}: {err}");
        for word in words {
            assert!(err.contains(word), "{args:?}: {err}");
        }
        assert!(ran.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn a_shipped_profile_can_be_shown_and_checked() {
    let shown = run(&["profile", "show", "container-baseline"]);
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), &shown.stdout).unwrap();
    let checked = run(&["profile", "check", file.path().to_str().unwrap()]);
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stderr));
    let profile = secure_scan::Profile::shipped("container-baseline").unwrap();
    let count = profile.ids().count();
    assert!(text(&checked.stdout).contains(&format!("{count} checks")));
    let listed = run(&["profile", "list"]);
    assert!(text(&listed.stdout).contains("container-baseline"));
}

#[test]
fn what_never_answers_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    // Opening it waits for a writer.
    let fifo = dir.path().join("image.tar");
    let made = Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    let started = std::time::Instant::now();
    let file = fifo.to_str().unwrap();
    let ran = run(&["local", "--oci-archive", file, "--timeout", "1"]);
    let err = text(&ran.stderr);
    assert_eq!(ran.status.code(), Some(3), "{err}");
    assert!(err.contains("given up") && err.contains("hint:"), "{err}");
    assert!(started.elapsed().as_secs() < 30 && ran.stdout.is_empty());
}
