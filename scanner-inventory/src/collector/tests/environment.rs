//! The environment of the container's first process, beside that of a new one.

use std::{fs, os::unix::process::CommandExt as _, time::Duration};

use nix::unistd::geteuid;
use tempfile::TempDir;

use super::*;
use crate::{EnvVar, GapKind};

/// A key that must never be in an answer.
const KEY: &str = "AKIA0123456789ABCDEF";

/// A process that ends with this value.
struct Sleeper(Child);

impl Sleeper {
    /// Starts one with the variables, and waits until what it runs has them and a new process begins later.
    fn start(variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new("sleep");
        command.arg("60").env_clear().env("PATH", "/usr/bin:/bin");
        let child = command.envs(variables.iter().copied()).spawn().unwrap();
        let name = format!("/proc/{}/comm", child.id());
        while fs::read_to_string(&name).is_ok_and(|name| name.trim() != "sleep") {
            std::thread::yield_now();
        }
        std::thread::sleep(Duration::from_millis(30));
        Self(child)
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.0.kill().unwrap_or_default();
        let _ = self.0.wait();
    }
}

/// What the collector takes for the cgroups of processes: a container of `first` and the collector, with others beside it.
struct Container(TempDir);

impl Container {
    fn of(first: &Sleeper, others: &[&Sleeper]) -> Self {
        let own = Self(tempfile::tempdir().unwrap());
        own.has(first.0.id(), "0::/\n1:cpu:/target\n");
        for other in others {
            own.has(other.0.id(), "0::/../other\n");
        }
        own
    }

    fn has(&self, pid: u32, cgroups: &str) {
        fs::write(self.0.path().join(pid.to_string()), cgroups).unwrap();
    }

    /// What a changed collector answers in it, and what that is read as.
    fn collected(&self, shell: &[&str], changed: &[(&str, &str)]) -> (Vec<u8>, Inventory) {
        let request = InventoryRequest {
            sections: [Section::Env].into(),
            ..InventoryRequest::default()
        };
        let cgroups = format!("{}/$1", self.0.path().display());
        let own = [("/proc/$1/cgroup", cgroups.as_str())];
        let mut script = script(&request, "n0nce");
        for (from, to) in own.iter().chain(changed) {
            assert!(script.contains(from), "{from}");
            script = script.replace(from, to);
        }
        let mut child = Command::new(shell[0])
            .args(&shell[1..])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        self.has(child.id(), "0::/\n1:cpu:/target\n");
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(script.as_bytes()).unwrap();
        drop(stdin);
        let out = child.wait_with_output().unwrap().stdout;
        let found = parse::inventory(NAME, &out, "n0nce", &request).unwrap();
        (out, found)
    }
}

/// Nothing is found by its mounts, as for a user who is not shown those of others.
const NO_MOUNTS: (&str, &str) = ("-ef \"/proc/$$/ns/mnt\"", "-ef /no/such/place");

fn names(env: &Collected<Vec<EnvVar>>) -> Vec<(&str, &str)> {
    let all = env.data().into_iter().flatten();
    let all = all.filter(|variable| variable.name != "PATH");
    all.map(|v| (v.name.as_str(), v.shape.as_str())).collect()
}

#[test]
fn what_an_entrypoint_exports_is_in_the_environment_and_its_value_is_not_sent() {
    let before = Sleeper::start(&[("OF_ANOTHER", "x")]);
    let first = Sleeper::start(&[("KEY", KEY), ("LINES", "a\nB=1\n")]);
    let later = Sleeper::start(&[("LATER", "x")]);
    let container = Container::of(&first, &[&before]);
    container.has(later.0.id(), "0::/\n1:cpu:/target\n");
    for shell in SHELLS {
        let (out, mut found) = container.collected(shell, &[NO_MOUNTS]);
        assert!(!String::from_utf8_lossy(&out).contains("AKIA"), "{shell:?}");
        complete(shell, "env", &found.env);
        complete(shell, "process_env", &found.process_env);
        let expected = [("KEY", "aws_key"), ("LINES", "plain")];
        assert_eq!(names(&found.process_env), expected, "{shell:?}");
        assert!(!names(&found.env).contains(&expected[0]), "{shell:?}");
        found.join_process_env();
        complete(shell, "env", &found.env);
        assert_eq!(found.process_env, Collected::NotRequested);
        assert!(names(&found.env).contains(&expected[0]), "{shell:?}");
        let paths = found.env.data().unwrap().iter();
        assert_eq!(paths.filter(|v| v.name == "PATH").count(), 1, "{shell:?}");
    }
}

