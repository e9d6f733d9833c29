//! A collector leaves no process behind.

use std::{fs, time::Duration};

use super::*;

/// Processes of a process group, zombies included; of the shell itself only while it runs.
fn members(group: u32) -> Vec<String> {
    let mut all = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        let Some((_, rest)) = stat.rsplit_once(") ") else {
            continue;
        };
        let fields: Vec<&str> = rest.split(' ').collect();
        let shell = stat.starts_with(&format!("{group} ("));
        if fields[2] == group.to_string() && !(shell && fields[0] == "Z") {
            all.push(stat.trim().to_owned());
        }
    }
    all
}

/// A collector in a process group of its own, whose standard input stays open.
fn held(shell: &[&str], under: &str, seconds: u32) -> (Child, std::process::ChildStdin) {
    let request = InventoryRequest {
        sections: [Section::Files].into(),
        files: vec![FileSelector {
            under: vec![under.into()],
            ..FileSelector::default()
        }],
        ..InventoryRequest::default()
    };
    // What its parent does not wait for becomes a child of this process, which never does: so it stays and is seen.
    nix::sys::prctl::set_child_subreaper(true).unwrap();
    let script = script_held(&request, "n0nce", seconds);
    let mut command = Command::new("setsid");
    command
        .args(shell)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(script.as_bytes()).unwrap();
    (child, stdin)
}

fn until_none(group: u32, limit: Duration) {
    let begun = std::time::Instant::now();
    while !members(group).is_empty() {
        assert!(begun.elapsed() < limit, "{:#?}", members(group));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_answer_comes_while_standard_input_stays_open_and_nothing_stays() {
    for shell in SHELLS {
        let (child, stdin) = held(shell, "/etc", 60);
        let group = child.id();
        let out = child.wait_with_output().unwrap();
        assert!(out.status.success(), "{shell:?}: {out:?}");
        let text = String::from_utf8_lossy(&out.stdout);
        assert!(text.contains("@end n0nce"), "{shell:?}: {text}");
        until_none(group, Duration::from_secs(30));
        drop(stdin);
    }
}

/// Reads until the trailer came.
fn read_whole(child: &mut Child) {
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut line = Vec::new();
    while !line.starts_with(b"@end n0nce") {
        line.clear();
        assert_ne!(
            std::io::BufRead::read_until(&mut out, b'\n', &mut line).unwrap(),
            0
        );
    }
}

#[test]
fn a_collector_with_a_long_answer_stays_until_its_reader_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let long = "x".repeat(200);
    for number in 0..1500 {
        fs::write(dir.path().join(format!("{number}{long}")), "").unwrap();
    }
    let place = dir.path().to_str().unwrap();
    for shell in SHELLS {
        let (mut child, stdin) = held(shell, place, 60);
        read_whole(&mut child);
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(child.try_wait().unwrap(), None, "{shell:?}");
        drop(stdin);
        until_none(child.id(), Duration::from_secs(30));
        child.wait().unwrap();
        // A reader that is as fast as can be.
        for _ in 0..5 {
            let (mut child, stdin) = held(shell, place, 60);
            read_whole(&mut child);
            drop(stdin);
            until_none(child.id(), Duration::from_secs(30));
            child.wait().unwrap();
        }
        // One that is gone without a word.
        let (mut child, stdin) = held(shell, place, 15);
        read_whole(&mut child);
        until_none(child.id(), Duration::from_secs(30));
        child.wait().unwrap();
        drop(stdin);
    }
}

#[test]
fn a_collector_whose_reader_is_gone_at_any_moment_of_its_start_ends() {
    // Nobody reads the answer, which is longer than what a pipe holds.
    for shell in SHELLS {
        for round in 0..30 {
            let (mut child, stdin) = held(shell, "/usr", 60);
            std::thread::sleep(Duration::from_millis(round * 3));
            drop(stdin);
            until_none(child.id(), Duration::from_secs(20));
            child.wait().unwrap();
        }
    }
}

#[test]
fn a_collector_whose_standard_input_ends_or_whose_time_is_up_ends_with_all_it_started() {
    // Nobody reads the answer, which is longer than what a pipe holds.
    for shell in SHELLS {
        for hang_up in [true, false] {
            let (mut child, stdin) = held(shell, "/usr", if hang_up { 60 } else { 5 });
            let group = child.id();
            let begun = std::time::Instant::now();
            while members(group).len() <= 3 {
                let all = members(group);
                assert!(
                    begun.elapsed() < Duration::from_secs(20),
                    "{shell:?}: {all:#?}"
                );
                std::thread::sleep(Duration::from_millis(20));
            }
            let stdin = if hang_up {
                drop(stdin);
                None
            } else {
                Some(stdin)
            };
            until_none(group, Duration::from_secs(30));
            assert!(!child.wait().unwrap().success());
            drop(stdin);
        }
    }
}
