//! `secure-scan report`, and how reports are written to files.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    process::{Command, Output},
};

fn run(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_secure-scan"))
        .args(args)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A root filesystem with one fault, and a saved report of it.
fn scanned(folder: &Path) {
    let etc = folder.join("root/etc");
    fs::create_dir_all(&etc).unwrap();
    fs::write(etc.join("passwd"), "root:x:0:0::/root:/bin/sh\n").unwrap();
    fs::write(etc.join("group"), "root:x:0:\n").unwrap();
    let good = run(folder, &["local", "--root", "root", "-o", "json=good.json"]);
    assert_eq!(good.status.code(), Some(0), "{}", text(&good.stderr));
    fs::write(etc.join("passwd"), "root::0:0::/root:/bin/sh\n").unwrap();
    let bad = run(folder, &["local", "--root", "root", "-o", "json=bad.json"]);
    assert_eq!(bad.status.code(), Some(1), "{}", text(&bad.stderr));
}

#[test]
fn a_saved_report_is_converted_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    scanned(folder.path());
    let same = run(
        folder.path(),
        &["report", "convert", "bad.json", "-o", "json"],
    );
    assert_eq!(
        text(&same.stdout),
        fs::read_to_string(folder.path().join("bad.json")).unwrap()
    );
    for format in [
        "sarif",
        "junit",
        "ohdf",
        "html",
        "markdown",
        "openreports",
        "policyreport",
    ] {
        let output = format!("{format}=out");
        let ran = run(
            folder.path(),
            &["report", "convert", "bad.json", "-o", &output],
        );
        assert_eq!(
            ran.status.code(),
            Some(0),
            "{format}: {}",
            text(&ran.stderr)
        );
        let out = fs::read_to_string(folder.path().join("out")).unwrap();
        assert!(out.contains("passwd-hashes"), "{format}");
    }
    let ran = run(
        folder.path(),
        &["report", "convert", "bad.json", "-o", "in-toto"],
    );
    assert_eq!(ran.status.code(), Some(2));
    assert_eq!(text(&ran.stdout), "", "never an empty document");
    assert!(text(&ran.stderr).contains("hint: "));
}

#[test]
fn a_comparison_has_an_exit_code_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    scanned(folder.path());
    for (old, new, code, word) in [
        ("good.json", "good.json", 0, "no new findings"),
        ("good.json", "bad.json", 1, "passwd-hashes"),
        ("bad.json", "good.json", 0, "Fixed"),
    ] {
        let ran = run(folder.path(), &["report", "diff", old, new]);
        assert_eq!(ran.status.code(), Some(code), "{old} {new}");
        assert!(text(&ran.stdout).contains(word), "{}", text(&ran.stdout));
    }
    let ran = run(
        folder.path(),
        &["report", "diff", "good.json", "bad.json", "-o", "html"],
    );
    assert_eq!(ran.status.code(), Some(2));
    assert!(
        text(&ran.stderr).contains("cannot be written as html"),
        "{}",
        text(&ran.stderr)
    );
}

#[test]
fn what_is_no_report_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("x.json"), "{\"schema\": \"other\"}").unwrap();
    for (file, word) in [
        ("x.json", "unknown schema"),
        ("none.json", "cannot read"),
        (".", "cannot read"),
    ] {
        let ran = run(folder.path(), &["report", "convert", file]);
        assert_eq!(ran.status.code(), Some(2), "{file}");
        let err = text(&ran.stderr);
        assert!(err.contains(word) && err.contains("hint: "), "{err}");
    }
}

#[test]
fn files_are_whole_or_not_there_and_for_their_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    scanned(folder.path());
    let at = |name: &str| folder.path().join(name);
    let mode = |name: &str| fs::metadata(at(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("bad.json"), 0o600);
    // A report that is read while another takes its place stays whole.
    fs::write(at("old.html"), "old").unwrap();
    let held = fs::File::open(at("old.html")).unwrap();
    run(
        folder.path(),
        &["report", "convert", "bad.json", "-o", "html=old.html"],
    );
    assert_eq!(held.metadata().unwrap().len(), 3);
    assert!(fs::metadata(at("old.html")).unwrap().len() > 3);
    // A link may lead anywhere: it is neither followed nor replaced.
    fs::write(at("behind.md"), "").unwrap();
    for (link, to) in [("link.md", "behind.md"), ("dangling.md", "made.md")] {
        symlink(at(to), at(link)).unwrap();
        let form = format!("markdown={link}");
        let ran = run(
            folder.path(),
            &["report", "convert", "bad.json", "-o", &form],
        );
        assert_eq!(ran.status.code(), Some(2), "{}", text(&ran.stderr));
        assert!(text(&ran.stderr).contains("link"), "{}", text(&ran.stderr));
        assert!(fs::symlink_metadata(at(link)).unwrap().is_symlink());
    }
    assert_eq!(fs::metadata(at("behind.md")).unwrap().len(), 0);
    assert!(!at("made.md").exists());
    // An existing file keeps its mode, whatever it is.
    for kept in [0o644, 0o640, 0o600, 0o666] {
        fs::write(at("kept.md"), "old").unwrap();
        fs::set_permissions(at("kept.md"), fs::Permissions::from_mode(kept)).unwrap();
        run(
            folder.path(),
            &["report", "convert", "bad.json", "-o", "markdown=kept.md"],
        );
        assert!(fs::metadata(at("kept.md")).unwrap().len() > 3);
        assert_eq!(mode("kept.md"), kept);
    }
    // This process's own descriptors are links, and are written to.
    for name in ["/dev/stdout", "/dev/stderr", "/dev/fd/1", "/dev/fd/2"] {
        let form = format!("markdown={name}");
        let ran = run(
            folder.path(),
            &["report", "convert", "bad.json", "-o", &form],
        );
        assert_eq!(ran.status.code(), Some(0), "{name}: {}", text(&ran.stderr));
        let written = [ran.stdout, ran.stderr].concat();
        assert!(text(&written).contains("secure-scan"), "{name}");
    }
    let null = run(
        folder.path(),
        &["report", "convert", "bad.json", "-o", "json=/dev/null"],
    );
    assert_eq!(null.status.code(), Some(0), "{}", text(&null.stderr));
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
    // Two forms never meet in one file.
    let twice = [
        "report", "convert", "bad.json", "-o", "json=x", "-o", "html=x",
    ];
    let ran = run(folder.path(), &twice);
    assert_eq!(ran.status.code(), Some(2));
    assert!(!at("x").exists());
    let hidden = fs::read_dir(folder.path()).unwrap();
    let hidden = hidden.filter(|f| {
        f.as_ref()
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with('.')
    });
    assert_eq!(hidden.count(), 0, "no partial file is left");
}
