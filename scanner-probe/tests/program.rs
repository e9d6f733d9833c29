//! The program itself: it refuses what it cannot do, and ends by itself.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::{
        linux::net::SocketAddrExt as _,
        unix::{
            fs::PermissionsExt as _,
            net::{SocketAddr, UnixStream},
            process::{CommandExt as _, ExitStatusExt as _},
        },
    },
    path::Path,
    process::{Child, Command, ExitStatus, Output, Stdio},
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
    assert_eq!(ended.signal(), Some(15));
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
        (&["root", "/", "n", "5", "hold"][..], "usage"),
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

/// A user that is not root, for tests of what such a user may do. Without the right to become it the tests
/// are this user's own.
const USER: u32 = 65_532;

/// The program where every user may run it, and nobody but root may read it.
fn published(folder: &Path) -> std::path::PathBuf {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("a copy");
    let copy = folder.join("probe");
    fs::copy(env!("CARGO_BIN_EXE_secure-scan-probe"), &copy).expect("a copy");
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o111)).expect("a copy");
    copy
}

fn as_user(command: &mut Command) -> &mut Command {
    if rustix::process::geteuid().is_root() {
        command.uid(USER).gid(USER);
    }
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
}

fn answer_of(mut child: Child, request: &[u8]) -> Output {
    child
        .stdin
        .take()
        .expect("stdin")
        .write_all(request)
        .expect("it reads");
    child.wait_with_output().expect("it reads")
}

#[test]
fn names_that_may_be_listed_and_not_looked_at_are_no_complete_answer() {
    let folder = tempfile::tempdir().unwrap();
    let program = published(folder.path());
    let listed = folder.path().join("root/listed");
    fs::create_dir_all(&listed).unwrap();
    fs::write(listed.join("key.pem"), "x").unwrap();
    // As a directory of root that others may read and not enter.
    fs::set_permissions(&listed, fs::Permissions::from_mode(0o444)).unwrap();
    let root = folder.path().join("root");
    let mut command = Command::new(program);
    command.args(["root", root.to_str().unwrap(), "n", "10"]);
    let child = as_user(&mut command).spawn().unwrap();
    let out = answer_of(child, b"{\"sections\":[\"files\"],\"files\":[{}]}");
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(text.contains("!partial "), "{text}");
    fs::set_permissions(&listed, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn another_process_of_its_user_cannot_look_into_it() {
    let folder = tempfile::tempdir().unwrap();
    let program = published(folder.path());
    let mut command = Command::new(program);
    let mut child = as_user(command.args(["wait", "20"])).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let pid = child.id();
    for what in ["fd/1", "environ", "mem", "root"] {
        let mut cat = Command::new("head");
        cat.args(["-c1", &format!("/proc/{pid}/{what}")]);
        let out = as_user(&mut cat).output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(said.contains("Permission denied"), "{what}: {said}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// How the program ended, if it did within that time; it is killed where it did not.
fn ended(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let started = Instant::now();
    while started.elapsed() < limit {
        if let Some(status) = child.try_wait().expect("a child") {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().expect("a child");
    child.wait().expect("a child");
    None
}

/// A search through this machine that finds nothing, and so writes nothing for a while.
const SEARCH: &[u8] =
    b"{\"sections\":[\"files\"],\"files\":[{\"name\":[\"no-such-name\"],\"digest\":true}]}";
/// All of this machine's files, which fill every pipe.
const ALL: &[u8] = b"{\"sections\":[\"files\"],\"files\":[{}]}";

#[test]
fn a_client_that_holds_standard_input_open_gets_its_answer() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("one"), "x").unwrap();
    let path = folder.path().to_str().unwrap();
    let mut child = probe(&["root", path, "n", "60", "held"]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    // A field of a later version, and a request in two pieces.
    stdin
        .write_all(b"{\"sections\":[\"files\"],\"later\":1,")
        .unwrap();
    std::thread::sleep(Duration::from_millis(100));
    stdin.write_all(b"\"files\":[{}]}").unwrap();
    let mut text = String::new();
    let mut lines = BufReader::new(&mut stdout);
    while !text
        .lines()
        .last()
        .is_some_and(|l| l.starts_with("@end n "))
    {
        assert_ne!(lines.read_line(&mut text).unwrap(), 0, "{text}");
    }
    assert!(text.contains(" /one"), "{text}");
    // Its container ends with it, so it stays until its client has the whole answer.
    std::thread::sleep(Duration::from_millis(500));
    assert!(child.try_wait().unwrap().is_none(), "it waits");
    drop(stdin);
    let status = ended(&mut child, Duration::from_secs(20));
    assert!(status.is_some_and(|status| status.success()), "{status:?}");
}

#[test]
fn it_ends_with_the_standard_input_that_its_client_holds_open() {
    for (request, held) in [(ALL, true), (ALL, false), (&ALL[..9], true)] {
        let last: &[&str] = if held { &["held"] } else { &[] };
        let args = [&["root", "/", "n", "600"][..], last].concat();
        let mut child = probe(&args).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(request).unwrap();
        if held {
            std::thread::sleep(Duration::from_millis(500));
            assert!(child.try_wait().unwrap().is_none(), "it still reads");
        }
        drop(stdin);
        // Its output is read by nobody, so that by itself it would stay.
        let limit = Duration::from_secs(if held { 10 } else { 2 });
        let status = ended(&mut child, limit);
        assert_eq!(status.is_some(), held, "{status:?}");
        assert!(!status.is_some_and(|status| status.success()));
    }
}

#[test]
fn it_ends_when_nobody_reads_its_output_any_more() {
    for last in [&[][..], &["held"]] {
        let args = [&["root", "/", "n", "600"][..], last].concat();
        let mut child = probe(&args).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(SEARCH).unwrap();
        let held = Some(stdin).filter(|_| !last.is_empty());
        drop(child.stdout.take());
        let status = ended(&mut child, Duration::from_secs(10)).expect("it ends");
        // By itself, before it had anything to write.
        assert_eq!(status.signal(), Some(6), "{status:?}");
        drop(held);
    }
}

#[test]
fn the_barrier_opens_when_it_is_asked_to_and_ends_badly_at_its_deadline() {
    let started = Instant::now();
    let mut barrier = probe(&["barrier", "1"]).spawn().unwrap();
    let status = ended(&mut barrier, Duration::from_secs(20)).expect("it ends");
    assert!(!status.success() && started.elapsed() >= Duration::from_secs(1));
    // In a container the canary ends with the barrier, so that the barrier waits until it has answered.
    let mut barrier = probe(&["barrier", "60"]).spawn().unwrap();
    let place = SocketAddr::from_abstract_name("secure-scan-barrier").unwrap();
    let begun = Instant::now();
    let mut asks = loop {
        if let Ok(stream) = UnixStream::connect_addr(&place) {
            break stream;
        }
        assert!(begun.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(20));
    };
    asks.write_all(b"go").unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(barrier.try_wait().unwrap(), None, "it has not answered yet");
    drop(asks);
    let status = ended(&mut barrier, Duration::from_secs(10));
    assert!(status.is_some_and(|status| status.success()), "{status:?}");
    let mut barrier = probe(&["barrier", "60"]).spawn().unwrap();
    // It takes a moment before it can be asked.
    let begun = Instant::now();
    loop {
        let out = answer_of(probe(&["canary", "100"]).spawn().unwrap(), b"go\n");
        if out.stdout == b"went\n" {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{out:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    let status = ended(&mut barrier, Duration::from_secs(10));
    assert!(status.is_some_and(|status| status.success()), "{status:?}");
}
