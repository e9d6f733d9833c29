//! The collector in real shells, on this machine's own files.

mod changes;
mod commands;
mod environment;
mod files;
mod homes;
mod life;
mod limits;
mod odd_shells;
mod packages;
mod processes;

use std::{
    io::Write as _,
    path::Path,
    process::{Child, Command, Stdio},
};

use super::*;
use crate::{Collected, Inventory, Section, parse};

/// Every shell that the collector must work in. All of them must be on the machine.
const SHELLS: [&[&str]; 3] = [&["dash", "-s"], &["bash", "-s"], &["busybox", "sh", "-s"]];

/// A shell that was given a whole script.
fn started(shell: &[&str], script: &str) -> Child {
    let mut child = Command::new(shell[0])
        .args(&shell[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(script.as_bytes()).unwrap();
    child
}

fn run(shell: &[&str], path: Option<&Path>, request: &InventoryRequest) -> Vec<u8> {
    let script = script(request, "n0nce");
    let mut command = Command::new(shell[0]);
    command
        .args(&shell[1..])
        .env_clear()
        .env(
            "PATH",
            path.map_or("/usr/bin:/bin".as_ref(), Path::as_os_str),
        )
        .env("API_TOKEN", "ghp_0123456789")
        .env("PEM", "-----BEGIN PRIVATE KEY-----\nxyz\nFAKE=1\n")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .unwrap_or_else(|error| unreachable!("{shell:?} must be installed: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(script.as_bytes()));
    let out = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(
        out.status.success(),
        "{shell:?}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    out.stdout
}

fn collect(shell: &[&str], request: &InventoryRequest) -> Inventory {
    let bytes = run(shell, None, request);
    let read = parse::inventory(NAME, &bytes, "n0nce", request);
    read.unwrap_or_else(|e| unreachable!("{shell:?}: {e}\n{}", String::from_utf8_lossy(&bytes)))
}

fn everything() -> InventoryRequest {
    InventoryRequest {
        sections: Section::ALL.into_iter().collect(),
        files: vec![FileSelector {
            paths: vec!["/etc/passwd".into(), "/no/such/file".into()],
            ..FileSelector::default()
        }],
        commands: ["sh".into(), "no-such-command".into()].into(),
        ..InventoryRequest::default()
    }
}

fn complete<T>(shell: &[&str], name: &str, collected: &Collected<T>) {
    assert!(
        matches!(collected, Collected::Complete { .. }),
        "{shell:?} {name}: {:?}",
        collected.coverage()
    );
}

#[test]
fn every_section_is_answered_in_every_shell() {
    for shell in SHELLS {
        let found = collect(shell, &everything());
        complete(shell, "identity", &found.identity);
        complete(shell, "files", &found.files);
        complete(shell, "users", &found.users);
        complete(shell, "groups", &found.groups);
        complete(shell, "shadow", &found.shadow);
        complete(shell, "processes", &found.processes);
        complete(shell, "listeners", &found.listeners);
        complete(shell, "connections", &found.connections);
        complete(shell, "mounts", &found.mounts);
        complete(shell, "env", &found.env);
        complete(shell, "commands", &found.commands);
        complete(shell, "packages", &found.packages);
        complete(shell, "os", &found.os);
        complete(shell, "kernel", &found.kernel);
        let files = found.files.data().unwrap();
        assert!(files[0].exists && !files[1].exists, "{files:?}");
        let users = found.users.data().unwrap();
        assert!(users.iter().any(|u| u.name == "root" && u.uid == 0));
        let packages = found.packages.data().unwrap();
        assert!(packages.iter().any(|p| p.name == "libc6"), "{shell:?}");
        assert!(found.agent.digests);
        assert!(found.processes.data().unwrap().iter().any(|p| p.pid == 1));
    }
}

#[test]
fn the_environment_is_named_and_never_sent() {
    for shell in SHELLS {
        let bytes = run(shell, None, &everything());
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("ghp_0123"), "{shell:?}");
        assert!(!text.contains("xyz"), "{shell:?}");
        let found = parse::inventory(NAME, &bytes, "n0nce", &everything()).unwrap();
        let env = found.env.data().unwrap();
        let seen: Vec<_> = env
            .iter()
            .filter(|e| e.name != "PATH")
            .map(|e| (e.name.as_str(), e.shape.as_str(), e.length))
            .collect();
        let expected = [
            ("API_TOKEN", "github_token", 14),
            ("PEM", "private_key", 39),
        ];
        for variable in expected {
            assert!(seen.contains(&variable), "{shell:?} {seen:?}");
        }
        assert!(!seen.iter().any(|e| e.0 == "FAKE"), "{shell:?} {seen:?}");
    }
}
