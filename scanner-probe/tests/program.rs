//! The program itself: it refuses what it cannot do, and ends by itself.

use std::{
    io::Write as _,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

fn probe(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_secure-scan-probe"));
    command
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

#[test]
fn a_folder_is_answered_whole() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("one"), "x").unwrap();
    let path = folder.path().to_str().unwrap();
    let mut child = probe(&["root", path, "n", "10"]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all(b"{\"sections\":[\"files\"],\"files\":[{}]}")
        .unwrap();
    drop(stdin);
    let out = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success() && text.contains(" /one"), "{text}");
    assert!(
        text.lines().last().unwrap().starts_with("@end n "),
        "{text}"
    );
}

#[test]
fn a_client_that_never_asks_does_not_keep_it() {
    let started = Instant::now();
    let mut child = probe(&["root", "/", "n", "1"]).spawn().unwrap();
    // Its standard input stays open, as with a client that hangs.
    let _open = child.stdin.take();
    let status = child.wait().unwrap();
    assert!(!status.success());
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_sidecar_stays_idle_until_its_pod_ends() {
    let mut child = probe(&["serve"]).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    assert!(child.try_wait().unwrap().is_none());
    let read =
        |file: &str| std::fs::read_to_string(format!("/proc/{}/{file}", child.id())).unwrap();
    let stat = read("stat");
    let fields: Vec<&str> = stat.split(' ').collect();
    // proc(5): ticks of a hundredth of a second, in user and in kernel mode.
    let ticks: u32 = fields[13].parse::<u32>().unwrap() + fields[14].parse::<u32>().unwrap();
    assert!(ticks <= 10, "{ticks} ticks of CPU");
    let status = read("status");
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    let kib: u32 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(kib < 8192, "{line}");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let ended = child.wait().unwrap();
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&ended),
        Some(15)
    );
}

#[test]
fn what_is_wrong_is_said() {
    for (args, word) in [
        (&["collect", "short", "n", "5"][..], "too short"),
        (
            &["collect", "0123456789abcdef-none", "n", "5"][..],
            "no process",
        ),
        (
            &["root", "/no/such/folder", "n", "5"][..],
            "cannot see the root",
        ),
        (&["wait", "x"][..], "number"),
        (&[][..], "usage"),
    ] {
        let mut child = probe(args).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A program that has ended already reads nothing.
        let _ = stdin.write_all(b"{}");
        drop(stdin);
        let out = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&out.stderr);
        assert!(
            !out.status.success() && text.contains(word),
            "{args:?}: {text}"
        );
    }
}
