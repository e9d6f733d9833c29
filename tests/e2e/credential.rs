//! The token of a scan: in memory and on disk, after it.

use std::fs;

use nix::{
    sys::{
        signal::{Signal, kill},
        stat::Mode,
    },
    unistd::{Pid, mkfifo},
};
use scanner_tests::{
    TestNamespace, eventually, memory_reader,
    program::{ProgramOutput, text},
};
use tokio::process::Command;

#[tokio::test]
async fn after_a_scan_the_token_is_nowhere_in_memory() {
    let site = TestNamespace::new("wiped").await;
    let dir = tempfile::tempdir().unwrap();
    let report = dir.path().join("report");
    // The program waits here for a reader, after its scan is over.
    mkfifo(&report, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    let output = format!("json={}", report.display());
    let log = dir.path().join("log");
    let args = ["web", "-o", &output, "--audit-log", text(&log)];
    let (child, _proxy, _kubeconfig) = site.start_slowly(&args).await;
    let pid = child.id().unwrap();
    let logged = |part: &str| fs::read_to_string(&log).is_ok_and(|log| log.contains(part));
    eventually("a token", async || {
        logged(r#""event":"token""#).then_some(())
    })
    .await;
    // It is stopped for as long as its memory is read, which takes longer than it keeps a token.
    let scan = Pid::from_raw(pid.try_into().unwrap());
    kill(scan, Signal::SIGSTOP).unwrap();
    let token = memory_reader::scan_token_in_memory(pid);
    kill(scan, Signal::SIGCONT).unwrap();
    let token = token.expect("a token in memory");
    eventually("the end of the audit log", async || {
        logged("payloadType").then_some(())
    })
    .await;
    let signature = token.rsplit('.').next().unwrap();
    let payload = token.split('.').nth(1).unwrap();
    for (name, part) in [
        ("signature", &signature[..24]),
        ("payload", &payload[40..80]),
    ] {
        eventually(&format!("a memory without the {name}"), async || {
            let left = memory_reader::count_in_memory(pid, part.as_bytes()).unwrap();
            (left == 0).then_some(())
        })
        .await;
    }
    let reader = tokio::task::spawn_blocking(move || fs::read_to_string(report));
    let output = ProgramOutput::from(child.wait_with_output().await.unwrap());
    assert_eq!(output.code, 1, "{output:?}");
    assert!(!reader.await.unwrap().unwrap().contains(&token));
    assert!(!fs::read_to_string(&log).unwrap().contains(&token));
    site.remove().await;
}

#[tokio::test]
async fn a_scan_writes_its_token_to_no_file() {
    let traced = Command::new("strace").arg("-V").output().await;
    if traced.is_err() {
        eprintln!("NOT RUN: it needs strace");
        return;
    }
    let site = TestNamespace::new("strace").await;
    let dir = tempfile::tempdir().unwrap();
    let (trace, log) = (dir.path().join("trace"), dir.path().join("log"));
    let context = std::env::var("SCANNER_E2E_CONTEXT").unwrap();
    let path = std::env::var("SCANNER_E2E_PROGRAM").unwrap();
    let mut command = Command::new("strace");
    let calls = "trace=open,openat,creat,write,pwrite64,writev,execve,rename,link,symlink";
    command.args([
        "-f",
        "-s",
        "200000",
        "-e",
        calls,
        "-o",
        text(&trace),
        "--",
        &path,
    ]);
    command.args([
        "container",
        "web",
        "-n",
        &site.namespace,
        "--context",
        &context,
    ]);
    command.args(["--audit-log", text(&log), "-o", "json"]);
    let output = ProgramOutput::from(command.output().await.unwrap());
    assert_eq!(output.code, 1, "{output:?}");
    let trace = fs::read_to_string(&trace).unwrap();
    assert!(
        trace.contains("pods/exec"),
        "the audit log is written, and seen"
    );
    // A token begins so. What goes to the server is encrypted before it is written.
    let bare: Vec<&str> = trace.lines().filter(|l| l.contains("eyJhbG")).collect();
    assert_eq!(bare, Vec::<&str>::new());
    let opened: Vec<&str> = trace
        .lines()
        .filter(|l| l.contains("O_WRONLY") || l.contains("O_RDWR") || l.contains("O_CREAT"))
        .filter(|l| !l.contains("/dev/") && !l.contains(text(&log)))
        .collect();
    assert_eq!(
        opened,
        Vec::<&str>::new(),
        "no other file is opened for writing"
    );
    site.remove().await;
}
