//! Profiles as a user writes them: overlays, inputs, tags, and tests against recordings.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;

const BASE: &str = r#"
name: base
version: "1"
title: Base
inputs:
  max_users: {type: integer, description: D, default: 1}
  today: {type: date, description: D, default: today}
checks:
  - {id: users, title: T, severity: low, tags: [accounts], rationale: R, fix: F,
     pass: users.size() <= inputs.max_users}
  - {id: root, title: T, severity: low, tags: [accounts], rationale: R, fix: F,
     violations: 'users.filter(u, u.uid == 0).map(u, u.name)'}
  - {id: motd, title: T, severity: low, tags: [files], rationale: R, fix: F,
     files: [{paths: [/etc/motd]}], violations: 'files.filter(f, f.exists).map(f, f.path)'}
  - {id: shell, title: T, severity: low, tags: [tools], rationale: R, fix: F,
     commands: [sh], violations: 'commands.map(c, c.path)'}
  - {id: day, title: T, severity: low, tags: [other], rationale: R, fix: F,
     pass: inputs.today < "2100-01-01" && os.id == ""}
"#;

const OURS: &str = r#"
name: ours
version: "1"
title: Ours
extends: [base.yaml]
set: {max_users: 2}
override:
  - {id: motd, disable: we like it}
  - {id: root, severity: critical}
checks:
  - {id: own, title: T, severity: info, rationale: R, fix: F,
     pass: 'users.exists(u, u.name == "app")'}
"#;

/// A folder with a root filesystem and these files beside it.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let etc = folder.path().join("root/etc");
    fs::create_dir_all(&etc).unwrap();
    fs::write(
        etc.join("passwd"),
        "root:x:0:0::/:/bin/sh\napp:x:1:1::/:/bin/false\n",
    )
    .unwrap();
    fs::write(etc.join("os-release"), "NAME=x\n").unwrap();
    fs::write(etc.join("motd"), "hello\n").unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn run(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_secure-scan"));
    let ran = command.args(args).current_dir(folder).output();
    ran.unwrap_or_else(|error| unreachable!("{error}"))
}

/// Exit code and standard error of a run that must not scan.
fn refused(folder: &Path, args: &[&str]) -> String {
    let ran = run(folder, args);
    let err = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(2), "{args:?}: {err}");
    err
}

fn scan(folder: &Path, args: &[&str]) -> BTreeMap<String, Value> {
    let all = [&["local", "--root", "root", "-o", "json"], args].concat();
    let ran = run(folder, &all);
    let report: Value = serde_json::from_slice(&ran.stdout)
        .unwrap_or_else(|_| unreachable!("{}", String::from_utf8_lossy(&ran.stderr)));
    let results = report["findings"][0]["results"].as_array().unwrap().clone();
    let of = |r: Value| (r["id"].as_str().unwrap().to_owned(), r);
    results.into_iter().map(of).collect()
}

#[test]
fn an_overlay_changes_what_it_names_and_nothing_else() {
    let folder = folder(&[("base.yaml", BASE), ("ours.yaml", OURS)]);
    let base = scan(folder.path(), &["-p", "base.yaml"]);
    let ours = scan(folder.path(), &["-p", "ours.yaml"]);
    assert_eq!(base["users"]["status"], "fail");
    assert_eq!(ours["users"]["status"], "pass", "the input was set");
    assert_eq!(base["motd"]["status"], "fail");
    assert_eq!(ours["motd"]["status"], "not_applicable");
    assert!(
        ours["motd"]["message"]
            .as_str()
            .unwrap()
            .contains("we like it")
    );
    assert_eq!(
        (&base["root"]["severity"], &ours["root"]["severity"]),
        (&"low".into(), &"critical".into())
    );
    assert_eq!(base["root"]["status"], ours["root"]["status"]);
    assert_eq!(ours["own"]["status"], "pass");
    assert_eq!((base.len(), ours.len()), (5, 6));
    // What is given on the command line is believed before the file.
    let given = scan(
        folder.path(),
        &["-p", "ours.yaml", "--input", "max_users=1"],
    );
    assert_eq!(given["users"]["status"], "fail");
}

#[test]
fn an_overlay_that_cannot_be_is_reported_with_file_and_line() {
    let with = |parent: &str| {
        format!(
            "\n{}",
            BASE.trim()
                .replacen("title: Base", &format!("title: B\nextends: [{parent}]"), 1)
        )
    };
    for (ours, base, words) in [
        (
            OURS.to_owned(),
            with("ours.yaml"),
            &["base.yaml:5", "extends itself"][..],
        ),
        (
            with("ours.yaml"),
            BASE.to_owned(),
            &["ours.yaml:5", "extends itself"],
        ),
        (
            OURS.replace("base.yaml", "no.yaml"),
            BASE.to_owned(),
            &["ours.yaml:5", "no.yaml"],
        ),
        (
            OURS.replace("id: motd,", "id: nope,"),
            BASE.to_owned(),
            &["ours.yaml:8", "nope"],
        ),
        (
            OURS.replace("max_users: 2", "max_user: 2"),
            BASE.to_owned(),
            &["ours.yaml:6", "max_user"],
        ),
        (
            OURS.replace("max_users: 2", "max_users: many"),
            BASE.to_owned(),
            &["ours.yaml:6", "whole number"],
        ),
        (
            OURS.replace("id: own", "id: root"),
            BASE.to_owned(),
            &["ours.yaml:11", "root"],
        ),
    ] {
        let folder = folder(&[("base.yaml", &base), ("ours.yaml", &ours)]);
        let err = refused(folder.path(), &["profile", "check", "ours.yaml"]);
        for word in words {
            assert!(err.contains(word), "{word}: {err}");
        }
    }
}

