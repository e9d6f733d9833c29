//! Two snapshots and what is reported about them.

use proptest::prelude::*;

use super::*;

fn stat(pid: i64, name: &str, parent: i64, start: u64) -> String {
    format!("p {pid} ({name}) S {parent} 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 {start} 0 0")
}

fn part(lines: &[String]) -> RawSection<'_> {
    RawSection {
        lines: lines.iter().map(String::as_bytes).collect(),
        gaps: Vec::new(),
        ending: Ending::Ok,
    }
}

/// A target with one process and one file, the agent with a child of its own.
fn quiet() -> Vec<String> {
    let mut lines = vec!["self 50".to_owned()];
    for (moment, child) in [("b", 51), ("a", 60)] {
        for process in [
            stat(1, "web", 0, 10),
            stat(50, "sh", 0, 900),
            stat(child, "dd", 50, 901),
            stat(child + 1, "x", child, 901),
        ] {
            lines.push(format!("{moment} {process}"));
        }
        lines.push(format!("{moment} s tcp 0100007F:1F90 77"));
        lines.push(format!("{moment} f 81a4 0 0 7 2026 /etc/./passwd"));
    }
    lines
}

fn differences_of(lines: &[String]) -> Vec<String> {
    match read(Some(part(lines))) {
        Collected::Complete { data } => data.differences,
        other => unreachable!("{other:?}"),
    }
}

#[test]
fn a_quiet_target_has_no_differences_and_the_agent_is_not_counted() {
    let Collected::Complete { data } = read(Some(part(&quiet()))) else {
        unreachable!("complete");
    };
    assert_eq!(data.differences, Vec::<String>::new());
    assert_eq!((data.processes, data.sockets, data.files), (1, 1, 1));
}

#[test]
fn each_kind_of_difference_is_reported() {
    let with = |more: &[&str]| {
        let mut lines = quiet();
        lines.extend(more.iter().map(|line| (*line).to_owned()));
        differences_of(&lines)
    };
    let started = format!("a {}", stat(70, "miner)\u{1b}", 1, 950));
    assert_eq!(with(&[&started]), ["process 70 (miner)\\u{1b}) started"]);
    let entered = format!("a {}", stat(71, "sh", 0, 950));
    assert_eq!(
        with(&[&entered]),
        ["process 71 (sh), which entered from outside the container started"]
    );
    let ended = format!("b {}", stat(8, "job", 1, 20));
    assert_eq!(with(&[&ended]), ["process 8 (job) ended"]);
    let reused = [&ended[..], &format!("a {}", stat(8, "job", 1, 21))].map(str::to_owned);
    assert_eq!(
        with(&[&reused[0], &reused[1]]).len(),
        2,
        "another process of that id"
    );
    assert_eq!(
        with(&["a s tcp 00000000:0050 9"]),
        ["socket tcp 0.0.0.0 port 80 began to listen"]
    );
    assert_eq!(
        with(&["b s unix /run/x.sock 9"]),
        ["socket unix /run/x.sock no longer listens"]
    );
    assert_eq!(
        with(&["a f 81a4 0 0 1 2026 /tmp/./new"]),
        ["file /tmp/new is new"]
    );
    assert_eq!(
        with(&["b f 81a4 0 0 1 2026 /tmp/./old"]),
        ["file /tmp/old is gone"]
    );
    let changed = ["b f 81a4 0 0 1 2026 /x", "a f 81ed 0 0 1 2026 /x"];
    assert_eq!(with(&changed), ["file /x changed"]);
}

#[test]
fn what_could_not_be_compared_is_never_a_silent_pass() {
    let partial = |lines: &[String]| match read(Some(part(lines))) {
        Collected::Partial { gaps, .. } => gaps.to_string(),
        other => unreachable!("{other:?}"),
    };
    assert!(matches!(read(None), Collected::Unavailable { .. }));
    let nothing = partial(&[]);
    assert!(nothing.contains("no process was seen before"), "{nothing}");
    assert!(nothing.contains("no file was looked at"), "{nothing}");
    let mut lines = quiet();
    lines.push("garbage".into());
    assert!(partial(&lines).contains("1 lines"));
    let mut twice = quiet();
    twice.push("a f 81a4 0 0 7 2026 /etc/passwd".into());
    assert!(partial(&twice).contains("1 lines"), "a path is there once");
    let mut closed = quiet();
    closed.push("closed /root".into());
    let Collected::Complete { data } = read(Some(part(&closed))) else {
        unreachable!("complete");
    };
    assert_eq!(data.closed, ["/root"]);
    let mut lost = quiet();
    lost.push("lost the target has no stat".into());
    assert_eq!(partial(&lost), "the target has no stat");
}

#[test]
fn many_differences_are_counted() {
    let mut lines = quiet();
    lines.extend((0..80).map(|n| format!("a f 81a4 0 0 7 2026 /tmp/./{n}")));
    let differences_of = differences_of(&lines);
    assert_eq!(differences_of.len(), 51);
    assert_eq!(differences_of[50], "and 30 more differences");
}

#[test]
fn what_is_longer_than_an_agent_makes_it_is_not_read_to_its_end() {
    let mut lines = quiet();
    // Each process is the parent of the one before it.
    lines.extend((100..200_000).map(|pid| format!("b {}", stat(pid, "x", pid + 1, 1))));
    let Collected::Partial { data, gaps } = read(Some(part(&lines))) else {
        unreachable!("it must be differences_of");
    };
    assert!(data.processes < MAX_LINES);
    assert!(gaps.to_string().contains("longer"), "{gaps}");
}

proptest! {
    #[test]
    fn hostile_lines_never_panic_and_are_reported_safely(lines in proptest::collection::vec(
        prop_oneof!["[ab] [psf] .{0,60}", ".{0,40}", Just("self 1".to_owned())], 0..20))
    {
        if let Collected::Complete { data } | Collected::Partial { data, .. } = read(Some(part(&lines))) {
            for text in data.differences {
                let safe = !text.contains('\u{1b}') && text.len() < 1000;
                prop_assert!(safe);
            }
        }
    }
}
