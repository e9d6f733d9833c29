//! The scripts of `scripts/security-enhanced` hand over their arguments as they are, in every shell.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf, process::Command};

/// Name, the command that it runs, and how many arguments it needs.
const SCRIPTS: [(&str, &str, usize); 3] = [
    ("secure-scan-container.sh", "container", 4),
    ("secure-scan-distroless-container.sh", "distroless", 4),
    ("secure-scan-with-sidecar.sh", "image", 3),
];

const SHELLS: [&[&str]; 3] = [&["dash"], &["bash", "--posix"], &["busybox", "sh"]];

fn script(name: &str) -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.join("../scripts/security-enhanced").join(name)
}

/// Exit code, standard output and standard error of a script whose program prints its arguments and ends with 3.
fn run(shell: &[&str], name: &str, arguments: &[&str]) -> (i32, String, String) {
    let dir = tempfile::tempdir().expect("a program that runs");
    let program = dir.path().join("a program");
    fs::write(&program, "#!/bin/sh\nprintf '%s\\n' \"$@\"\nexit 3\n").expect("a program that runs");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a program that runs");
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).arg(script(name)).args(arguments);
    let output = command
        .env("SECURE_SCAN", &program)
        .output()
        .expect("a program that runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().unwrap_or(-1);
    (code, text(&output.stdout), text(&output.stderr))
}

/// The arguments of the program.
fn expected(command: &str, needed: usize, values: &[&str], more: &[&str]) -> String {
    let (target, profile) = (values[1], values[needed - 1]);
    let mut all = vec![command.to_owned(), format!("--namespace={}", values[0])];
    if needed == 4 {
        all.push(format!("--container={}", values[2]));
    }
    all.push(format!("--profile={profile}"));
    all.extend(more.iter().map(|&one| one.to_owned()));
    all.extend(["--".to_owned(), target.to_owned()]);
    all.join("\n") + "\n"
}

#[test]
fn arguments_and_exit_codes_are_passed_on_as_they_are() {
    let odd = ["-n", "a b;$(exit 9)`exit 8`", "*", "-p 'x\" \\"];
    for (name, command, needed) in SCRIPTS {
        for shell in SHELLS {
            let values = &odd[4 - needed..];
            let with = |more: &[&'static str]| [values, more].concat();
            for (given, more) in [
                (with(&[]), vec![]),
                (with(&["t.yml"]), vec!["--threshold=t.yml"]),
                (with(&[""]), vec!["--threshold="]),
                (
                    with(&["{failed.total.max: 0}"]),
                    vec!["--threshold={failed.total.max: 0}"],
                ),
                (with(&["--", "-o", "json=a b"]), vec!["-o", "json=a b"]),
                (
                    with(&["t.yml", "--", "-v"]),
                    vec!["--threshold=t.yml", "-v"],
                ),
                (with(&["t.yml", "--"]), vec!["--threshold=t.yml"]),
            ] {
                let (code, out, err) = run(shell, name, &given);
                let wanted = expected(command, needed, values, &more);
                assert_eq!(
                    (code, out.as_str(), err.as_str()),
                    (3, wanted.as_str(), ""),
                    "{shell:?} {name}"
                );
            }
        }
    }
}

#[test]
fn too_few_or_too_many_arguments_are_wrong_usage_and_start_nothing() {
    for (name, _, needed) in SCRIPTS {
        for shell in SHELLS {
            let few: Vec<&str> = std::iter::repeat_n("a", needed - 1).collect();
            let many: Vec<&str> = std::iter::repeat_n("a", needed + 2).collect();
            for given in [vec![], few, many] {
                let (code, out, err) = run(shell, name, &given);
                assert_eq!((code, out.as_str()), (2, ""), "{shell:?} {name} {given:?}");
                assert!(err.starts_with("usage: ") && err.contains(name), "{err}");
            }
        }
    }
}

#[test]
fn a_program_that_is_not_there_is_no_pass() {
    for (name, _, needed) in SCRIPTS {
        let given: Vec<&str> = std::iter::repeat_n("a", needed).collect();
        let mut command = Command::new("dash");
        command.arg(script(name)).args(given);
        let status = command.env("SECURE_SCAN", "/no/such/program").status();
        assert_eq!(status.unwrap().code(), Some(127), "{name}");
        let mode = fs::metadata(script(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{name} can be run");
    }
}
