//! `secure-scan.toml`, end to end with a directory: which value holds, and what says where it came from.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

const PROFILE: &str = "name: p\nversion: \"1\"\ntitle: P\nchecks:\n  \
    - {id: bad, title: B, severity: medium, rationale: R, fix: F, pass: 'users.size() > 1'}\n";

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    /// A folder with a root filesystem and a profile of one check that fails with severity medium.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("root/etc")).unwrap();
        fs::write(at("root/etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n").unwrap();
        fs::write(at("p.yaml"), PROFILE).unwrap();
        fs::create_dir_all(at("home/.config/secure-scan")).unwrap();
        Self { folder }
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// The user's own file.
    fn own(&self, text: &str) {
        self.file("home/.config/secure-scan/secure-scan.toml", text);
    }

    fn run(&self, args: &[&str], variables: &[(&str, &str)]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_secure-scan"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path().join("home"))
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("SECURE_SCAN_CONFIG")
            .env_remove("SECURE_SCAN_PROBE_IMAGE")
            .envs(variables.iter().copied());
        command.output().unwrap()
    }

    /// Exit code of a scan of the directory.
    fn scan(&self, more: &[&str], variables: &[(&str, &str)]) -> i32 {
        let args = [&["local", "--root", "root", "-p", "p.yaml"], more].concat();
        self.run(&args, variables).status.code().unwrap()
    }
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_flag_comes_before_the_file_and_the_file_before_the_default() {
    let place = Place::new();
    assert_eq!(place.scan(&[], &[]), 0, "the default is high");
    place.own("fail-on = \"medium\"\n");
    assert_eq!(place.scan(&[], &[]), 1);
    assert_eq!(place.scan(&["--fail-on", "high"], &[]), 0);
    assert_eq!(place.scan(&["--no-config"], &[]), 0);
    assert_eq!(place.scan(&[], &[("SECURE_SCAN_CONFIG", "")]), 0);
    // That of the command comes before that of all.
    place.own("fail-on = \"medium\"\n[local]\nfail-on = \"critical\"\n");
    assert_eq!(place.scan(&[], &[]), 0);
    let other = place.file("other.toml", "fail-on = \"low\"\n");
    assert_eq!(place.scan(&["--config", &other], &[]), 1);
    assert_eq!(place.scan(&[], &[("SECURE_SCAN_CONFIG", &other)]), 1);
    let before = [
        "--config", &other, "local", "--root", "root", "-p", "p.yaml",
    ];
    assert_eq!(place.run(&before, &[]).status.code(), Some(1));
    let both = place.run(&["--config", &other, "--no-config", "policy", "list"], &[]);
    assert_eq!(both.status.code(), Some(2));
}

#[test]
fn a_file_in_the_current_folder_is_read_only_where_it_is_named() {
    let place = Place::new();
    place.file("secure-scan.toml", "fail-on = \"low\"\n");
    assert_eq!(place.scan(&[], &[]), 0);
    assert_eq!(place.scan(&["--config", "secure-scan.toml"], &[]), 1);
    assert_eq!(place.scan(&["--config", "absent.toml"], &[]), 2);
    assert_eq!(place.scan(&[], &[("SECURE_SCAN_CONFIG", "absent.toml")]), 2);
    // Nor by a home that is the current folder's.
    fs::create_dir_all(place.folder.path().join(".config/secure-scan")).unwrap();
    place.file(
        ".config/secure-scan/secure-scan.toml",
        "fail-on = \"low\"\n",
    );
    assert_eq!(place.scan(&[], &[("HOME", ".")]), 0);
}

#[test]
fn what_the_file_added_is_said_and_a_wrong_file_stops_every_command() {
    let place = Place::new();
    place.own("[local]\nfail-on = \"medium\"\n");
    let args = ["local", "--root", "root", "-p", "p.yaml"];
    let said = err(&place.run(&args, &[]));
    assert!(
        said.contains("secure-scan.toml: fail-on (line 2)"),
        "{said}"
    );
    let quiet = err(&place.run(&[&args[..], &["-q"]].concat(), &[]));
    assert!(!quiet.contains("secure-scan.toml"), "{quiet}");
    place.own("\nfail-onn = \"medium\"\n");
    for args in [&args[..], &["policy", "list"], &["config", "show"]] {
        let output = place.run(args, &[]);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let said = err(&output);
        assert!(said.contains("secure-scan.toml:2:1: "), "{said}");
        assert!(said.contains("did you mean fail-on?"), "{said}");
        assert!(
            said.contains("hint: ") && said.contains("--no-config"),
            "{said}"
        );
    }
    for args in [
        &["--help"][..],
        &["man", "."],
        &["completions", "bash"],
        &["config", "path"],
    ] {
        assert_eq!(place.run(args, &[]).status.code(), Some(0), "{args:?}");
    }
    place.own("fail-on = \"medium\"\n");
    let own = place
        .folder
        .path()
        .join("home/.config/secure-scan/secure-scan.toml");
    fs::set_permissions(own, fs::Permissions::from_mode(0o666)).unwrap();
    let said = err(&place.run(&args, &[]));
    assert!(said.contains("everybody can write it"), "{said}");
}

#[test]
fn what_cannot_stand_beside_a_flag_gives_way_and_what_is_wrong_names_the_file() {
    let place = Place::new();
    place.own("namespace = \"shop\"\nprobe-image = \"registry.example/probe:1\"\n[container]\ncomplete-from-image = true\n[sidecar]\nrequire-isolation = true\ninert = true\n");
    let shown = |args: &[&str]| {
        let all = [&["config", "show", "-o", "json"], args].concat();
        let output = place.run(&all, &[]);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let from = |shown: &Value, option: &str| {
        let options = shown["options"].as_array().unwrap();
        let found = options.iter().find(|one| one["option"] == option).unwrap();
        found["source"]["kind"].as_str().unwrap().to_owned()
    };
    // -A and --namespace exclude each other, as --attached and --inert do.
    assert_eq!(from(&shown(&["reap"]), "namespace"), "file");
    assert_eq!(from(&shown(&["reap", "--", "-A"]), "namespace"), "default");
    assert_eq!(from(&shown(&["sidecar"]), "inert"), "file");
    let attached = shown(&["sidecar", "--", "--attached"]);
    assert_eq!(from(&attached, "inert"), "default");
    assert_eq!(from(&attached, "require-isolation"), "default");
    // An option of the file that needs another one has it from the file too.
    let plan = [
        "container",
        "web-0",
        "--dry-run",
        "--kubeconfig",
        "/no/such/file",
    ];
    let output = place.run(&plan, &[]);
    assert!(!err(&output).contains("--probe-image"), "{}", err(&output));
    place.own("[container]\ncomplete-from-image = true\n");
    let output = place.run(&plan, &[]);
    assert_eq!(output.status.code(), Some(2));
    let said = err(&output);
    assert!(said.contains("--probe-image"), "{said}");
    assert!(said.contains("complete-from-image (line 2)"), "{said}");
}

#[test]
fn how_an_image_is_read_is_left_out_where_none_is_read() {
    let place = Place::new();
    let file = "helper-namespace = \"helpers\"\nprobe-image = \"registry.example/probe:1\"\n";
    let read = |more: &str, args: &[&str]| {
        place.own(&format!("{file}{more}"));
        let all = [&["config", "show", "-o", "json"], args].concat();
        let output = place.run(&all, &[]);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
        let options = shown["options"].as_array().unwrap();
        let mut found = options.iter();
        let found = found.find(|one| one["option"] == "helper-namespace");
        found.unwrap()["source"]["kind"] == "file"
    };
    let completed = "[container]\ncomplete-from-image = true\n";
    let inert = "[sidecar]\ninert = true\n";
    assert!(!read("", &["container"]));
    assert!(read(completed, &["container"]));
    assert!(read("", &["container", "--", "--complete-from-image"]));
    assert!(!read(completed, &["scan"]));
    assert!(read(inert, &["sidecar"]));
    // What the file asks for gives way itself.
    assert!(!read(inert, &["sidecar", "--", "--attached"]));
    assert!(read("", &["drift"]));
}

#[test]
fn show_says_of_each_option_where_its_value_came_from() {
    let place = Place::new();
    place.own("# mine\nlease = 120\nlevel = \"strict\"\n[container]\noutput = [\"terminal\", \"json=x\"]\n");
    let args = ["config", "show", "container", "--", "--level", "baseline"];
    let image = [("SECURE_SCAN_PROBE_IMAGE", "registry.example/probe:1")];
    let output = place.run(&args, &image);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let text = out(&output);
    let row = |option: &str| {
        let mut lines = text
            .lines()
            .filter(|line| line.starts_with(&format!("{option} ")));
        let cells: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
        cells[1..].join(" ")
    };
    assert!(text.starts_with("file: /"), "{text}");
    assert_eq!(row("lease"), "120 file, line 2");
    assert_eq!(row("level"), "baseline flag");
    assert_eq!(row("output"), "terminal, json=x file, line 5");
    assert_eq!(
        row("probe-image"),
        "registry.example/probe:1 environment SECURE_SCAN_PROBE_IMAGE"
    );
    assert_eq!(row("answer-limit"), "1024 default");
    assert_eq!(row("waivers"), "- default");
    let json = place.run(&[&args[..3], &["-o", "json"]].concat(), &[]);
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["command"], "container");
    let lease = json["options"].as_array().unwrap().iter();
    let lease = lease
        .into_iter()
        .find(|one| one["option"] == "lease")
        .unwrap();
    assert_eq!(lease["values"], serde_json::json!(["120"]));
    assert_eq!(
        (&lease["source"]["line"], &lease["source"]["column"]),
        (&2.into(), &1.into())
    );
    let whole = out(&place.run(&["config", "show"], &[]));
    assert!(
        whole.contains("line 5, container") && whole.contains("line 2, all commands"),
        "{whole}"
    );
    for wrong in ["contaner", "guard"] {
        let output = place.run(&["config", "show", wrong], &[]);
        assert_eq!(output.status.code(), Some(2), "{wrong}");
    }
}

#[test]
fn path_names_the_file_that_is_read() {
    let place = Place::new();
    let path = |args: &[&str], variables: &[(&str, &str)]| {
        let output = place.run(&[args, &["config", "path"]].concat(), variables);
        assert_eq!(output.status.code(), Some(0));
        (out(&output).trim_end().to_owned(), err(&output))
    };
    let own = "home/.config/secure-scan/secure-scan.toml";
    let (file, said) = path(&[], &[]);
    assert!(
        Path::new(&file).ends_with(own) && said.contains("no such file"),
        "{file} {said}"
    );
    assert_eq!(path(&["--config", "f"], &[]).0, "f");
    assert_eq!(
        path(&[], &[("XDG_CONFIG_HOME", "/x")]).0,
        "/x/secure-scan/secure-scan.toml"
    );
    let (file, said) = path(&["--no-config"], &[]);
    assert!(file.is_empty() && said.contains("--no-config"), "{said}");
}

#[test]
fn rights_takes_from_the_file_and_the_policy_what_its_strategy_uses() {
    let place = Place::new();
    let file = "helper-namespace = \"helpers\"\ncomplete-from-image = true\nno-try-image = true\n";
    place.own(file);
    let roles = |args: &[&str]| {
        let output = place.run(&[&["rights", "-n", "shop"], args].concat(), &[]);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", err(&output));
        let text = out(&output);
        let namespaces = text.lines().filter_map(|l| l.strip_prefix("  namespace: "));
        namespaces.map(str::to_owned).collect::<Vec<_>>()
    };
    let (home, both) = (vec!["shop"], vec!["shop", "helpers"]);
    assert_eq!(roles(&["--strategy", "drift"]), both);
    assert_eq!(roles(&[]), both, "the file completes container");
    // What none of these strategies takes is no error of the file.
    assert_eq!(roles(&["--strategy", "sidecar"]), home);
    assert_eq!(roles(&["--strategy", "attached"]), home);
    place.own("helper-namespace = \"helpers\"\n");
    assert_eq!(roles(&[]), home, "nothing reads an image");

    let policy = "name: own\nversion: \"1\"\ntitle: Own\nhelper_namespace: elsewhere\nidentity_namespace: ids\n";
    let policy = place.file("policy.yaml", policy);
    place.own(&format!("policy = {policy:?}\n"));
    assert_eq!(
        roles(&["--strategy", "drift"]),
        ["shop", "ids", "elsewhere"]
    );
    assert_eq!(roles(&[]), ["shop", "ids"]);
    let flag = ["--strategy", "drift", "--helper-namespace", "helpers"];
    assert_eq!(roles(&flag), ["shop", "ids", "helpers"]);
    let typed = ["--no-config", "--policy", &policy, "--complete-from-image"];
    assert_eq!(roles(&typed), ["shop", "ids", "elsewhere"]);
}