#[test]
fn a_first_process_is_found_by_its_mounts_too() {
    if !geteuid().is_root() {
        eprintln!("NOT RUN: it needs root, to see the mount namespaces of all processes");
        return;
    }
    let other = Sleeper::start(&[]);
    let none = Container::of(&other, &[]);
    none.has(other.0.id(), "0::/../other\n");
    for shell in SHELLS {
        let (_, found) = none.collected(shell, &[]);
        // It is the first one of this machine, which may be one of the kernel.
        let is_found = !matches!(found.process_env, Collected::Unavailable { .. });
        assert!(is_found, "{shell:?}: {:?}", found.process_env);
        let (_, found) = none.collected(shell, &[NO_MOUNTS]);
        assert!(
            matches!(found.process_env, Collected::Unavailable { .. }),
            "{shell:?}"
        );
    }
}

#[test]
fn what_cannot_be_read_of_the_first_process_is_a_gap_beside_what_was_read() {
    let long = "x".repeat(5000);
    let first = Sleeper::start(&[("KEY", KEY), ("LONG", &long)]);
    let container = Container::of(&first, &[]);
    let shut = ("if ! opens \"$place\"", "if true");
    let short = ("most_blocks=512", "most_blocks=1");
    let hidden = ("[ -d /proc/1 ]", "[ -d /no/such/process ]");
    let broken = (
        "tr '\\000\\n' '\\n\\001' | variables",
        "sed 's/KEY=/KEY/' | tr '\\000\\n' '\\n\\001' | variables",
    );
    for shell in SHELLS {
        for (change, kind, seen) in [
            (shut, GapKind::NotReadable, false),
            (short, GapKind::OverLimit, true),
            (hidden, GapKind::NotReadable, false),
            (broken, GapKind::Malformed, false),
        ] {
            let (_, mut found) = container.collected(shell, &[NO_MOUNTS, change]);
            found.join_process_env();
            complete(shell, "env", &found.env);
            let kinds: Vec<GapKind> = match &found.process_env {
                Collected::Partial { gaps, .. } => gaps.iter().map(|gap| gap.kind).collect(),
                Collected::Unavailable { .. } => vec![GapKind::NotReadable],
                other => unreachable!("{shell:?} {change:?}: {other:?}"),
            };
            assert_eq!(kinds, [kind], "{shell:?} {change:?}");
            let is_seen = names(&found.env).iter().any(|(name, _)| *name == "KEY");
            assert_eq!(is_seen, seen, "{shell:?} {change:?}");
        }
    }
}

#[test]
fn the_environment_of_another_user_is_a_gap() {
    if !geteuid().is_root() {
        eprintln!("NOT RUN: it needs root, to collect as another user");
        return;
    }
    let first = Sleeper::start(&[("KEY", KEY)]);
    let container = Container::of(&first, &[]);
    let folder = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(container.0.path(), folder).unwrap();
    let other = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
    ];
    for shell in SHELLS {
        let shell = [&other[..], shell].concat();
        let (_, found) = container.collected(&shell, &[]);
        complete(&shell, "env", &found.env);
        let Collected::Partial { gaps, .. } = &found.process_env else {
            unreachable!("{shell:?}: {:?}", found.process_env);
        };
        let gap = gaps.iter().next().unwrap();
        assert_eq!(gap.kind, GapKind::NotReadable);
        let place = format!("/proc/{}/environ", first.0.id());
        assert_eq!(gap.path.as_ref().unwrap().to_string(), place);
    }
}

#[test]
fn a_collector_that_says_nothing_of_the_first_process_has_not_seen_it() {
    let first = Sleeper::start(&[]);
    let container = Container::of(&first, &[]);
    let (_, mut found) =
        container.collected(SHELLS[0], &[("section process_env", "section other")]);
    assert!(matches!(found.process_env, Collected::Unavailable { .. }));
    found.join_process_env();
    assert!(matches!(found.process_env, Collected::Unavailable { .. }));
}