#[test]
fn a_profile_is_known_again_however_its_path_is_written() {
    let with = |parents: &str| OURS.replace("base.yaml", parents);
    for name in ["./ours.yaml", "root/../ours.yaml", "././ours.yaml"] {
        let folder = folder(&[("ours.yaml", &with(name))]);
        let absolute = folder.path().join("ours.yaml");
        for given in ["ours.yaml", "./ours.yaml", absolute.to_str().unwrap()] {
            let err = refused(folder.path(), &["profile", "check", given]);
            assert!(err.contains("ours.yaml:5"), "{name} {given}: {err}");
            assert!(err.contains("extends itself"), "{name} {given}: {err}");
        }
    }
    let twice = with("base.yaml, ./base.yaml, root/../base.yaml");
    let folder = folder(&[("base.yaml", BASE), ("ours.yaml", &twice)]);
    let ran = run(folder.path(), &["profile", "check", "ours.yaml"]);
    let err = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(0), "{err}");
}

#[test]
fn tags_select_checks_and_a_tag_of_none_is_no_empty_pass() {
    let folder = folder(&[("base.yaml", BASE)]);
    let ids = |args: &[&str]| -> Vec<String> {
        let all = [&["-p", "base.yaml"], args].concat();
        scan(folder.path(), &all).into_keys().collect()
    };
    assert_eq!(ids(&["--tag", "accounts"]), ["root", "users"]);
    assert_eq!(
        ids(&["--tag", "accounts", "--tag", "files"]),
        ["motd", "root", "users"]
    );
    assert_eq!(
        ids(&["--skip-tag", "accounts", "--skip-tag", "other"]),
        ["motd", "shell"]
    );
    for tag in [
        &["--tag", "acounts"][..],
        &["--tag", "files", "--skip-tag", "files"],
    ] {
        let all = [&["local", "--root", "root", "-p", "base.yaml"], tag].concat();
        let err = refused(folder.path(), &all);
        assert!(err.contains("tag"), "{err}");
    }
}

#[test]
fn an_input_that_is_not_there_or_of_another_type_is_reported() {
    let folder = folder(&[("base.yaml", BASE)]);
    for (given, word) in [
        ("max=1", "max_users"),
        ("max_users=many", "whole number"),
        ("max_users", "NAME=VALUE"),
        ("today=tomorrow", "expected a day"),
    ] {
        let args = [
            "local",
            "--root",
            "root",
            "-p",
            "base.yaml",
            "--input",
            given,
        ];
        let err = refused(folder.path(), &args);
        assert!(err.contains(word) && !err.contains(":0:"), "{given}: {err}");
    }
    let late = scan(
        folder.path(),
        &["-p", "base.yaml", "--input", "today=2100-01-01"],
    );
    assert_eq!(late["day"]["status"], "fail");
}

#[test]
fn a_recording_is_evaluated_as_the_target_was_and_only_by_what_was_recorded() {
    let folder = folder(&[("base.yaml", BASE)]);
    let seen = scan(
        folder.path(),
        &["-p", "base.yaml", "--save-inventory", "web.json"],
    );
    let mode = fs::metadata(folder.path().join("web.json"))
        .unwrap()
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    let test = |text: &str| {
        fs::write(folder.path().join("test.yaml"), text).unwrap();
        let ran = run(folder.path(), &["profile", "test", "test.yaml"]);
        (
            ran.status.code(),
            String::from_utf8_lossy(&ran.stdout).into_owned(),
        )
    };
    let expect: Vec<String> = seen
        .iter()
        .map(|(id, r)| format!("{id}: {}", r["status"].as_str().unwrap()))
        .collect();
    let head = "profile: base.yaml\ntoday: \"2026-01-01\"\nrecording: web.json\ncases:\n  - name: recorded\n    ";
    let same = test(&format!("{head}expect: {{{}}}\n", expect.join(", ")));
    assert_eq!(same.0, Some(0), "{}", same.1);
    let other = test(&format!("{head}expect: {{root: pass}}\n"));
    assert_eq!(other.0, Some(1), "{}", other.1);
    assert!(other.1.contains("DIFFERS  recorded") && other.1.contains("root: expected pass"));

    // Of what was not asked for, the recording says nothing; also where other sections are written.
    let wider = BASE
        .replace("/etc/motd", "/etc/issue")
        .replace("[sh]", "[bash]");
    fs::write(folder.path().join("base.yaml"), wider).unwrap();
    let unseen = test(&format!(
        "{head}expect: {{motd: error, shell: error, root: fail}}\n"
    ));
    assert_eq!(unseen.0, Some(0), "{}", unseen.1);
    let files = "sections: {files: [{path: /etc/issue, exists: true, kind: file}]}\n    ";
    let mixed = test(&format!(
        "{head}{files}expect: {{motd: fail, shell: error}}\n"
    ));
    assert_eq!(mixed.0, Some(0), "{}", mixed.1);
    let commands = "sections: {commands: []}\n    ";
    let mixed = test(&format!(
        "{head}{commands}expect: {{motd: error, shell: pass}}\n"
    ));
    assert_eq!(mixed.0, Some(0), "{}", mixed.1);
}
